"""Security groups as flows: what the flows accept is what the rules say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.objects import allow

from heddle.agent.pipeline import EGRESS_RULES, INGRESS_RULES, STATELESS
from heddle.agent.rule_tables import ProfileRules
from heddle.agent.security import port_masks, profile_number, service_matches
from heddle.host.openflow import FlowSet, cookie_of
from heddle.view.types import RuleView

PROFILE = 0x5
PORTS = st.integers(0, 0xFFFF)


@given(PORTS, PORTS)
def test_port_masks_cover_the_range_and_no_more(one: int, other: int) -> None:
    low, high = min(one, other), max(one, other)
    pairs = port_masks(low, high)
    assert sum(0x10000 - mask for _, mask in pairs) == high - low + 1
    for value, mask in pairs:
        assert value & ~mask == 0
        assert low <= value and value + 0xFFFF - mask <= high
    assert len(pairs) <= 30


@given(PORTS, PORTS, PORTS)
def test_a_port_matches_a_mask_exactly_when_it_is_in_the_range(one: int, other: int, port: int) -> None:
    low, high = min(one, other), max(one, other)
    assert any(port & mask == value for value, mask in port_masks(low, high)) == (low <= port <= high)


@pytest.mark.parametrize("wrong", [(-1, 5), (5, 4), (0, 0x10000)])
def test_a_wrong_range_is_refused(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="range of ports"):
        port_masks(*wrong)


# What the flows mean

PROTOCOLS = {"tcp": (4, 6), "udp": (4, 17), "sctp": (4, 132), "icmp": (4, 1), "ip": (4, None)}
PROTOCOLS |= {"tcp6": (6, 6), "udp6": (6, 17), "sctp6": (6, 132), "icmp6": (6, 58), "ipv6": (6, None)}
Packet = Mapping[str, int | str]


def matches(match: str, packet: Packet) -> bool:
    """Whether a packet matches; knows the fields that the rule tables use."""
    for part in match.split(","):
        name, _, value = part.partition("=")
        if name in PROTOCOLS:
            version, protocol = PROTOCOLS[name]
            if packet["version"] != version or protocol not in (None, packet["protocol"]):
                return False
        elif name == "nw_proto":
            if packet["protocol"] != int(value):
                return False
        elif name == "reg7":
            if int(value, 16) != PROFILE:
                return False
        elif name in ("nw_src", "ipv6_src", "nw_dst", "ipv6_dst"):
            if ip_address(packet["peer"]) not in ip_network(value):
                return False
        elif name in ("tp_dst", "icmp_type", "icmp_code"):
            number, _, mask = value.partition("/")
            mine = packet["port" if name == "tp_dst" else name]
            if int(mine) & int(mask or "0xffff", 16) != int(number, 0):
                return False
        else:
            raise AssertionError(f"unknown field {part}")
    return True


def accepted(flows: FlowSet, table: int, packet: Packet) -> bool:
    """What Open vSwitch would say: an accepting flow, or a conjunction with both of its sides."""
    sides: set[str] = set()
    numbers = set()
    for key, body in flows.items():
        if key.table != table:
            continue
        if key.match.startswith("conj_id="):
            numbers.add(key.match.split(",")[0].removeprefix("conj_id="))
            continue
        if matches(key.match, packet):
            if not body.actions.startswith("conjunction"):
                return True
            sides |= set(body.actions.removeprefix("conjunction(").removesuffix(")").split("),conjunction("))
    return any({f"{number},1/2", f"{number},2/2"} <= sides for number in numbers)


def says(rules: list[RuleView], members: Mapping[str, list[str]], direction: str, packet: Packet) -> bool:
    """The rules read plainly."""
    for rule in rules:
        if rule.direction != direction or rule.ethertype != packet["version"]:
            continue
        protocol = 58 if rule.protocol == 1 and rule.ethertype == 6 else rule.protocol
        if protocol not in (-1, packet["protocol"]):
            continue
        if protocol in (1, 58):
            if rule.port_min >= 0 and rule.port_min != packet["icmp_type"]:
                continue
            if rule.port_max >= 0 and rule.port_max != packet["icmp_code"]:
                continue
        elif rule.port_min >= 0 and not rule.port_min <= int(packet["port"]) <= rule.port_max:
            continue
        peers = members.get(rule.remote_group, []) if rule.remote_group else [rule.remote_cidr or ""]
        if any(not peer or _within(packet["peer"], peer) for peer in peers):
            return True
    return False


def _within(address: int | str, cidr: str) -> bool:
    network = ip_network(cidr, strict=False)
    return network.version == ip_address(address).version and ip_address(address) in network


def compiled(given_rules: Iterable[RuleView], members: Mapping[str, Iterable[str]]) -> ProfileRules:
    """The rules of a profile; each member has one address."""
    made = ProfileRules(PROFILE, cookie_of("p"))
    made.set_rules(given_rules)
    for group, cidrs in members.items():
        made.set_members(group, {f"{group}/{number}": [cidr] for number, cidr in enumerate(cidrs)})
    return made


ADDRESSES = {4: ["10.0.0.1", "10.0.0.2", "10.0.1.9"], 6: ["2001:db8::1", "2001:db8::2", "2001:db8:1::9"]}
CIDRS = {4: ["", "10.0.0.0/24", "10.0.0.2/32", "0.0.0.0/0"], 6: ["", "2001:db8::/64", "2001:db8::2/128", "::/0"]}


@st.composite
def rules(draw: st.DrawFn) -> RuleView:
    ethertype = draw(st.sampled_from([4, 6]))
    protocol = draw(st.sampled_from([-1, 1, 6, 17, 47]))
    ports = (-1, -1)
    if protocol == 1:
        ports = draw(st.sampled_from([(-1, -1), (8, -1), (8, 0)]))
    elif protocol in (6, 17):
        ports = draw(st.sampled_from([(-1, -1), (80, 80), (70, 90), (0, 65535)]))
    remote = draw(st.sampled_from(["", "", "g1", "g2"]))
    cidr = "" if remote else draw(st.sampled_from(CIDRS[ethertype]))
    return allow(draw(st.sampled_from(["ingress", "egress"])), ethertype, protocol, ports, cidr, remote)


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    version = draw(st.sampled_from([4, 6]))
    return {
        "version": version, "protocol": draw(st.sampled_from([1 if version == 4 else 58, 6, 17, 47])),
        "port": draw(st.sampled_from([69, 70, 80, 85, 90, 91])), "icmp_type": draw(st.sampled_from([0, 8])),
        "icmp_code": draw(st.sampled_from([0, 1])), "peer": draw(st.sampled_from(ADDRESSES[version])),
    }


MEMBERS = st.dictionaries(
    st.sampled_from(["g1", "g2"]),
    st.lists(st.sampled_from([*ADDRESSES[4], *ADDRESSES[6], *(cidr for of in CIDRS.values() for cidr in of if cidr),
                              "10.0.1.0/24", "10.0.0.0/16", "2001:db8:1::/64"]), max_size=4),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(rules(), max_size=6), MEMBERS, st.lists(packets(), min_size=1, max_size=8))
def test_the_flows_accept_what_the_rules_say(
    given_rules: list[RuleView], members: dict[str, list[str]], given_packets: list[Packet]
) -> None:
    made = compiled(given_rules, members)
    flows = made.flows()
    assert not made.problems
    for packet in given_packets:
        for direction, table in (("ingress", INGRESS_RULES), ("egress", EGRESS_RULES)):
            wanted = says(given_rules, members, direction, packet)
            assert accepted(flows, table, packet) == wanted, (direction, packet, flows)


def test_a_member_more_is_one_flow_more() -> None:
    given_rules = [allow(protocol=6, ports=(1000, 2000), remote="g"), allow(protocol=17, ports=(53, 53), remote="g")]
    few = compiled(given_rules, {"g": ["10.0.0.1/32"]}).flows()
    more = compiled(given_rules, {"g": ["10.0.0.1/32", "10.0.0.2/32"]}).flows()
    assert len(more) == len(few) + 1
    assert few.items() <= more.items()


def test_a_rule_that_cannot_be_matched_is_told_and_leaves_the_others() -> None:
    good, bad, worse = allow(protocol=6, ports=(80, 80)), allow(protocol=33, ports=(1, 2)), allow(cidr="1.2.3.4.5")
    made = compiled([bad, good, worse], {})
    assert set(made.problems) == {bad.id, worse.id}
    assert len(made.flows()) == 1


def test_profile_numbers() -> None:
    assert profile_number(["a", "b"], False) == profile_number(["b", "a"], False)
    assert profile_number(["a"], True) == profile_number(["a"], False) | STATELESS
    assert profile_number(["a"], False) != profile_number(["a"], False, salt=1)
    assert 0 < profile_number([], False) < STATELESS


def test_icmp_of_ipv6_is_its_own() -> None:
    assert service_matches(allow(ethertype=6, protocol=1, ports=(128, -1))) == ["icmp6,icmp_type=128"]
    assert service_matches(allow(protocol=1, ports=(8, 0))) == ["icmp,icmp_type=8,icmp_code=0"]
    assert service_matches(allow(protocol=47)) == ["ip,nw_proto=47"]
