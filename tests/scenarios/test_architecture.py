"""ARCHITECTURE.md follows one POST of a port through the code: its files, functions and order are true."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fakes.client import People
from tests.fakes.switch import FakeSwitch

from heddle.agent.events import Events
from heddle.agent.loop import Loop
from heddle.api.app import App
from heddle.api.server import AgentCalls
from heddle.bus.base import AgentBus
from heddle.config import Settings
from heddle.host.ovs import PortSpec
from heddle.store.engine import Store
from heddle.view.types import FetchReply, FetchRequest, ReportReply, ReportRequest, Wake

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "heddle"
ROW = re.compile(r"\| \d+ \| `([\w/.]+)` \| `(\w+)` \|")
HOST = "host1"


def steps() -> list[tuple[str, str]]:
    found = ROW.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    return [(file, function) for file, function in found]


class DirectBus(AgentBus):
    """The server's side of calls, in the same thread."""

    def __init__(self, calls: AgentCalls) -> None:
        self._calls = calls

    def start(self, host: str, on_wake: Callable[[Wake], None]) -> None: ...

    def subscribe(self, scopes: object) -> None: ...

    def stop(self) -> None: ...

    def fetch(self, request: FetchRequest) -> FetchReply:
        return self._calls.fetch(request)

    def report(self, request: ReportRequest) -> ReportReply:
        return self._calls.report(request)


class Trace:
    """Which functions of Heddle were called, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def __enter__(self) -> Trace:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, argument: Any) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(str(SOURCE)):
            self.calls.append((path.removeprefix(f"{SOURCE}/"), frame.f_code.co_name))


def test_the_files_are_there_and_few_and_short() -> None:
    files = [file for file, _ in steps()]
    assert len(files) == len(set(files)) and 10 <= len(files) <= 15
    lines = {file: len((SOURCE / file).read_text(encoding="utf-8").splitlines()) for file in files}
    assert sum(lines.values()) <= 2500, lines


def test_other_paths_that_are_named_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = {name for name in re.findall(r"`([\w/]+(?:\.py|/))`", text) if name != "src/heddle/"}
    missing = [name for name in named if not (SOURCE / name).exists() and not (ROOT / name).exists()]
    assert missing == []


def test_a_port_takes_this_way(app: App, store: Store, settings: Settings, people: People) -> None:
    switch = FakeSwitch()
    events = Events()
    calls = AgentCalls(store, settings)
    own = type(settings)(paths=settings.paths, agent=type(settings.agent)(host=HOST, bridge_mappings=()))
    loop = Loop(own, DirectBus(calls), [switch.role], "netdev", events)
    loop.cycle()
    admin = people.admin
    network = admin.post("/v2.0/networks", {"network": {"name": "n"}}).json()["network"]["id"]
    subnet = {"network_id": network, "ip_version": 4, "cidr": "192.0.2.0/24", "enable_dhcp": False}
    admin.post("/v2.0/subnets", {"subnet": subnet})
    with Trace() as trace:
        port = {"network_id": network, "binding:host_id": HOST}
        made = admin.post("/v2.0/ports", {"port": port}).json()["port"]
        switch.database.devices.add("tap1")
        switch.ovs.add_ports([PortSpec("br-int", "tap1", external_ids={"iface-id": made["id"]})])
        for _ in range(3):
            events.wake(Wake(scopes=[f"host:{HOST}"]))
            loop.cycle()
    assert admin.get(f"/v2.0/ports/{made['id']}").json()["port"]["status"] == "ACTIVE"
    order = in_order(trace.calls)
    assert order == steps()


def in_order(calls: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The steps of the document that were called, by their first call; `host/openflow.py` is faked on this host."""
    wanted = steps()
    called = set(calls) | {("host/openflow.py", "apply")}
    return [step for step in wanted if step in called]
