"""Lost, doubled, late and overtaken messages change nothing: two hosts' real loops, behind buses in trouble.

While a tenant's objects change at random, each loop keeps its copy and says of every port that it is wired.  In the
end, with the trouble still on, each has what a whole fetch brings, and every port of a host is ACTIVE.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.api.conftest import Cloud
from tests.api.test_sync import HOSTS, World
from tests.api.test_sync import Agent as Copy
from tests.fakes.trouble import TroubledBus

from heddle.agent.events import Events
from heddle.agent.loop import Loop
from heddle.agent.mirror import Mirror
from heddle.agent.roles.base import Drift, Host
from heddle.api.server import AgentCalls
from heddle.bus.memory import MemoryAgentBus, MemoryServerBus
from heddle.config import Agent, Settings
from heddle.view.compile import Compiler
from heddle.view.types import Ref, RoleState, Status

SETTLED = 60.0


class Wires:
    """A role that says at once of each port that it is up, at the revision that it was given."""

    name = "switch"

    def prepare(self, host: Host) -> None: ...

    def close(self) -> None: ...

    def audit(self, mirror: Mirror) -> list[Drift]:
        return []

    def state(self, mirror: Mirror) -> RoleState:
        return RoleState(role=self.name)

    def reconcile(self, mirror: Mirror, changed: frozenset[Ref] | None) -> list[Status]:
        ids = mirror.ports.keys() if changed is None else {ref.id for ref in changed if ref.kind == "port"}
        ports = [mirror.ports[id] for id in ids if id in mirror.ports]
        return [Status(kind="port", id=port.id, revision=port.revision, state="up") for port in ports]


class TroubledHost:
    """A loop in a thread of its own."""

    def __init__(self, name: str, server: MemoryServerBus, chance: random.Random) -> None:
        agent = Agent(host=name, roles=("switch",), resync_seconds=0.5, report_seconds=0.5, digest_seconds=2.0)
        self.name, self.events = name, Events()
        self.bus = TroubledBus(MemoryAgentBus(server), chance)
        self.loop = Loop(Settings(agent=agent), self.bus, [Wires()], "netdev", self.events)
        self.bus.start(name, self.events.wake)
        self._thread = threading.Thread(target=self.loop.run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.events.stop()
        self._thread.join(10)
        self.bus.stop()

    def content(self) -> object:
        copy = Copy(self.name, random.Random())
        copy.mirror = self.loop.mirror
        return copy.content()


@contextmanager
def hosts(cloud: Cloud, chance: random.Random) -> Iterator[list[TroubledHost]]:
    server = MemoryServerBus()
    server.start(AgentCalls(cloud.store, cloud.settings))
    cloud.store.on_commit = server.wake
    made = [TroubledHost(name, server, chance) for name in HOSTS]
    try:
        yield made
    finally:
        for host in made:
            host.stop()


def settled(cloud: Cloud, host: TroubledHost) -> bool:
    """Whether the host has what a whole fetch brings, and its ports' statuses are what it said."""
    whole = Copy(host.name, random.Random())
    whole.fetch(cloud, Compiler(), lossy=False)
    try:
        same = host.content() == whole.content()
    except RuntimeError:
        return False  # the loop was changing it
    ports = cloud.admin.client.get(f"/v2.0/ports?binding:host_id={host.name}").json()["ports"]
    return same and all(port["status"] == "ACTIVE" for port in ports if port["binding:vif_type"] == "ovs")


@pytest.mark.parametrize("seed", range(3))
def test_trouble_with_messages_changes_nothing(own_cloud: Cloud, seed: int) -> None:
    chance = random.Random(seed)
    with hosts(own_cloud, chance) as made:
        for host in HOSTS:
            own_cloud.report(host)
        world = World(own_cloud, chance)
        for _ in range(300):
            world.change()
            time.sleep(0.01)
        for host in made:
            end = time.monotonic() + SETTLED
            while not settled(own_cloud, host):
                assert time.monotonic() < end, (seed, host.name, host.bus.happened)
                time.sleep(0.1)
        happened = sum((host.bus.happened for host in made), start=Counter[str]())
        for what in ("wake lost", "wake doubled", "wake late", "fetch lost", "fetch late", "answer to fetch lost",
                     "fetch doubled", "report "):  # fmt: skip
            assert any(name.startswith(what) for name in happened), (what, happened)
        assert sum(len(host.loop.mirror.ports) for host in made) > 3
