"""What QoS policies become: whose policy counts, what is let through, and what a host does that cannot limit."""

from __future__ import annotations

import pytest
from tests.fakes.objects import default_group, network, policy, port, port_id
from tests.fakes.switch import FakeSwitch

from heddle.agent.policing import AtDevice, dscp_name, limit_rules, limits_of, limits_table, policing, policy_of
from heddle.host.flow_meters import KBPS, MOST, PACKETS, Meter
from heddle.host.nft import render
from heddle.view.types import Ref

GOLD = policy("gold", ("egress", "kbps", 8_000, 800), ("ingress", "kpps", 2, 0))


@pytest.mark.parametrize(
    ("owner", "own", "follows"),
    [
        ("compute:lab", "mine", "mine"), ("compute:lab", "", "nets"), ("", "", "nets"),
        ("network:router_gateway", "", "nets"), ("network:router_interface", "", ""), ("network:dhcp", "", ""),
        ("network:dhcp", "mine", "mine"), ("network:floatingip", "", ""),
    ],
)  # fmt: skip
def test_whose_policy_counts(owner: str, own: str, follows: str) -> None:
    switch = FakeSwitch()
    switch.cloud.put(network(qos_policy="nets"))
    view = port(1, device_owner=owner, qos_policy=own)
    switch.cloud.port(view)
    switch.sync()
    assert policy_of(switch.mirror, view) == follows


@pytest.mark.parametrize(
    ("limit", "meters"),
    [
        (("egress", "kbps", 8_000, 800), (Meter(KBPS, 8_000, 800),)),
        (("egress", "kbps", 8_000, 0), (Meter(KBPS, 8_000, 6_400),)),
        (("egress", "kbps", 100, 10), (Meter(KBPS, 100, 525),)),
        (("egress", "kpps", 3, 1), (Meter(PACKETS, 3_000, 1_000),)),
        (("egress", "kpps", 3, 0), (Meter(PACKETS, 3_000, 2_400),)),
        (("egress", "kpps", 2**31 - 1, 0), (Meter(PACKETS, MOST, MOST),)),
        (("egress", "kbps", 0, 800), ()), (("ingress", "kbps", 8_000, 800), ()),
    ],
)  # fmt: skip
def test_what_a_limit_is(limit: tuple[str, str, int, int], meters: tuple[Meter, ...]) -> None:
    assert limits_of(policy("p", limit), "egress") == meters


def test_a_unit_of_a_newer_server_is_refused() -> None:
    with pytest.raises(ValueError, match="'flows' is not known"):
        policing(policy("p", ("egress", "flows", 1, 1)))


@pytest.mark.parametrize(
    ("limit", "rules"),
    [
        (Meter(KBPS, 8_000, 800), ["limit rate over 1000000 bytes/second drop"]),
        (Meter(KBPS, 8_192, 16_384), ["limit rate over 1000 kbytes/second burst 1000 kbytes drop"]),
        (Meter(PACKETS, 3_000, 5), ["limit rate over 3000/second burst 5 packets drop"]),
        (Meter(KBPS, MOST, MOST), []), (Meter(PACKETS, MOST, MOST), []),
    ],
)  # fmt: skip
def test_rules_at_devices(limit: Meter, rules: list[str]) -> None:
    assert limit_rules(limit) == rules


def test_code_points_have_the_names_that_nft_gives_them() -> None:
    names = {0: "cs0", 8: "cs1", 10: "af11", 12: "af12", 34: "af41", 38: "af43", 44: "va", 46: "ef", 56: "cs7"}
    assert {mark: dscp_name(mark) for mark in names} == names


def test_only_what_is_limited_has_a_chain() -> None:
    gold, marked = policing(GOLD), policing(policy("marked", dscp=10))
    sent = [AtDevice("tap1", gold), AtDevice("tap2", marked), AtDevice("tap3", policing(None))]
    text = render(limits_table(sent, [AtDevice("tap2", marked)]))
    assert text.count("chain") == 2 and "ip dscp set af11" in text and 'device "tap3"' not in text


def test_subports_and_the_card_of_a_trunk_are_told_apart() -> None:
    """As nft prints it."""
    gold = policing(policy("gold", ("ingress", "kpps", 2, 0)))
    (chain,) = limits_table([], [AtDevice("tap1", gold), AtDevice("tap1", gold, 101)], {"tap1"}).chains
    limit = "limit rate over 2000/second burst 1600 packets drop"
    assert chain.rules == (f"ether type != 8021q {limit}", f"vlan id 101 {limit}")


def wired(limited: FakeSwitch) -> FakeSwitch:
    limited.cloud.put(network(), default_group(), GOLD)
    limited.cloud.port(port(1, qos_policy="gold"))
    limited.cloud.port(port(2))
    limited.plug(1, 2)
    limited.sync()
    return limited


def test_a_host_without_meters_carries_the_port_and_says_so() -> None:
    switch = FakeSwitch()
    switch.meters.most = 0
    wired(switch)
    assert "meter" not in str(switch.dump()) and f"in_port={switch.ovs.interface('p-g1').ofport}" in str(switch.dump())  # type: ignore[union-attr]
    assert "is not limited: this host's Open vSwitch has no meters" in switch.fault("port", port_id(1))
    assert switch.state_of(2) == "up"
    switch.cloud.put(policy("gold"))
    switch.sync()
    assert switch.state_of(1) == "up"


def test_a_host_without_room_for_a_meter_carries_the_port_and_says_so() -> None:
    switch = FakeSwitch()
    switch.meters.refuse = "OFPMMFC 10"
    wired(switch)
    before = switch.dump()
    assert "meter" not in str(before) and "OFPMMFC 10" in switch.fault("port", port_id(1))
    switch.meters.refuse = ""
    switch.sync(also=[Ref("port", port_id(1))])
    assert switch.state_of(1) == "up" and "meter" in str(switch.dump()) and len(switch.meters.there) == 1


def test_what_refuses_a_limit_is_told_on_the_port_and_tried_again() -> None:
    switch = FakeSwitch()
    switch.limits.refuse = "no egress hook"
    switch.cloud.put(policy("gold", ("ingress", "kpps", 2, 0)))
    wired(switch)
    assert "no egress hook" in switch.fault("port", port_id(1)) and switch.state_of(2) == "up"
    switch.limits.refuse, switch.limits.absent = "", {"p-g1"}
    switch.sync(also=[Ref("port", port_id(1))])
    assert "the host has no device" in switch.fault("port", port_id(1)), "as one that was moved into a namespace"
    switch.limits.absent = set()
    switch.sync(also=[Ref("port", port_id(1))])
    assert switch.state_of(1) == "up" and switch.limits.table is not None and len(switch.limits.table.chains) == 1


def test_meters_follow_the_ports_that_use_them() -> None:
    switch = wired(FakeSwitch())
    (number,) = switch.meters.there
    before = switch.dump()
    switch.start()
    switch.sync()
    assert switch.dump() == before and set(switch.meters.there) == {number}, "a new agent adopts it as it is"
    switch.meters.there.clear()
    switch.meters.there[99] = Meter(KBPS, 1, 525)
    found = [(each.kind, each.id) for each in switch.role.audit(switch.mirror)]
    assert found == [("port", port_id(1)), ("meter", "99")]
    assert switch.meters.there == {number: Meter(KBPS, 8_000, 800)}
    assert switch.role.audit(switch.mirror) == []
    switch.unplug(1)
    switch.sync()
    assert switch.meters.there == {}
