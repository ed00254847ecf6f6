"""What the rules of a profile permit, asked of one connection: the same as its flows (`security.py`) say of its frames.

Pure.  Rules become flows for Open vSwitch, which sees frames; of connections that are established only the entries
in the connection table are known, and whether a rule still permits them is asked here.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network

from heddle.agent.counted import count
from heddle.agent.security import ICMP, ICMPV6, SCTP, TCP, UDP
from heddle.view.types import RuleView

Address = IPv4Address | IPv6Address


class Peers:
    """A set of networks, asked for an address at a cost that does not grow with it.  What is no network is left out.

    Each is there as often as it was added.
    """

    def __init__(self, cidrs: Iterable[str] = ()) -> None:
        self.networks: Counter[tuple[int, int, int]] = Counter()
        self._lengths: Counter[tuple[int, int]] = Counter()
        for cidr in cidrs:
            self.add(cidr)

    def add(self, cidr: str) -> None:
        with contextlib.suppress(ValueError):
            network = _network(cidr)
            count(self.networks, network)
            count(self._lengths, network[:2])

    def remove(self, cidr: str) -> bool:
        """Whether it is not there any more."""
        try:
            network = _network(cidr)
        except ValueError:
            return False
        count(self._lengths, network[:2], -1)
        return count(self.networks, network, -1)

    def __contains__(self, address: Address) -> bool:
        number, bits = int(address), address.max_prefixlen
        return any(
            version == address.version and (version, length, number >> (bits - length) << (bits - length))
            in self.networks
            for version, length in self._lengths
        )


@lru_cache(maxsize=1 << 16)
def _network(cidr: str) -> tuple[int, int, int]:
    """IP version, prefix length and address.  Remembered: a group of thousands changes by one.  Raises `ValueError`."""
    network = ip_network(cidr, strict=False)
    return network.version, network.prefixlen, int(network.network_address)


@dataclass(frozen=True)
class Permissions:
    """`rules` are those of a profile, `peers` the addresses of the groups that they name."""

    rules: Collection[RuleView] = frozenset()
    peers: Mapping[str, Peers] = field(default_factory=dict)

    def narrower_than(self, before: Permissions) -> bool:
        """Whether something may have been permitted that is no longer; a rule or an address more is no such change."""
        if set(before.rules) - set(self.rules):
            return True
        nobody = Peers()
        named = {rule.remote_group for rule in self.rules} - {""}
        return any(
            before.peers.get(group, nobody).networks.keys() - self.peers.get(group, nobody).networks.keys()
            for group in named
        )

    def allow(self, direction: str, protocol: int, peer: Address, port: int, code: int = 0) -> bool:
        """Whether a rule permits it.  `port` is the destination's, or the type of ICMP, whose `code` is asked too."""
        return any(
            rule.direction == direction and rule.ethertype == peer.version
            and _serves(rule, protocol, port, code) and self._reaches(rule, peer)
            for rule in self.rules
        )

    def _reaches(self, rule: RuleView, peer: Address) -> bool:
        if rule.remote_group:
            return peer in self.peers.get(rule.remote_group, ())
        if not rule.remote_cidr:
            return True
        try:
            version, length, number = _network(rule.remote_cidr)
        except ValueError:
            return False
        return version == peer.version and int(peer) >> (peer.max_prefixlen - length) == number >> (
            peer.max_prefixlen - length)


def _serves(rule: RuleView, protocol: int, port: int, code: int) -> bool:
    """Whether a rule's protocol and ports are these."""
    wanted = ICMPV6 if rule.ethertype == 6 and rule.protocol == ICMP else rule.protocol
    if wanted not in (-1, protocol):
        return False
    if rule.port_min < 0 and rule.port_max < 0:
        return True
    if wanted in (ICMP, ICMPV6):
        return rule.port_min == port and rule.port_max in (-1, code)
    if wanted == SCTP and not port:
        return True
    low = max(rule.port_min, 0)
    return wanted in (TCP, UDP, SCTP) and low <= port <= (rule.port_max if rule.port_max >= 0 else low)
