"""The metadata role with a process that only notes: what is told, what is not, and what an audit finds."""

from __future__ import annotations

import pytest
from tests.fakes import l3
from tests.fakes.cloud import FakeCloud
from tests.fakes.metadata import FakeProcess

from heddle.agent.mirror import Mirror
from heddle.agent.roles import metadata
from heddle.agent.roles.base import Host
from heddle.agent.roles.metadata import MetadataRole
from heddle.config import Metadata, Settings
from heddle.errors import HeddleError
from heddle.view.types import AssignmentView, FetchRequest, Ref, Status

ROUTER = l3.uuid(0x100)


class World:
    def __init__(self, **settings: bool) -> None:
        self.cloud, self.process = FakeCloud("host1"), FakeProcess()
        self.touched: list[Ref] = []
        self._settings = Settings(metadata=Metadata(**settings))  # type: ignore[arg-type]
        self.restart()

    def restart(self) -> None:
        self.mirror = Mirror()
        self.role = MetadataRole(self.process)  # type: ignore[arg-type]
        self.role.prepare(Host(self._settings, None, "netdev", self.touched.extend))

    def routed(self, guests: int = 1) -> None:
        self.cloud.put(
            l3.network("n1"), l3.subnet("s1", "n1", "10.0.0.0/16", "10.0.0.1"), l3.router(ROUTER),
            AssignmentView(id=f"router/{ROUTER}", role="router", object_id=ROUTER),
        )  # fmt: skip
        self.cloud.port(l3.interface_port(0x101, ROUTER, "n1", {"s1": "10.0.0.1"}))
        for number in range(guests):
            self.guest(0x1000 + number)

    def isolated(self) -> None:
        self.cloud.put(
            l3.network("n2"), l3.subnet("s2", "n2", "10.0.0.0/16", "10.0.0.1"),
            AssignmentView(id="dhcp/n2", role="dhcp", object_id="n2"),
        )  # fmt: skip
        self.cloud.port(l3.dhcp_port(0x201, "n2", {"s2": "10.0.0.2"}))

    def guest(self, number: int) -> None:
        self.cloud.port(l3.port(number, "n1", {"s1": f"10.0.{number >> 8}.{number & 255}"}), "elsewhere")

    def step(self, everything: bool = False) -> list[Status]:
        self.process.news.clear()
        self.process.opened.clear()
        changed: set[Ref] = set()
        for _ in range(2):
            request = FetchRequest(host="host1", revision=self.mirror.revision, scopes=sorted(self.mirror.scopes))
            changed |= self.mirror.apply(self.cloud.fetch(request))
        return self.role.reconcile(self.mirror, None if everything else frozenset(changed))

    def knows(self, number: int, network: str = "n1") -> bool:
        address = f"10.0.{number >> 8}.{number & 255}"
        return self.process.guests.find(network, address, l3.mac(number)) is not None

    def told(self) -> int:
        """How many objects the last step brought."""
        return sum(len(scope.objects) for news in self.process.news for scope in news.scopes)


@pytest.fixture
def world() -> World:
    return World()


QR, QDHCP = f"qrouter-{ROUTER}/qr-{l3.uuid(0x101)[:11]}", f"qdhcp-n2/tap{l3.uuid(0x201)[:11]}"


def test_a_guest_more_is_an_object_more(world: World) -> None:
    world.routed(50)
    assert world.step() == [] and world.process.opened == [QR] and world.told() == 53
    assert all(world.knows(0x1000 + number) for number in range(50)) and not world.knows(0x2000)
    world.guest(0x2000)
    world.step()
    assert world.told() == 1 and world.process.opened == [] and world.knows(0x2000)
    world.cloud.remove_port(l3.uuid(0x2000))
    world.step()
    assert world.told() == 0 and not world.knows(0x2000) and world.knows(0x1000)
    world.step(everything=True)
    assert world.process.news == [] and world.process.opened == []


def test_a_floating_ip_more_is_an_object_more(world: World) -> None:
    world.routed()
    world.step()
    guest = l3.port(0x1000, "n1", {"s1": "10.0.16.0"})
    world.cloud.put(l3.floating_ip("f", ROUTER, "203.0.113.9", "10.0.16.0", guest))
    world.step()
    found = world.process.guests.find("n1", "10.0.16.0", l3.mac(0x1000))
    assert world.told() == 1 and found is not None and found.cards[0].floating == ("203.0.113.9",)
    world.restart()
    world.step()
    assert world.process.news == []
    world.cloud.remove(Ref("floating_ip", "f"))
    world.step()
    found = world.process.guests.find("n1", "10.0.16.0", l3.mac(0x1000))
    assert world.told() == 0 and found is not None and found.cards[0].floating == ()


def test_a_restarted_agent_brings_what_differs(world: World) -> None:
    world.routed()
    world.isolated()
    world.step()
    assert sorted(world.process.opened) == sorted([QR, QDHCP])
    world.restart()
    world.step()
    assert world.process.news == [] and world.process.opened == []
    world.restart()
    world.guest(0x2000)
    world.cloud.remove(Ref("assignment", "dhcp/n2"))
    world.cloud.remove_port(l3.uuid(0x201))
    world.step()
    (news,) = world.process.news
    assert news.dropped == ["network:n2"] and [each.scope for each in news.scopes] == ["network:n1"]
    assert world.knows(0x2000) and world.process.listeners.keys() == {QR} and world.process.starts == 1


def test_a_process_that_was_ended_is_started_and_told_everything(world: World) -> None:
    world.routed()
    world.step()
    world.process.killed()
    (drift,) = world.role.audit(world.mirror, repair=False)
    assert drift.kind == "host" and world.process.starts == 1
    (drift,) = world.role.audit(world.mirror)
    assert (drift.expected, drift.found) == ("the metadata process", "it has ended")
    assert world.knows(0x1000) and world.process.starts == 2 and world.role.audit(world.mirror) == []
    world.process.killed()
    world.guest(0x2000)
    with pytest.raises(HeddleError):
        world.step()
    world.step(everything=True)
    assert world.knows(0x2000) and world.process.starts == 3


def test_nobody_waits_for_the_process_to_start(world: World) -> None:
    """What changes meanwhile is told when it is there, and no audit takes it for missing."""
    world.process.slow = True
    world.routed()
    assert world.step() == [] and not world.process.connected and world.process.opened == []
    world.guest(0x2000)
    assert world.step() == [] and world.process.starts == 0 and world.role.audit(world.mirror) == []
    assert world.touched == []
    world.process.come()
    assert world.touched == [metadata.STARTED] and world.role.audit(world.mirror) == []
    world.role.reconcile(world.mirror, frozenset(world.touched))
    assert world.process.opened == [QR] and world.knows(0x1000) and world.knows(0x2000)
    assert world.role.audit(world.mirror) == [] and world.process.starts == 1


def test_a_start_that_fails_is_said_and_tried_again(world: World) -> None:
    world.process.slow = True
    world.routed()
    world.step()
    world.process.come(dead="it does not start")
    with pytest.raises(HeddleError, match="it does not start"):
        world.role.reconcile(world.mirror, frozenset(world.touched))
    world.step(everything=True)
    assert world.process.opened == [QR] and world.process.starts == 1


def test_one_that_nobody_wants_when_it_has_started_is_ended(world: World) -> None:
    world.process.slow = True
    world.routed()
    world.step()
    world.cloud.put(l3.router(ROUTER, admin_state_up=False))
    world.step()
    assert world.process.is_there() and world.role.audit(world.mirror) == []
    world.process.come()
    world.role.reconcile(world.mirror, frozenset(world.touched))
    assert not world.process.running and world.role.audit(world.mirror) == []


def test_a_listener_that_is_missing_is_drift(world: World) -> None:
    world.routed()
    world.step()
    world.process.listeners.clear()
    for repair in (False, True):
        (drift,) = world.role.audit(world.mirror, repair)
        assert (drift.kind, drift.id, drift.found) == ("router", ROUTER, "nobody listens")
    assert world.process.listeners.keys() == {QR} and world.role.audit(world.mirror) == []


def test_an_interface_that_is_not_there_is_said_of_its_router_until_it_is(world: World) -> None:
    world.routed()
    world.isolated()
    world.process.broken.add(QR.partition("/")[2])
    (status,) = world.step()
    assert (status.kind, status.id, status.state) == ("router", ROUTER, "error")
    assert "there is no interface qr-" in status.message and world.process.listeners.keys() == {QDHCP}
    world.process.broken.clear()
    (status,) = world.role.reconcile(world.mirror, frozenset({Ref("router", ROUTER)}))
    assert status.state == "up" and world.process.listeners.keys() == {QR, QDHCP}
    assert world.role.reconcile(world.mirror, frozenset({Ref("router", ROUTER)})) == []


def test_nobody_is_served(world: World) -> None:
    """A router that is down, a network with a router as its gateway, and DHCP alone where that is not wanted."""
    world.isolated()
    world.step()
    assert world.process.listeners.keys() == {QDHCP}
    world.cloud.port(l3.interface_port(0x202, "far", "n2", {"s2": "10.0.0.1"}), "elsewhere")
    world.step()
    assert world.process.listeners == {} and world.process.news[-1].dropped == ["cloud", "network:n2"]
    world.cloud.remove_port(l3.uuid(0x202))
    world.step()
    assert world.process.listeners.keys() == {QDHCP}
    world.routed()
    world.cloud.put(l3.router(ROUTER, admin_state_up=False))
    world.step()
    assert world.process.listeners.keys() == {QDHCP}
    assert world.process.starts == 1
    other = World(isolated_networks=False)
    other.isolated()
    other.step()
    assert not other.process.running


def test_the_process_waits_a_while_for_somebody_to_serve(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty; it goes on when there is somebody again, and ends when nobody comes."""
    world.routed()
    world.step()
    for _ in range(2):
        world.cloud.put(l3.router(ROUTER, admin_state_up=False))
        world.step()
        assert world.role.audit(world.mirror) == []
        assert world.process.running and world.process.listeners == {} and not world.knows(0x1000)
        world.cloud.put(l3.router(ROUTER))
        assert world.step() == []
        assert world.process.listeners.keys() == {QR} and world.knows(0x1000) and world.process.starts == 1
    world.cloud.put(l3.router(ROUTER, admin_state_up=False))
    world.step()
    monkeypatch.setattr(metadata, "LINGER", 0.0)
    world.role.audit(world.mirror, repair=False)
    assert world.process.running
    world.role.audit(world.mirror)
    assert not world.process.running
    world.cloud.put(l3.router(ROUTER))
    world.step()
    assert world.process.listeners.keys() == {QR} and world.knows(0x1000) and world.process.starts == 2
