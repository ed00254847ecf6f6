"""The router role on a fake host: what is touched, what is not, and what a broken router does to others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.fakes import l3
from tests.fakes.cloud import FakeCloud
from tests.fakes.kernel import FakeKernel
from tests.unit.test_router_crossings import passing

from heddle.agent.mirror import Mirror
from heddle.agent.roles.base import Host
from heddle.agent.roles.router import RouterRole
from heddle.config import Agent, Settings
from heddle.host import tracked_ports
from heddle.host.ovs import PortSpec
from heddle.view.types import AssignmentView, FetchRequest, PortView, Ref, Route, Status


class World:
    """A cloud, a host and the role between them; `step` does what the agent's loop does."""

    def __init__(self) -> None:
        self.cloud, self.kernel, self.mirror = FakeCloud("host1"), FakeKernel(), Mirror()
        self.touched: list[Ref] = []
        self.restart()
        self.cloud.put(
            l3.network("public", external=True), l3.subnet("public4", "public", "203.0.113.0/24", "203.0.113.1")
        )

    def restart(self) -> None:
        self.mirror = Mirror()
        self.role = RouterRole(self.kernel.spaces, self.kernel.radvd)  # type: ignore[arg-type]
        ovs: Any = self.kernel.ovs
        self.role.prepare(Host(Settings(agent=Agent(roles=("router",))), ovs, "netdev", self.touched.extend))

    def router(self, number: int, gateway: str = "203.0.113.10", **more: Any) -> str:
        id_, network = l3.uuid(number), f"n{number}"
        port = l3.gateway_port(number + 1, id_, {"public4": gateway})
        inside = l3.interface_port(number + 2, id_, network, {f"s{number}": "10.0.0.1"})
        self.cloud.put(l3.network(network), l3.subnet(f"s{number}", network, "10.0.0.0/24", "10.0.0.1"))
        self.cloud.port(port)
        self.cloud.port(inside)
        self.cloud.put(
            l3.router(id_, port, **more), AssignmentView(id=f"router/{id_}", role="router", object_id=id_)
        )
        return id_

    def floating(self, name: str, router: str, address: str, fixed: str) -> None:
        self.cloud.put(l3.floating_ip(name, router, address, fixed, l3.port(0x99, "n", {})))

    def step(self, everything: bool = False) -> dict[Ref, Status]:
        self.kernel.touched.clear()
        changed: set[Ref] = set()
        for _ in range(2):
            request = FetchRequest(host="host1", revision=self.mirror.revision, scopes=sorted(self.mirror.scopes))
            changed |= self.mirror.apply(self.cloud.fetch(request))
        self.role.foretell(self.mirror, None if everything else frozenset(changed))
        statuses = self.role.reconcile(self.mirror, None if everything else frozenset(changed))
        return {Ref(each.kind, each.id): each for each in statuses}

    def space(self, router: str) -> str:
        return f"qrouter-{router}"


@pytest.fixture
def world() -> World:
    return World()


def test_a_router_is_made(world: World) -> None:
    router = world.router(0x10)
    assert world.step()[Ref("router", router)].state == "up"
    held = world.kernel.held[world.space(router)]
    assert held.addresses == {"qg-00000011-00": {"203.0.113.10/24"}, "qr-00000012-00": {"10.0.0.1/24"}}
    assert sorted(held.announced) == ["10.0.0.1", "203.0.113.10"]
    ids = {name: spec.external_ids["iface-id"] for name, spec in world.kernel.ovs.ports.items()}
    assert ids == {"qg-00000011-00": l3.uuid(0x11), "qr-00000012-00": l3.uuid(0x12)}


def test_nothing_new_touches_nothing(world: World) -> None:
    world.router(0x10)
    world.step()
    assert world.step() == {}
    world.step(everything=True)
    assert world.kernel.touched == []


def test_a_floating_ip_touches_its_router_alone(world: World) -> None:
    one, two = world.router(0x10), world.router(0x20, "203.0.113.11")
    world.step()
    world.floating("f", one, "203.0.113.20", "10.0.0.9")
    assert world.step()[Ref("floating_ip", "f")].state == "up"
    assert set(world.kernel.touched) == {("rules", world.space(one)), ("layout", world.space(one))}
    assert world.kernel.held[world.space(one)].announced[-1] == "203.0.113.20"
    assert world.space(two) not in {name for _, name in world.kernel.touched}


def test_connections_of_a_floating_ip_that_goes_are_cut(world: World) -> None:
    router = world.router(0x10)
    world.floating("f", router, "203.0.113.20", "10.0.0.9")
    world.step()
    held = world.kernel.held[world.space(router)]
    held.connections = {"203.0.113.20", "203.0.113.10"}
    world.cloud.remove(Ref("floating_ip", "f"))
    world.step()
    assert held.connections == {"203.0.113.10"}


def test_only_connections_to_a_port_that_is_forwarded_no_more_are_cut(world: World) -> None:
    router = world.router(0x10)
    kept, gone = l3.forwarding((80, 80), "10.0.0.9", (80, 80)), l3.forwarding((90, 99), "10.0.0.9", (9, 9))
    world.cloud.put(l3.forwarding_ip("f", router, "203.0.113.20", kept, gone))
    assert world.step()[Ref("floating_ip", "f")].state == "up"
    held = world.kernel.held[world.space(router)]
    assert "203.0.113.20/32" in held.addresses["qg-00000011-00"]
    held.connections = {"203.0.113.20:80", "203.0.113.20:95", "203.0.113.10:95"}
    world.cloud.put(l3.forwarding_ip("f", router, "203.0.113.20", kept))
    world.step()
    assert held.connections == {"203.0.113.20:80", "203.0.113.10:95"}


@pytest.mark.parametrize("restarted", [False, True])
def test_connections_that_another_scope_would_not_let_be_are_cut(world: World, restarted: bool) -> None:
    """Also where the scope has changed while no agent ran; what is as it was is not asked about."""
    router = world.router(0x10)
    world.cloud.port(l3.interface_port(0x13, router, "second", {"second4": "10.0.1.1"}))
    second = l3.subnet("second4", "second", "10.0.1.0/24", "10.0.1.1")
    world.cloud.put(l3.network("second"), second)
    world.step()
    held = world.kernel.held[world.space(router)]
    across, out = passing("10.0.0.9", "10.0.1.9"), passing("10.0.0.9", "192.0.2.1", answered="203.0.113.10")
    held.passing = {across, out}
    world.cloud.put(l3.floating_ip("f", router, "203.0.113.20", "10.0.1.9", l3.port(0x99, "n", {})))
    world.step()
    assert held.passing == {across, out}
    world.cloud.put(msgspec.structs.replace(second, address_scope="other"))
    if restarted:
        world.restart()
    world.step(restarted)
    assert held.passing == {out}


def test_a_router_that_shifts_too_many_ports_says_which(world: World) -> None:
    router = world.router(0x10)
    wide = [l3.forwarding((first, first + 29999), "10.0.0.9", (first + 1, first + 30000)) for first in (1, 30001)]
    world.cloud.put(l3.forwarding_ip("f", router, "203.0.113.20", *wide))
    world.cloud.put(l3.forwarding_ip("g", router, "203.0.113.21", wide[0], l3.forwarding((2, 2), "10.0.0.8", (3, 3))))
    found = world.step()
    assert (found[Ref("floating_ip", "f")].state, found[Ref("router", router)].state) == ("up", "up")
    assert found[Ref("floating_ip", "g")].state == "error" and "w1" in found[Ref("floating_ip", "g")].message
    items = [item for held in world.kernel.held[world.space(router)].table.elements for item in held.items]
    assert "203.0.113.21 . tcp . 2 : 10.0.0.8 . 3" in items and len(items) == 60002


def test_nothing_is_forwarded_of_a_protocol_whose_ports_the_kernel_does_not_track(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is told and the rest of the address works; on a kernel that tracks them all is well."""
    monkeypatch.setattr(tracked_ports, "SETTINGS", tmp_path)
    for name in ("nf_conntrack_max", "nf_conntrack_sctp_timeout_closed"):
        (tmp_path / name).touch()
    router = world.router(0x10)
    both = [l3.forwarding((1, 1), "10.0.0.9", (2, 2), "dccp"), l3.forwarding((3, 3), "10.0.0.9", (4, 4), "sctp")]
    forwards = l3.forwarding_ip("f", router, "203.0.113.20", *both)
    world.cloud.put(forwards)
    found = world.step()
    assert (found[Ref("floating_ip", "f")].state, found[Ref("router", router)].state) == ("error", "up")
    assert "w1: the kernel of this host does not track the ports of dccp" in found[Ref("floating_ip", "f")].message
    assert forwarded(world, router) == {"203.0.113.20 . sctp . 3 : 10.0.0.9 . 4"}
    (tmp_path / "nf_conntrack_dccp_timeout_request").touch()
    world.cloud.put(forwards)
    assert world.step()[Ref("floating_ip", "f")].state == "up"
    assert "203.0.113.20 . dccp . 1 : 10.0.0.9 . 2" in forwarded(world, router)


def forwarded(world: World, router: str) -> set[str]:
    table = world.kernel.held[world.space(router)].table
    assert table is not None
    return {item for held in table.elements if held.name == "forward_changed" for item in held.items}


def test_connections_of_a_floating_ip_that_leads_elsewhere_are_cut(world: World) -> None:
    router = world.router(0x10)
    world.floating("f", router, "203.0.113.20", "10.0.0.9")
    world.step()
    held = world.kernel.held[world.space(router)]
    held.connections = {"203.0.113.20"}
    world.floating("f", router, "203.0.113.20", "10.0.0.10")
    world.step()
    assert held.connections == set()


def test_a_router_that_fails_leaves_the_others(world: World) -> None:
    bad, good = world.router(0x10), world.router(0x20, "203.0.113.11")
    world.kernel.fail[world.space(bad)] = OSError(5, "no")
    statuses = world.step()
    assert statuses[Ref("router", bad)].state == "error"
    assert statuses[Ref("router", good)].state == "up"
    world.kernel.fail.clear()
    assert world.role.reconcile(world.mirror, frozenset({Ref("router", bad)}))[0].state == "up"


def test_a_port_that_cannot_be_read_leaves_the_rest_of_its_router(world: World) -> None:
    router = world.router(0x10)
    bad = l3.interface_port(0x15, router, "n16", {"s16": "10.0.0.77"})
    world.cloud.put(msgspec.structs.replace(bad, mac_address="nonsense"))
    status = world.step()[Ref("router", router)]
    assert (status.state, l3.uuid(0x15) in status.message) == ("error", True)
    assert "qr-00000012-00" in world.kernel.held[world.space(router)].addresses


def test_a_namespace_that_is_not_ours_is_left_alone(world: World) -> None:
    router = world.router(0x10)
    world.kernel.make(world.space(router), ours=False)
    status = world.step(everything=True)[Ref("router", router)]
    assert status.state == "error" and "is not Heddle's" in status.message
    assert world.kernel.held[world.space(router)].addresses == {}


def test_a_router_that_leaves_the_host_is_removed(world: World) -> None:
    router = world.router(0x10)
    world.step()
    world.cloud.remove(Ref("assignment", f"router/{router}"))
    assert world.step()[Ref("router", router)].state == "gone"
    assert world.kernel.held == {} and world.kernel.ovs.ports == {}


def test_what_was_unwanted_while_the_agent_was_away_is_removed(world: World) -> None:
    one, two = world.router(0x10), world.router(0x20, "203.0.113.11")
    world.step()
    world.cloud.remove(Ref("assignment", f"router/{one}"))
    world.restart()
    world.step(everything=True)
    assert list(world.kernel.held) == [world.space(two)]
    assert world.kernel.touched == [("removal", world.space(one))]


def test_what_is_on_the_switch_without_a_namespace_goes(world: World) -> None:
    """One of a router whose namespace an agent removed just before it ended; that of one that failed stays."""
    one, two = world.router(0x10), world.router(0x20, "203.0.113.11")
    world.step()
    before = set(world.kernel.ovs.ports)
    world.cloud.remove(Ref("assignment", f"router/{one}"))
    del world.kernel.held[world.space(one)]
    world.kernel.fail[world.space(two)] = OSError("none")
    world.restart()
    assert world.step(everything=True)[Ref("router", two)].state == "error"
    gone = before - set(world.kernel.ovs.ports)
    assert gone and {name for what, name in world.kernel.touched if what == "reaping"} == gone
    assert {spec.external_ids["iface-id"] for spec in world.kernel.ovs.ports.values()} == {
        port.id for port in world.mirror.ports_by_device.of(two)
    }


def test_a_restart_adopts_what_is_right(world: World) -> None:
    world.router(0x10)
    world.step()
    world.restart()
    assert {status.state for status in world.step(everything=True).values()} == {"up"}
    assert world.kernel.touched == []


def test_an_interface_that_is_taken_away(world: World) -> None:
    router = world.router(0x10)
    world.step()
    world.cloud.remove_port(l3.uuid(0x12))
    world.step()
    assert list(world.kernel.held[world.space(router)].addresses) == ["qg-00000011-00"]
    assert list(world.kernel.ovs.ports) == ["qg-00000011-00"]


def test_a_subnet_that_comes_late_completes_its_router(world: World) -> None:
    router = world.router(0x10)
    world.cloud.remove(Ref("subnet", "s16"))
    assert "waits for subnet s16" in world.step()[Ref("router", router)].message
    world.cloud.put(l3.subnet("s16", "n16", "10.0.0.0/24", "10.0.0.1"))
    assert world.step()[Ref("router", router)].state == "up"


def test_a_route_to_nowhere_is_told_on_the_router(world: World) -> None:
    router = world.router(0x10, routes=[Route("10.9.0.0/16", "192.0.2.1")])
    status = world.step()[Ref("router", router)]
    assert status.state == "error" and "next hop 192.0.2.1" in status.message


def test_a_floating_ip_without_a_gateway_is_told_on_it(world: World) -> None:
    router = world.router(0x10)
    world.cloud.remove_port(l3.uuid(0x11))
    world.floating("f", router, "203.0.113.20", "10.0.0.9")
    statuses = world.step()
    assert statuses[Ref("floating_ip", "f")].state == "error"
    assert statuses[Ref("router", router)].state == "up"


def test_drift_is_repaired_and_told(world: World) -> None:
    router = world.router(0x10)
    world.step()
    held = world.kernel.held[world.space(router)]
    held.addresses["qr-00000012-00"].clear()
    held.table = None
    found = world.role.audit(world.mirror)
    assert [(each.kind, each.id) for each in found] == [("router", router)] * 2
    assert held.addresses["qr-00000012-00"] == {"10.0.0.1/24"}
    assert world.role.audit(world.mirror) == []


def test_drift_that_a_change_comes_upon_is_told_by_the_next_audit(world: World) -> None:
    router, other = world.router(0x10), world.router(0x20)
    world.step()
    world.kernel.held[world.space(router)].table = None
    del world.kernel.held[world.space(router)].addresses["qr-00000012-00"]
    del world.kernel.held[world.space(other)]
    world.floating("f", router, "203.0.113.20", "10.0.0.9")
    world.floating("g", other, "203.0.113.21", "10.0.0.9")
    world.step()
    assert world.role.audit(world.mirror, repair=False) == []
    found = [(each.id, each.expected, each.found) for each in world.role.audit(world.mirror)]
    space = world.space(router)
    assert sorted(found) == [
        (router, f"{space}: interface qr-00000012-00", "missing"),
        (router, f"{space}: table inet heddle", "changed by hand, or missing"),
        (other, f"namespace {world.space(other)}", "none of that name, or another one"),
    ]
    assert world.role.audit(world.mirror) == []


def test_a_change_is_no_drift(world: World) -> None:
    router = world.router(0x10)
    world.step()
    world.floating("f", router, "203.0.113.20", "10.0.0.9")
    world.cloud.port(l3.interface_port(0x15, router, "n16", {"s16": "10.0.0.2"}))
    world.step()
    assert "qr-00000015-00" in world.kernel.held[world.space(router)].addresses
    assert world.role.audit(world.mirror) == []


def test_a_namespace_and_a_port_that_were_removed_come_back(world: World) -> None:
    router = world.router(0x10)
    world.step()
    del world.kernel.held[world.space(router)]
    del world.kernel.ovs.ports["qr-00000012-00"]
    assert len(world.role.audit(world.mirror)) == 1
    assert world.space(router) in world.kernel.held
    assert "qr-00000012-00" in world.kernel.ovs.ports
    del world.kernel.ovs.ports["qr-00000012-00"]
    assert [(each.kind, each.id) for each in world.role.audit(world.mirror)] == [("port", l3.uuid(0x12))]


def test_an_audit_that_fails_asks_for_the_router_again(world: World) -> None:
    router = world.router(0x10)
    world.step()
    world.kernel.fail[world.space(router)] = OSError(5, "no")
    assert world.role.audit(world.mirror) == []
    assert world.touched == [Ref("router", router)]


def test_a_port_name_that_is_taken_fails_its_router_alone(world: World) -> None:
    bad, good = world.router(0x10), world.router(0x20, "203.0.113.11")
    world.kernel.ovs.ports["qr-00000012-00"] = PortSpec("br-other", "qr-00000012-00", external_ids={"iface-id": "x"})
    statuses = world.step()
    assert statuses[Ref("router", bad)].state == "error"
    assert "is on the bridge br-other" in statuses[Ref("router", bad)].message
    assert statuses[Ref("router", good)].state == "up"
    assert "qr-00000022-00" in world.kernel.ovs.ports


def test_the_record_counts(world: World) -> None:
    router = world.router(0x10)
    world.floating("f", router, "203.0.113.20", "10.0.0.9")
    world.step()
    shown = world.role.state(world.mirror).configuration
    assert (shown["routers"], shown["interfaces"], shown["ex_gw_ports"], shown["floating_ips"]) == (1, 1, 1, 1)


def advertising(world: World) -> tuple[str, PortView]:
    """A router that advertises on an interface."""
    router = world.router(0x10)
    port = l3.interface_port(0x13, router, "six", {"six6": "fd00::1"})
    world.cloud.put(l3.network("six"), l3.subnet("six6", "six", "fd00::/64", "fd00::1", ipv6_ra_mode="slaac"))
    world.cloud.port(port)
    assert world.step()[Ref("router", router)].state == "up"
    assert [each.interface for each in world.kernel.advertised[router]] == ["qr-00000013-00"]
    return router, port


def test_who_advertises_no_more_says_so(world: World) -> None:
    router, port = advertising(world)
    world.step()
    assert world.kernel.farewells == []
    world.cloud.remove_port(port.id)
    world.step()
    assert [(each.interface, each.lifetime) for each in world.kernel.farewells] == [("qr-00000013-00", 0)]
    assert router not in world.kernel.advertised


def test_a_router_that_goes_to_another_host_says_nothing(world: World) -> None:
    router, _ = advertising(world)
    world.cloud.remove(Ref("assignment", f"router/{router}"))
    world.step()
    assert world.kernel.farewells == [] and router not in world.kernel.advertised


def test_after_a_restart_what_went_meanwhile_is_told(world: World) -> None:
    _, port = advertising(world)
    world.cloud.remove_port(port.id)
    world.restart()
    world.step(everything=True)
    assert [(each.interface, each.lifetime) for each in world.kernel.farewells] == [("qr-00000013-00", 0)]
