"""What a switch would not take or give up is told, and tried again: flows, meters, limits at devices, the guard."""

from __future__ import annotations

import pytest
from tests.fakes.objects import OUT, default_group, group, mac, network, policy, port, port_id
from tests.fakes.switch import FakeSwitch

from heddle.agent.owners import INT, TUN
from heddle.agent.refused import SWITCH
from heddle.agent.wiring import Wiring
from heddle.host.openflow import Difference, cookie_of
from heddle.view.types import HostView, MemberView, NeighbourView, Ref, Segment

DELETIONS, NOTHING = "delete_strict", "\0"


def switch_with(*numbers: int, groups: tuple[str, ...] = ("default",)) -> FakeSwitch:
    switch = FakeSwitch()
    switch.cloud.put(network(), default_group(), group("web", *OUT))
    for number in numbers:
        switch.cloud.port(port(number, groups))
    switch.plug(*numbers)
    switch.sync()
    return switch


def again(switch: FakeSwitch) -> None:
    """What the agent's loop does with what is told: the objects are given back, once all is taken."""
    switch.flows[INT].refuse = NOTHING
    faulty = [ref for ref, status in switch.statuses.items() if status.state == "error"]
    assert faulty
    switch.sync(also=faulty)
    assert [ref for ref in faulty if switch.statuses[ref].state == "error"] == []


def differences(switch: FakeSwitch) -> list[Difference]:
    """Of the bridge from what an agent that knows nothing else would make."""
    fresh = Wiring("host1", switch.ovs.plugged)
    fresh.networks.tags.update(switch.role._wiring.networks.tags)
    fresh.uplinks = switch.role._wiring.uplinks
    return switch.flows[INT].differences({
        key: body for flows in fresh.plan(switch.mirror, None).flows.values() for key, body in flows.items()
    })  # fmt: skip


def profiles(switch: FakeSwitch) -> list[str]:
    return [line for line in switch.dump() if f"{cookie_of('default'):x}" in line]


@pytest.mark.parametrize("gone", [False, True])
def test_the_flows_of_a_profile_that_nobody_has_any_more(gone: bool) -> None:
    """Of groups that are still known here, and of groups that are not."""
    switch = switch_with(1)
    assert profiles(switch)
    switch.flows[INT].refuse = DELETIONS
    switch.cloud.port(port(1, port_security=False))
    if gone:
        switch.cloud.remove(Ref("group", "default"))
    switch.sync()
    assert profiles(switch), "refused"
    told = switch.fault(SWITCH, INT) if gone else switch.fault("group", "default")
    assert "refused: delete_strict" in told
    again(switch)
    assert profiles(switch) == []


def test_the_flows_of_a_port_that_is_gone() -> None:
    switch = switch_with(1, 2)
    before = [line for line in switch.dump() if mac(1) in line]
    switch.flows[INT].refuse = mac(1)
    switch.cloud.remove_port(port_id(1))
    switch.sync()
    assert [line for line in switch.dump() if mac(1) in line] and before
    assert f"port {port_id(1)}: " in switch.fault(SWITCH, INT)
    again(switch)
    assert [line for line in switch.dump() if mac(1) in line] == []


def test_an_unrelated_change_does_not_try_again_what_is_refused() -> None:
    """Or each of them would be taken owner by owner."""
    switch = switch_with(1, 2)
    switch.flows[INT].refuse = mac(1)
    switch.cloud.remove_port(port_id(1))
    switch.sync()
    bundles = switch.flows[INT].bundles
    switch.cloud.put(MemberView(id="default/far", group_id="default", addresses=["10.0.7.7/32"]))
    switch.sync()
    assert switch.flows[INT].bundles == bundles + 1 and switch.fault(SWITCH, INT)


def test_the_flows_of_a_network_that_is_gone_on_both_bridges() -> None:
    switch = FakeSwitch("agent.tunnel_ip=192.0.2.1")
    switch.cloud.put(network("net-a", Segment("vxlan", "", 11)), default_group())
    switch.cloud.put(HostView(id="host2", tunnel_ip="192.0.2.2"))
    switch.cloud.put(NeighbourView(id="far", network_id="net-a", mac_address=mac(9), host="host2"))
    switch.cloud.port(port(1))
    switch.sync()
    empty = switch.dump(INT), switch.dump(TUN)
    switch.plug(1)
    switch.sync()
    assert len(switch.dump(TUN)) > len(empty[1])
    for bridge in (INT, TUN):
        switch.flows[bridge].refuse = DELETIONS
    switch.cloud.remove_port(port_id(1))
    switch.cloud.remove(Ref("network", "net-a"))
    switch.sync()
    assert switch.fault(SWITCH, INT) and switch.fault(SWITCH, TUN)
    switch.flows[TUN].refuse = NOTHING
    again(switch)
    assert (switch.dump(INT), switch.dump(TUN)) == empty


def test_what_another_has_taken_over_meanwhile_is_left_to_it() -> None:
    """A port number goes from a port whose flows were not given up to another one."""
    switch = switch_with(1)
    taken = switch.ovs.interface("p-g1")
    switch.flows[INT].refuse = DELETIONS
    switch.unplug(1)
    switch.sync()
    assert switch.state_of(1) == "error"
    switch.flows[INT].refuse = NOTHING
    switch.cloud.port(port(2))
    switch.plug(2)
    assert taken is not None and switch.ovs.interface("p-g2").ofport == taken.ofport  # type: ignore[union-attr]
    switch.sync()
    again(switch)
    assert differences(switch) == [] and switch.state_of(2) == "up" and mac(1) not in str(switch.dump())


def test_in_one_change_as_well() -> None:
    """One port leaves, the next takes its number, and a third is refused: so they are taken owner by owner."""
    switch = switch_with(2)
    switch.flows[INT].refuse = mac(3)
    switch.unplug(2)
    switch.cloud.port(port(1))
    switch.cloud.port(port(3))
    switch.plug(1, 3)
    switch.sync()
    again(switch)
    assert differences(switch) == [] and switch.state_of(1) == switch.state_of(3) == "up"


def test_flows_that_nobody_wants_when_an_agent_begins() -> None:
    switch = switch_with(1)
    wanted = switch.dump()
    switch.flows[INT].table["in_port=77,priority=9,table=60"] = ("drop", 0x4EDD000000000001)
    switch.flows[INT].refuse = "in_port=77"
    switch.start()
    switch.sync()
    assert "cookie 0x4edd000000000001" in switch.fault(SWITCH, INT) and switch.state_of(1) == "up"
    assert switch.role.audit(switch.mirror) == [] and len(switch.dump()) == len(wanted) + 1
    again(switch)
    assert switch.dump() == wanted


def test_flows_that_are_always_there() -> None:
    switch = FakeSwitch()
    fresh = FakeSwitch()
    fresh.sync()
    switch.sync()
    switch.flows[INT].table.clear()
    switch.flows[INT].refuse = "table=31,priority=50,arp"
    switch.sync(also=[Ref("bridge", INT)])
    assert "flows of base" in switch.fault(SWITCH, INT)
    again(switch)
    assert switch.dump() == fresh.dump()


def test_one_that_is_refused_and_goes_is_forgotten() -> None:
    switch = switch_with(1)
    before = switch.dump()
    switch.flows[INT].refuse = mac(2)
    switch.cloud.port(port(2))
    switch.plug(2)
    switch.sync()
    switch.cloud.remove_port(port_id(2))
    switch.flows[INT].refuse = NOTHING
    switch.sync(also=[Ref("port", port_id(2))])
    switch.sync()
    assert switch.dump() == before


def test_meters_that_are_not_given_up() -> None:
    switch = switch_with(1)
    switch.cloud.put(policy("gold", ("egress", "kbps", 8_000, 800)))
    switch.cloud.port(port(1, qos_policy="gold"))
    switch.sync()
    switch.meters.keep = "OFPMMFC 1"
    switch.cloud.port(port(1))
    switch.sync()
    assert switch.meters.there and "OFPMMFC 1" in switch.fault(SWITCH, INT)
    switch.meters.keep = ""
    again(switch)
    assert switch.meters.there == {}


@pytest.mark.parametrize("gone", [False, True])
def test_meters_of_flows_that_are_not_given_up(gone: bool) -> None:
    """They stay when an audit looks, too: with a meter the switch would take away the flows that name it."""
    switch = switch_with(1)
    switch.cloud.put(policy("gold", ("egress", "kbps", 8_000, 800)))
    switch.cloud.port(port(1, qos_policy="gold"))
    switch.sync()
    if gone:
        switch.cloud.remove_port(port_id(1))
    else:
        switch.cloud.port(port(1))
    switch.flows[INT].refuse = f"in_port={switch.ovs.interface('p-g1').ofport}"  # type: ignore[union-attr]
    switch.sync()
    assert switch.fault(SWITCH, INT) if gone else switch.state_of(1) == "error"
    assert "meter:" in str(switch.dump()) and switch.meters.there
    assert switch.role.audit(switch.mirror) == [] and switch.meters.there
    again(switch)
    assert "meter:" not in str(switch.dump()) and switch.meters.there == {}


def test_limits_at_devices_that_are_not_given_up() -> None:
    switch = switch_with(1, 2)
    switch.cloud.put(policy("gold", ("ingress", "kpps", 2, 0)))
    switch.cloud.port(port(1, qos_policy="gold"))
    switch.sync()
    assert switch.limits.table is not None and switch.limits.table.chains
    switch.limits.keep = "busy"
    switch.cloud.port(port(1))
    switch.sync()
    assert switch.limits.table.chains and "busy" in switch.fault(SWITCH, INT)
    switch.limits.keep = ""
    again(switch)
    assert not switch.limits.table.chains


def test_devices_that_are_not_guarded() -> None:
    """The kernel hears their frames meanwhile; it is tried again, and not without a pause."""
    switch = switch_with(1)
    switch.guard.refuse = "busy"
    switch.cloud.port(port(2))
    switch.plug(2)
    switch.sync()
    assert "devices are not guarded" in switch.fault(SWITCH, INT) and not switch.touched
    assert "p-g2" not in switch.guard.guarded
    switch.guard.refuse = ""
    again(switch)
    assert "p-g2" in switch.guard.guarded
    switch.guard.refuse = "busy"
    switch.unplug(2)
    switch.sync()
    assert "p-g2" in switch.guard.guarded and switch.fault(SWITCH, INT)
    switch.guard.refuse = ""
    again(switch)
    assert "p-g2" not in switch.guard.guarded
