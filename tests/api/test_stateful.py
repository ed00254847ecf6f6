"""A run of generated requests by several people: no error of ours, every route with success, the database whole.

`make stateful` is the long run; this one is short, always the same, and shows that damage would be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.fakes.client import Answer, Client
from tests.stateful import invariants
from tests.stateful.cook import topology
from tests.stateful.determined import determined
from tests.stateful.run import explore
from tests.stateful.world import Failure, Step, World

from heddle.model.network import Network
from heddle.store import tables
from heddle.store.engine import Tx
from heddle.store.query.records import Records

SEED = 20


@pytest.mark.timeout(600)
def test_a_run_of_generated_requests(tmp_path: Path) -> None:
    result = explore(3000, SEED, tmp_path, every=1000, progress=print)
    assert not result.failure, result.failure
    assert not result.unreached, f"never answered with success, seed {SEED}: {result.unreached}"
    assert {200, 201, 204, 400, 401, 403, 404, 409} <= set(result.statuses)


def test_a_failure_is_told_with_the_requests_that_lead_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that fails for a network that becomes the default, of which the run needs just the last request."""
    right = Records.update

    def fails(self: Records[Any], tx: Tx, old: Any, new: Any) -> Any:
        if self.model is Network and new.is_default != old.is_default:
            raise RuntimeError("no default today")
        return right(self, tx, old, new)

    monkeypatch.setattr(Records, "update", fails)
    result = explore(3000, 1, tmp_path, progress=print, patience=60)
    lines = result.failure.splitlines()
    assert "500" in lines[0] and "seed 1" in lines[0]
    assert "PUT /v2.0/networks/" in lines[-1] and "is_default" in lines[-1]
    assert len(lines) < 6, result.failure


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with determined(SEED) as source:
        made = World(tmp_path_factory.mktemp("damage") / "cloud", SEED, source)
        assert topology(made, "ann")
        invariants.check(made)
        yield made
        made.close()


t = tables


def _no_floating_port() -> Any:
    return sa.delete(t.ports).where(t.ports.c.device_owner == "network:floatingip")


DAMAGE: dict[str, tuple[str, Callable[[], Any]]] = {
    "a port without its network": ("no_orphans", lambda: sa.delete(t.networks)),
    "a rule without its group": ("no_orphans", lambda: sa.delete(t.security_groups)),
    "a floating IP without its port": ("no_orphans", _no_floating_port),
    "one too many is counted": ("counts", lambda: sa.update(t.quota_usage).values(used=t.quota_usage.c.used + 1)),
    "none is counted": ("counts", lambda: sa.delete(t.quota_usage)),
    "nothing is free": ("addresses", lambda: sa.delete(t.ip_ranges)),
    "a given address is free": ("addresses", lambda: sa.update(t.ip_ranges).values(first="0" * 32)),
    "an address of elsewhere": ("addresses", lambda: sa.update(t.subnets).values(cidr="192.0.2.0/24")),
    "a segment that nobody claims": ("segments", lambda: sa.delete(t.segment_claims)),
    "a gateway of no router": ("owners", lambda: sa.update(t.routers).values(gateway_port_id=None)),
    "one segment for all": ("nothing_twice", lambda: sa.update(t.networksegments).values(segmentation_id=7)),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_seen(world: World, damage: str) -> None:
    rule, statement = DAMAGE[damage]

    def work(tx: Tx) -> None:
        tx.conn.execute(statement())
        invariants.check_rows(tx.conn)

    with pytest.raises(Failure, match=rule):
        world.cloud.store.write(work)
    invariants.check(world)


def test_a_change_that_is_said_to_be_refused_is_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step(10**6, "ann", "POST", "/v2.0/networks", b'{"network": {}}')
    answer = world.play(step, careful=True)
    assert answer is not None and answer.status == 201
    right = Client.call

    def call(self: Client, *args: Any) -> Answer:
        done = right(self, *args)
        return Answer(409, done.headers, done.body)

    monkeypatch.setattr(Client, "call", call)
    with pytest.raises(Failure, match="although it was refused"):
        world.play(Step(10**6 + 1, "ann", "POST", "/v2.0/networks", b'{"network": {}}'), careful=True)
    monkeypatch.undo()
    invariants.check(world)
