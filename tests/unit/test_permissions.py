"""What a profile permits, asked of a connection: the same as its flows accept, and whether it has become fewer."""

from __future__ import annotations

import time
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.objects import allow, permissions_of
from tests.unit.test_security import MEMBERS, Packet, packets, rules, says

from heddle.agent.permissions import Permissions
from heddle.view.types import RuleView

RULES = st.lists(rules(), max_size=6)


def permits(permissions: Permissions, direction: str, packet: Packet) -> bool:
    of_icmp = packet["protocol"] in (1, 58)
    port, code = (packet["icmp_type"], packet["icmp_code"]) if of_icmp else (packet["port"], 0)
    return permissions.allow(direction, int(packet["protocol"]), ip_address(packet["peer"]), int(port), int(code))


@settings(max_examples=400, deadline=None)
@given(RULES, MEMBERS, st.lists(packets(), min_size=1, max_size=8))
def test_they_say_what_the_rules_say(
    given_rules: list[RuleView], members: dict[str, list[str]], given_packets: list[Packet]
) -> None:
    permissions = permissions_of(given_rules, members)
    for packet in given_packets:
        for direction in ("ingress", "egress"):
            assert permits(permissions, direction, packet) == says(given_rules, members, direction, packet)


@settings(max_examples=400, deadline=None)
@given(RULES, RULES, MEMBERS, MEMBERS, st.lists(packets(), min_size=1, max_size=8))
def test_what_is_permitted_no_longer_is_noticed(
    old: list[RuleView], new: list[RuleView], before: dict[str, list[str]], after: dict[str, list[str]],
    given_packets: list[Packet],
) -> None:
    """Never missed; that something else permits it still is found out connection by connection."""
    was, now = permissions_of(old, before), permissions_of(new, after)
    for packet in given_packets:
        for direction in ("ingress", "egress"):
            if permits(was, direction, packet) and not permits(now, direction, packet):
                assert now.narrower_than(was)


@given(RULES, RULES, MEMBERS)
def test_more_is_not_narrower(old: list[RuleView], more: list[RuleView], members: dict[str, list[str]]) -> None:
    was = permissions_of(old, members)
    assert not permissions_of([*old, *more], members).narrower_than(was)
    grown = {group: [*cidrs, "192.0.2.0/24"] for group, cidrs in members.items()}
    assert not permissions_of(old, grown).narrower_than(was)


@pytest.mark.parametrize("ports", [(-1, -1), (0, 65535), (70, 90), (80, -1)])
def test_ranges_of_ports_and_their_ends(ports: tuple[int, int]) -> None:
    permissions = permissions_of([allow(protocol=6, ports=ports)], {})
    low = max(ports[0], 0)
    high = 65535 if ports in ((-1, -1), (0, 65535)) else max(ports)
    peer = ip_address("10.0.0.1")
    for port in (1, low - 1, low, high, high + 1):
        assert permissions.allow("ingress", 6, peer, port) == (low <= port <= high or ports == (-1, -1)), port
    assert not permissions.allow("ingress", 17, peer, low)


def test_what_cannot_be_matched_permits_nothing() -> None:
    wrong = [allow(cidr="1.2.3.4.5"), allow(protocol=33, ports=(1, 2)), allow(cidr="2001:db8::/32")]
    permissions = permissions_of(wrong, {})
    for protocol in (6, 33):
        assert not permissions.allow("ingress", protocol, ip_address("1.2.3.4"), 1)
    assert permissions_of([*wrong, allow(protocol=33)], {}).allow("ingress", 33, ip_address("1.2.3.4"), 1)


def test_the_cost_of_an_answer_does_not_follow_the_size_of_a_group() -> None:
    """Of 10,000 members as of 10: compared with each other on the same machine, the best of several."""
    def seconds(members: int) -> float:
        cidrs = [f"10.{number >> 8}.{number & 255}.1/32" for number in range(members)]
        permissions = permissions_of([allow(protocol=6, remote="g")], {"g": cidrs})
        peer = ip_address("192.0.2.1")

        def once() -> float:
            began = time.process_time()
            for _ in range(500):
                assert not permissions.allow("ingress", 6, peer, 80)
            return time.process_time() - began
        return min(once() for _ in range(5))

    assert seconds(10_000) < 20 * seconds(10)
