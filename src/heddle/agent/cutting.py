"""Which established connections no rule permits any more.  Pure: ports and connections in, connections out.

A connection is asked about like its first frame was: the rules of the port that began it for what that may send, and
those of the port it goes to for what that may receive; the answers belong to it.  Only the connections of ports whose
permissions have become fewer are asked about, and only at the end that became narrower.  Where several ports may use
an address, it is enough that one of them permits it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from heddle.agent.addresses import link_local
from heddle.agent.permissions import Address, Permissions
from heddle.agent.pipeline import WiredPort
from heddle.host.connection import CUT, Tracked

Network = IPv4Network | IPv6Network
INITIATOR, RESPONDER = 1, 2


@dataclass(frozen=True)
class Holder:
    """A port: what it permits (None: everything), and whether that is fewer than before.

    `unjudged`: connections are asked about too that its rules have never agreed to, because it had none.
    """

    port: WiredPort
    permissions: Permissions | None
    narrowed: bool = False
    unjudged: bool = False


class Holders:
    """Ports by the addresses that they may use."""

    def __init__(self, holders: Iterable[Holder]) -> None:
        self.zones: set[int] = set()
        self._by_address: dict[tuple[int, str], list[Holder]] = {}
        self._by_network: dict[int, list[tuple[Network, Holder]]] = {}
        for holder in holders:
            self._add(holder)

    def _add(self, holder: Holder) -> None:
        port = holder.port
        if holder.narrowed:
            self.zones.add(port.tag)
        macs = dict.fromkeys([port.mac, *(mac for mac, _ in port.addresses)])
        for cidr in dict.fromkeys([*(cidr for _, cidr in port.addresses), *(link_local(mac) for mac in macs)]):
            network = ip_network(cidr, strict=False)
            if network.prefixlen == network.max_prefixlen:
                self._by_address.setdefault((port.tag, str(network.network_address)), []).append(holder)
            else:
                self._by_network.setdefault(port.tag, []).append((network, holder))

    def of(self, zone: int, address: str) -> list[Holder]:
        """Those that may use an address."""
        found = self._by_address.get((zone, address), [])
        networks = self._by_network.get(zone)
        if not networks:
            return found
        return found + [holder for network, holder in networks if ip_address(address) in network]


def doomed(connections: Iterable[Tracked], holders: Holders) -> list[Tracked]:
    """The connections that a narrowed port had permitted and does not any more."""
    return [each for each in connections if not each.mark & CUT and _is_doomed(each, holders)]


def forgotten(
    connections: Iterable[Tracked], networks: Mapping[int, Sequence[Network]], ports: Iterable[WiredPort]
) -> list[Tracked]:
    """The connections from or to an address of `networks`, by zone, that no port may use."""
    holders = Holders(Holder(port, None) for port in ports)
    return [
        each for each in connections
        if any(
            not holders.of(each.zone, end) and any(ip_address(end) in network for network in networks[each.zone])
            for end in (each.source, each.target)
        )
    ]


def _is_doomed(each: Tracked, holders: Holders) -> bool:
    sides = (("egress", each.source, each.target, INITIATOR), ("ingress", each.target, each.source, RESPONDER))
    for direction, own, peer, bit in sides:
        found = holders.of(each.zone, own)
        asked = any(holder.narrowed and (each.mark & bit or holder.unjudged) for holder in found)
        if asked and not any(_permits(holder, direction, each, ip_address(peer)) for holder in found):
            return True
    return False


def _permits(holder: Holder, direction: str, each: Tracked, peer: Address) -> bool:
    if holder.permissions is None:
        return True
    return holder.permissions.allow(direction, each.protocol, peer, each.target_port, each.code)
