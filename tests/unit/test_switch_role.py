"""The switch role on a host in memory: order, faults, cost."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.objects import OUT, allow, default_group, group, ip, mac, network, port, port_id
from tests.fakes.switch import FakeSwitch

from heddle.errors import ConfigError
from heddle.host.guard import HOOK
from heddle.host.ovs import OvsConflict
from heddle.view.types import FixedIp, HostView, MemberView, NetworkView, Ref, Segment

ACTIONS = ("plug 1", "plug 2", "plug 3", "port 1", "port 2", "port 3", "net-a", "net-b", "default", "web")


def act(switch: FakeSwitch, action: str) -> None:
    verb, _, number = action.partition(" ")
    if verb == "plug":
        if switch.ovs.interface(f"p-g{number}") is None:
            switch.plug(int(number))
    elif verb == "port":
        groups = ("default", "web") if number == "2" else ("default",)
        switch.cloud.port(port(int(number), groups, "net-b" if number == "3" else "net-a"))
    elif verb in ("net-a", "net-b"):
        switch.cloud.put(network(verb))
    else:
        rules = (allow(protocol=6, ports=(80, 99), remote="default"),)
        switch.cloud.put(default_group() if verb == "default" else group("web", *rules))


def settled() -> list[str]:
    switch = FakeSwitch()
    for action in ("net-a", "net-b", "default", "web", "port 1", "port 2", "port 3", "plug 1", "plug 2", "plug 3"):
        act(switch, action)
    switch.sync()
    return switch.dump()


EXPECTED = settled()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations(ACTIONS), st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_any_order_split_squashed_or_doubled_ends_the_same(
    order: list[str], syncs: set[int], doubled: set[int]
) -> None:
    """Tags and port numbers follow the order, so the flows are compared by what they are for."""
    switch = FakeSwitch()
    switch.sync()
    for place, action in enumerate(order):
        act(switch, action)
        if place in doubled:
            act(switch, action)
        if place in syncs:
            switch.sync()
    switch.sync()
    switch.sync()
    assert {switch.state_of(number) for number in (1, 2, 3)} == {"up"}
    assert len(switch.dump()) == len(EXPECTED)
    before = switch.dump()
    switch.sync(whole=True)
    assert switch.dump() == before, "a full pass finds nothing to do"
    switch.start()
    bundles = switch.flows["br-int"].bundles
    switch.sync()
    assert switch.dump() == before and switch.flows["br-int"].bundles == bundles, "a new agent adopts it as it is"


def wired(*numbers: int) -> FakeSwitch:
    switch = FakeSwitch()
    switch.cloud.put(network(), default_group())
    for number in numbers:
        switch.cloud.port(port(number))
    switch.plug(*numbers)
    switch.sync()
    return switch


def test_all_that_was_made_is_removed_again() -> None:
    switch = FakeSwitch()
    switch.sync()
    empty = switch.dump()
    switch.cloud.put(network(), default_group())
    switch.cloud.port(port(1))
    switch.plug(1)
    switch.sync()
    assert switch.dump() != empty
    switch.cloud.remove_port(port_id(1))
    switch.sync()
    assert switch.dump() == empty


def test_the_cost_of_a_change_follows_what_changed() -> None:
    def lines_of_one_more(existing: int) -> int:
        switch = wired(*range(1, existing + 1))
        before = set(switch.dump())
        switch.cloud.port(port(500))
        switch.plug(500)
        switch.sync()
        return len(set(switch.dump()) ^ before)

    assert lines_of_one_more(40) == lines_of_one_more(4)


def test_a_member_elsewhere_is_a_few_flows() -> None:
    switch = wired(1, 2, 3)
    before, bundles = set(switch.dump()), switch.flows["br-int"].bundles
    switch.cloud.put(MemberView(id="default/far", group_id="default", addresses=["10.0.7.7/32"]))
    switch.sync()
    assert len(set(switch.dump()) - before) == 1 and not before - set(switch.dump())
    assert switch.flows["br-int"].bundles == bundles + 1


def test_an_address_of_an_address_group_is_a_flow_for_each_profile() -> None:
    """Of a thousand: the one that comes is added, the one that goes is deleted, and the bundle has nothing else."""
    switch = wired(1)
    switch.cloud.put(*(
        group(name, allow(protocol=6, ports=(low, low + 9), remote="office"), allow("egress", remote="other"))
        for name, low in (("web", 80), ("db", 5430))
    ))
    for number, name in ((2, "web"), (3, "db"), (4, "default")):
        switch.cloud.port(port(number, (name,)))
    switch.plug(2, 3, 4)
    many = [f"10.{number // 256}.{number % 256}.0/24" for number in range(1000)]
    switch.cloud.put(*(MemberView(id=f"office/{cidr}", group_id="office", addresses=[cidr]) for cidr in many))
    switch.sync()
    before, bundles = set(switch.dump()), switch.flows["br-int"].bundles
    new = "198.51.100.0/24"
    switch.cloud.put(MemberView(id=f"office/{new}", group_id="office", addresses=[new]))
    switch.sync()
    came = set(switch.dump()) - before
    assert len(came) == 2 and all(f"nw_src={new}" in line for line in came) and not before - set(switch.dump())
    switch.cloud.remove(Ref("member", f"office/{many[7]}"))
    switch.sync()
    gone = before - set(switch.dump())
    assert len(gone) == 2 and all(f"nw_src={many[7]}" in line for line in gone)
    assert switch.flows["br-int"].bundles == bundles + 2


def test_a_rule_on_a_group_of_a_hundred_is_a_few_flows() -> None:
    switch = wired(*range(1, 101))
    before = set(switch.dump())
    switch.cloud.put(group("default", *default_group().rules, allow(protocol=6, ports=(443, 443))))
    switch.sync()
    assert len(set(switch.dump()) ^ before) == 1


def test_vswitchd_comes_back_with_other_port_numbers() -> None:
    switch = wired(1, 2)
    count = len(switch.dump())
    switch.flows["br-int"].table.clear()
    switch.database.restart()
    statuses = switch.sync(also=[Ref("bridge", "br-int")])
    assert {status.state for status in statuses} == {"up"}
    assert len(switch.dump()) == count
    assert any(f"in_port={interface.ofport}," in line for line in switch.dump()
               for interface in switch.ovs.interfaces("br-int") if interface.name == "p-g1")


def test_a_refused_flow_is_reported_on_its_object_and_tried_again() -> None:
    switch = wired(1)
    switch.flows["br-int"].refuse = f"dl_src={mac(2)}"
    switch.cloud.port(port(2))
    switch.cloud.port(port(3))
    switch.plug(2, 3)
    switch.sync()
    assert (switch.state_of(2), switch.state_of(3)) == ("error", "up")
    assert "refused" in switch.statuses[Ref("port", port_id(2))].message
    switch.flows["br-int"].refuse = "\0"
    switch.sync(also=[Ref("port", port_id(2))])
    assert switch.state_of(2) == "up"


def test_an_audit_names_the_object_and_repairs() -> None:
    switch = wired(1, 2)
    before = switch.dump()
    assert switch.role.audit(switch.mirror) == []
    table = switch.flows["br-int"].table
    lost = next(match for match in table if f"dl_src={mac(1)}" in match)
    del table[lost]
    table["table=0"] = ("NORMAL", 0)
    drifts = switch.role.audit(switch.mirror)
    assert {(drift.kind, drift.id) for drift in drifts} == {("port", port_id(1)), ("flow", "br-int")}
    assert switch.dump() == before


def test_a_port_that_moves_to_another_group_or_network() -> None:
    switch = wired(1, 2)
    switch.cloud.put(network("net-b"), group("closed", *OUT))
    switch.cloud.port(port(2, ("closed",), "net-b"))
    switch.sync()
    again = FakeSwitch()
    again.cloud.put(network(), network("net-b"), default_group(), group("closed", *OUT))
    again.cloud.port(port(1))
    again.cloud.port(port(2, ("closed",), "net-b"))
    again.plug(1, 2)
    again.sync()
    assert len(switch.dump()) == len(again.dump())


def test_profiles_with_the_same_number_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heddle.agent.profiles.profile_number", lambda groups, stateless, salt=0: 7 + salt)
    switch = FakeSwitch()
    switch.cloud.put(network(), default_group(), group("closed", *OUT))
    switch.cloud.port(port(1))
    switch.cloud.port(port(2, ("closed",)))
    switch.plug(1, 2)
    switch.sync()
    numbers = {line.partition("reg7=")[2].split(",")[0].split(" ")[0] for line in switch.dump() if ",reg7=0x" in line}
    assert {"0x7", "0x8"} <= numbers


def test_an_unmarked_bridge_and_wrong_mappings_stop_the_start() -> None:
    with pytest.raises(ConfigError, match="bridge_mappings"):
        FakeSwitch("agent.bridge_mappings=public")
    switch = FakeSwitch()
    batch = switch.ovs.batch()
    batch.ensure_bridge("br-tun", "", "netdev")
    batch.commit()
    with pytest.raises(OvsConflict, match="br-tun"):
        switch.start()


def test_two_physical_networks_may_share_a_bridge() -> None:
    switch = FakeSwitch("agent.bridge_mappings=public:br-ex,physnet1:br-ex")
    switch.cloud.put(network("a", Segment("flat", "public")), network("b", Segment("vlan", "physnet1", 7)))
    switch.cloud.put(default_group())
    for number, net in ((1, "a"), (2, "b")):
        switch.cloud.port(port(number, net=net))
    switch.plug(1, 2)
    switch.sync()
    uplink = switch.ovs.interface("int-br-ex")
    assert uplink is not None
    entries = [line for line in switch.dump() if f"in_port={uplink.ofport}," in line]
    assert len(entries) == 2 and sum("dl_vlan=7" in line for line in entries) == 1


def test_a_host_joins_a_network_by_the_first_segment_that_it_reaches() -> None:
    switch = FakeSwitch("agent.tunnel_ip=192.0.2.1", "agent.bridge_mappings=physnet1:br-phy")
    vlan = Segment("vlan", "physnet1", 7)
    switch.cloud.put(
        default_group(), HostView(id="host2", tunnel_ip="192.0.2.2"),
        network("both", Segment("vlan", "physnet2", 6), vlan, Segment("vxlan", "", 70)),
        network("tunnel", Segment("vlan", "physnet2", 8), Segment("vxlan", "", 71), Segment("vlan", "physnet1", 9)),
    )  # fmt: skip
    for number, net in ((1, "both"), (2, "tunnel")):
        switch.cloud.port(port(number, net=net))
        switch.cloud.port(port(number + 2, net=net), host="host2")
    switch.plug(1, 2)
    switch.sync()
    physical = "\n".join(switch.dump())
    assert "dl_vlan=7" in physical and not any(f"dl_vlan={number}" in physical for number in (6, 8, 9))
    tunnel = "\n".join(switch.dump("br-tun"))
    assert "tun_id=71" in tunnel and "tun_id=70" not in tunnel
    assert switch.fault("network", "both") == switch.fault("network", "tunnel") == ""


def test_no_segment_within_reach_is_a_fault_of_the_network() -> None:
    switch = FakeSwitch()
    switch.cloud.put(default_group(), network("far", Segment("vlan", "a", 1), Segment("vlan", "b", 2)))
    switch.cloud.put(NetworkView(id="none", mtu=1500, segments=[]))
    for number, net in ((1, "far"), (2, "none")):
        switch.cloud.port(port(number, net=net))
    switch.plug(1, 2)
    switch.sync()
    assert "physical network a or b" in switch.fault("network", "far")
    assert "no segment" in switch.fault("network", "none")


@pytest.mark.parametrize("text", ['device "w1"', "devices = { w1 }", 'devices = { "w1" }'])
def test_the_guard_knows_its_chains(text: str) -> None:
    line = f"type filter hook ingress {text} priority -500; policy drop;"
    assert HOOK.findall(line) == ["w1"]


def test_connections_of_addresses_that_are_free_again_are_forgotten() -> None:
    switch = wired(1, 2, 3)
    switch.unplug(2)
    switch.sync()
    assert switch.connections.forgotten == [], "an unplugged port keeps its addresses"
    switch.plug(2)
    switch.sync()
    switch.cloud.remove_port(port_id(2))
    switch.cloud.port(port(3, fixed_ips=[FixedIp("s", ip(33))]))
    switch.sync()
    assert switch.connections.forgotten == [(1, ip(2)), (1, ip(3))]
    switch.cloud.remove_port(port_id(1))
    switch.cloud.remove_port(port_id(3))
    switch.sync()
    assert switch.connections.forgotten[2:] == [(1, "")]
    switch.cloud.put(network("net-b"))
    switch.cloud.port(port(5, net="net-b"))
    switch.plug(5)
    switch.sync()
    assert any("set_field:2->reg6" in line for line in switch.dump()), "the freed tag rests"


def test_a_lonely_guest_has_no_flow_for_others_addresses() -> None:
    switch = wired(1)
    switch.cloud.port(port(2), host="elsewhere")
    switch.sync()
    assert not any(ip(2) in line and "table=10" in line for line in switch.dump())
