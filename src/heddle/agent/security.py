"""Security groups as matches of flows.  Pure.

A rule is a service (protocol and ports) for a peer.  For anybody, or for a CIDR, it becomes a flow per
mask of its port range.  For the members of a group, the services of all rules that name the group are one
side of a conjunction, and the addresses of its members the other: with n members and m services n + m
flows, not n * m, and a member more is one flow more per profile that names the group.  Where one of the
services is "anything", as in a default group, the addresses alone decide and need no conjunction.

All flows of the rule tables accept, so their order does not matter; what none of them takes is dropped.
The peer's address is the source of what a port receives and the destination of what it sends.

Here is what a rule and an address match; `rule_tables.py` makes the flows of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_network

from heddle.agent.addresses import field_match
from heddle.agent.pipeline import STATELESS
from heddle.view.types import RuleView

TCP, UDP, SCTP, ICMP, ICMPV6 = 6, 17, 132, 1, 58
NAMES = {
    4: {TCP: "tcp", UDP: "udp", SCTP: "sctp", ICMP: "icmp"},
    6: {TCP: "tcp6", UDP: "udp6", SCTP: "sctp6", ICMPV6: "icmp6"},
}
PEER_FIELD = {("ingress", 4): "nw_src", ("ingress", 6): "ipv6_src", ("egress", 4): "nw_dst", ("egress", 6): "ipv6_dst"}
def profile_number(groups: Iterable[str], stateless: bool, salt: int = 0) -> int:
    """The number of a set of groups.  `salt` gives another one, where two sets have the same."""
    text = "\n".join([*sorted(groups), *([str(salt)] if salt else [])])
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") & (STATELESS - 1)
    return (number or 1) | (STATELESS if stateless else 0)


@lru_cache(maxsize=1 << 16)
def peer_match(cidr: str, direction: str, ethertype: int) -> str | None:
    """What a rule table matches of a peer; None for a network of the other IP version.  Raises `ValueError`.

    Remembered: a group of thousands changes by one.
    """
    network = ip_network(cidr, strict=False)
    return field_match(PEER_FIELD[direction, ethertype], network) if network.version == ethertype else None


def any_service(ethertype: int) -> str:
    return "ip" if ethertype == 4 else "ipv6"


def conjunction_number(group: str, ethertype: int, used: set[int]) -> int:
    """A number for a remote group, different from those `used` in the same profile and table."""
    digest = hashlib.blake2b(f"{group}/{ethertype}".encode(), digest_size=4).digest()
    number = int.from_bytes(digest, "big") or 1
    while number in used:
        number = number % 0xFFFFFFFF + 1
    used.add(number)
    return number


def service_matches(rule: RuleView) -> list[str]:
    """The matches that together are a rule's protocol and ports.  Raises `ValueError` for what cannot be matched."""
    protocol = rule.protocol
    if rule.ethertype == 6 and protocol == ICMP:
        protocol = ICMPV6
    base = any_service(rule.ethertype)
    if protocol >= 0:
        base = NAMES[rule.ethertype].get(protocol, f"{base},nw_proto={protocol}")
    if rule.port_min < 0 and rule.port_max < 0:
        return [base]
    if protocol in (ICMP, ICMPV6):
        code = f",icmp_code={rule.port_max}" if rule.port_max >= 0 else ""
        return [f"{base},icmp_type={rule.port_min}{code}"]
    if protocol not in (TCP, UDP, SCTP):
        raise ValueError(f"Open vSwitch cannot match ports of the IP protocol {protocol}")
    low = max(rule.port_min, 0)
    high = rule.port_max if rule.port_max >= 0 else low
    if (low, high) == (0, 0xFFFF):
        return [base]
    return [f"{base},tp_dst={port_text(value, mask)}" for value, mask in port_masks(low, high)]


def port_text(value: int, mask: int) -> str:
    return str(value) if mask == 0xFFFF else f"0x{value:x}/0x{mask:x}"


def port_masks(low: int, high: int) -> list[tuple[int, int]]:
    """The fewest (value, mask) pairs that cover the ports low..high and no other.  Raises `ValueError`."""
    if not 0 <= low <= high <= 0xFFFF:
        raise ValueError(f"not a range of ports: {low}-{high}")
    pairs = []
    while low <= high:
        size = low & -low or 0x10000
        while low + size - 1 > high:
            size >>= 1
        pairs.append((low, 0xFFFF & ~(size - 1)))
        low += size
    return pairs
