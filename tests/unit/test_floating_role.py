"""Floating IPs on the hosts of their guests, on a fake host: the namespaces, and what leads to them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.fakes import l3
from tests.fakes.cloud import FakeCloud
from tests.fakes.kernel import FakeKernel
from tests.fakes.objects import default_group, mac, network, port, port_id
from tests.fakes.switch import FakeSwitch

from heddle.agent.mirror import Mirror
from heddle.agent.roles.base import Host
from heddle.agent.roles.floating import FloatingRole
from heddle.agent.routed_floating import FLOATING_GATEWAY
from heddle.config import Settings, load
from heddle.host import helpers
from heddle.host.run import CommandError
from heddle.view.types import (
    ConntrackHelper,
    FetchRequest,
    FixedIp,
    FloatingIpView,
    NeighbourView,
    PortView,
    Ref,
    Route,
    RouterView,
    Segment,
    Status,
    SubnetView,
)

SPACE, ADDRESS, DEVICE = "qfip-r", "203.0.113.20/32", "fg-00000009-00"


def floating(name: str = "f", address: str = "203.0.113.20", guest: int = 1, host: str = "host1") -> FloatingIpView:
    return FloatingIpView(
        id=name, router_id="r", floating_ip=address, fixed_ip=f"10.0.0.{guest}", port_id=port_id(guest),
        floating_network_id="public", host=host,
    )  # fmt: skip


def gate() -> PortView:
    return l3.port(9, "public", {}, FLOATING_GATEWAY, "r", port_security=False)


def fill(cloud: FakeCloud) -> None:
    """Guests 1 and 2 on net-a, which a distributed router on another host joins to the outside."""
    cloud.put(network("net-a", Segment("vxlan", "", 11)), l3.network("public", 1500, external=True), default_group())
    cloud.put(SubnetView(id="subnet-net-a", network_id="net-a", cidr="10.0.0.0/24", ip_version=4))
    cloud.put(l3.subnet("public4", "public", "203.0.113.0/24", "203.0.113.1"))
    outside = l3.gateway_port(7, "r", {"public4": "203.0.113.10"})
    cloud.put(RouterView(id="r", gateway_port_id=outside.id), l3.neighbour(outside))
    cloud.put(NeighbourView(
        id="if", network_id="net-a", mac_address="fa:16:3e:aa:00:01", fixed_ips=[FixedIp("subnet-net-a", "10.0.0.254")],
        host="host3", device_owner="network:router_interface", device_id="r", distributed=True,
    ))  # fmt: skip
    for number in (1, 2):
        cloud.port(port(number, fixed_ips=[FixedIp("subnet-net-a", f"10.0.0.{number}")]))
    cloud.port(gate())
    cloud.put(floating())


class World:
    """A cloud, a host and the role between them; `step` does what the agent's loop does."""

    def __init__(self) -> None:
        self.cloud, self.kernel = FakeCloud("host1"), FakeKernel()
        self.touched: list[Ref] = []
        fill(self.cloud)
        self.restart()

    def restart(self) -> None:
        self.mirror, self.first = Mirror(), True
        self.role = FloatingRole(self.kernel.spaces)  # type: ignore[arg-type]
        ovs: Any = self.kernel.ovs
        settings: Settings = load(overrides=["agent.host=host1"], environ={}, file=None)
        self.role.prepare(Host(settings, ovs, "netdev", self.touched.extend))

    def step(self) -> dict[Ref, Status]:
        self.kernel.touched.clear()
        changed: set[Ref] = set()
        for _ in range(2):
            request = FetchRequest(host="host1", revision=self.mirror.revision, scopes=sorted(self.mirror.scopes))
            changed |= self.mirror.apply(self.cloud.fetch(request))
        statuses = self.role.reconcile(self.mirror, None if self.first else frozenset(changed))
        self.first = False
        return {Ref(each.kind, each.id): each for each in statuses}


@pytest.fixture
def world() -> World:
    return World()


def test_the_namespace_is_made_kept_and_goes(world: World) -> None:
    assert world.step()[Ref("floating_ip", "f")].state == "up"
    held = world.kernel.held[SPACE]
    assert held.addresses == {DEVICE: {ADDRESS}} and held.announced == ["203.0.113.20"]
    assert world.kernel.ovs.ports[DEVICE].external_ids["iface-id"] == gate().id
    assert world.step() == {} and world.kernel.touched == []
    world.restart()
    assert world.step()[Ref("floating_ip", "f")].state == "up" and world.kernel.touched == []
    world.cloud.remove_port(gate().id)
    world.cloud.put(floating(host="host2"))
    assert world.step() == {} and SPACE not in world.kernel.held and DEVICE not in world.kernel.ovs.ports


def test_what_nobody_wants_is_swept_by_the_next_agent(world: World) -> None:
    world.step()
    world.cloud.remove_port(gate().id)
    world.restart()
    world.step()
    assert world.kernel.held == {} and world.kernel.ovs.ports == {}


def test_connections_of_one_that_goes_are_cut(world: World) -> None:
    world.cloud.put(floating("g", "203.0.113.21", 2))
    world.step()
    held = world.kernel.held[SPACE]
    held.connections = {"203.0.113.20", "203.0.113.21"}
    world.cloud.remove(Ref("floating_ip", "f"))
    world.step()
    assert held.connections == {"203.0.113.21"} and held.addresses == {DEVICE: {"203.0.113.21/32"}}


def test_one_whose_guest_is_not_here_yet_waits(world: World) -> None:
    world.cloud.put(floating("g", "203.0.113.23", 3))
    found = world.step()
    assert found[Ref("floating_ip", "f")].state == "up" and found[Ref("floating_ip", "g")].state == "error"
    world.cloud.port(port(3, fixed_ips=[FixedIp("subnet-net-a", "10.0.0.3")]))
    assert world.step()[Ref("floating_ip", "g")].state == "up"


@pytest.mark.parametrize("late", ["network public", "subnet public4", "network net-a", "neighbour gateway"])
def test_what_comes_after_the_gate_is_noticed_at_once(world: World, late: str) -> None:
    kind, _, name = late.partition(" ")
    ref = Ref(kind, l3.gateway_port(7, "r", {}).id if name == "gateway" else name)
    view = world.cloud.view(ref)
    world.cloud.remove(ref)
    before = world.step()[Ref("floating_ip", "f")].state
    assert before == ("error" if kind == "network" else "up")
    routes = _routes(world)
    world.cloud.put(view)
    assert world.step()[Ref("floating_ip", "f")].state == "up"
    assert _routes(world) > routes


def _routes(world: World) -> int:
    held = world.kernel.held.get(SPACE)
    return len(held.routes) if held else 0


def test_a_helper_that_the_kernel_lacks_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The floating IP translates all the same; with the helper all is well."""

    def lacks(command: list[str], text: str = "") -> str:
        raise CommandError(command, 1, "No such file or directory")

    monkeypatch.setattr(helpers, "succeeds", lambda command: True)
    monkeypatch.setattr(helpers, "run", lacks)
    view = world.cloud.view(Ref("router", "r"))
    world.cloud.put(msgspec.structs.replace(view, conntrack_helpers=[ConntrackHelper("ftp", "tcp", 21)]))
    status = world.step()[Ref("floating_ip", "f")]
    assert status.state == "error" and "no conntrack helper ftp for tcp" in status.message
    assert world.kernel.held[SPACE].addresses == {DEVICE: {ADDRESS}}
    monkeypatch.setattr(helpers, "run", lambda command, text="": "")
    world.cloud.put(floating())
    status = world.step()[Ref("floating_ip", "f")]
    assert (status.state, status.message) == ("up", "")


def test_an_audit_tells_and_mends(world: World) -> None:
    world.step()
    assert world.role.audit(world.mirror) == []
    world.kernel.held[SPACE].addresses[DEVICE].clear()
    assert world.role.audit(world.mirror, repair=False) and not world.kernel.held[SPACE].addresses[DEVICE]
    assert world.role.audit(world.mirror) and world.kernel.held[SPACE].addresses[DEVICE] == {ADDRESS}
    del world.kernel.held[SPACE]
    assert world.role.audit(world.mirror) and world.kernel.held[SPACE].addresses[DEVICE] == {ADDRESS}
    assert world.role.audit(world.mirror) == []


# The flows


@pytest.fixture
def switch() -> FakeSwitch:
    made = FakeSwitch("agent.bridge_mappings=public:br-ex", "agent.tunnel_ip=172.31.0.1")
    fill(made.cloud)
    made.plug(1, 2)
    plug_gate(made)
    made.sync()
    made.sync()
    return made


def plug_gate(switch: FakeSwitch) -> None:
    from heddle.agent.roles.plugs import plug
    switch.database.devices.add(DEVICE)
    switch.ovs.add_ports([plug(DEVICE, gate(), "floating")])


def leads(switch: FakeSwitch) -> set[str]:
    """The guests whose packets to the outside go to the namespace."""
    lines = [line for line in switch.dump() if "table=25" in line and "nw_src" in line]
    assert all(f"set_field:{gate().mac_address}->eth_dst" in line for line in lines)
    return {each for line in lines for each in ("10.0.0.1", "10.0.0.2") if f"nw_src={each}" in line}


def within(switch: FakeSwitch) -> set[str]:
    dumped = " ".join(line for line in switch.dump() if "table=25" in line and "priority=12" in line)
    return {each for each in ("10.0.0.0/24", "169.254.0.0/16", "192.0.2.0/24", "198.51.100.0/24") if each in dumped}


def test_guests_with_a_floating_ip_are_led_there_and_back(switch: FakeSwitch) -> None:
    assert leads(switch) == {"10.0.0.1"} and within(switch) == {"10.0.0.0/24", "169.254.0.0/16"}
    back = [line for line in switch.dump() if "nw_dst=10.0.0.1" in line and f"set_field:{mac(1)}->eth_dst" in line]
    assert any("table=20" in line and "set_field:fa:16:3e:aa:00:01->eth_src" in line for line in back)
    switch.cloud.put(floating("g", "203.0.113.21", 2))
    switch.sync()
    assert leads(switch) == {"10.0.0.1", "10.0.0.2"}


def test_extra_routes_inside_are_the_router_s(switch: FakeSwitch) -> None:
    view = switch.cloud.view(Ref("router", "r"))
    routes = [Route("192.0.2.0/24", "10.0.0.2"), Route("198.51.100.0/24", "203.0.113.7")]
    switch.cloud.put(msgspec.structs.replace(view, routes=routes))
    switch.sync()
    assert within(switch) == {"10.0.0.0/24", "169.254.0.0/16", "192.0.2.0/24"}


def test_nobody_is_led_there_without_need(switch: FakeSwitch) -> None:
    """Not when another host translates, not before there is a namespace, not when the guest is gone."""
    switch.cloud.put(floating(host=""))
    switch.sync()
    assert leads(switch) == set()
    switch.cloud.put(floating())
    switch.sync()
    assert leads(switch) == {"10.0.0.1"}
    switch.ovs.delete_ports([DEVICE])
    switch.sync()
    assert leads(switch) == set()
    plug_gate(switch)
    switch.sync()
    assert leads(switch) == {"10.0.0.1"}
    switch.cloud.remove(Ref("floating_ip", "f"))
    switch.sync()
    assert leads(switch) == set()


def test_a_new_agent_finds_all_as_it_shall_be(switch: FakeSwitch) -> None:
    before = switch.dump()
    switch.start()
    switch.sync()
    switch.sync(whole=True)
    assert switch.dump() == before and not switch.role.audit(switch.mirror)
