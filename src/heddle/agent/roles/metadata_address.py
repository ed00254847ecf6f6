"""The address of the metadata service: who has it on a network, and how routers lead to it.  Pure.

A router takes what its guests send to the address for itself, and gives it to the service at a port of its own.  It has
the address on no interface, where it could become the one that the router itself speaks from: for the IPv6 one it
answers neighbour solicitations.

On a network where no router is the gateway of an IPv4 subnet, the DHCP server has the IPv4 address and leads guests
there by a route (option 121); where there is no router at all it has the IPv6 address too.  It is the reference's
`enable_isolated_metadata`.  Where several routers or servers are on a network each has the address and gives the same
answers, so that duplicates of the link-local one do no harm.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from heddle.host.nft import Chain
from heddle.host.rtnetlink import METADATA_IPV6
from heddle.view.types import NeighbourView, SubnetView

IPV4, IPV6 = "169.254.169.254", METADATA_IPV6
ON_INTERFACE = f"{IPV6}/64"
PORT = 80
PORT_IN_ROUTERS = 9697
ROUTER = "network:router_interface"

REDIRECTS = tuple(
    f'iifname "qr-*" {match} {address} tcp dport {PORT} redirect to :{PORT_IN_ROUTERS}'
    for match, address in (("ip daddr", IPV4), ("ip6 daddr", IPV6))
)
GUARD = Chain(
    "input", "type filter hook input priority filter; policy accept;",
    (f"tcp dport {PORT_IN_ROUTERS} ct status ! dnat drop",),
)  # fmt: skip


def isolated(subnets: Iterable[SubnetView], neighbours: Iterable[NeighbourView]) -> frozenset[str]:
    """The IPv4 subnets whose gateway is no router's interface."""
    routers = {fixed.ip_address for each in neighbours if each.device_owner == ROUTER for fixed in each.fixed_ips}
    return frozenset(each.id for each in subnets if each.ip_version == 4 and each.gateway_ip not in routers)


def at_router(serves: bool) -> frozenset[str]:
    """The addresses that the router answers solicitations for on its interfaces."""
    return frozenset({IPV6} if serves else ())


def at_dhcp(subnets: Collection[SubnetView], neighbours: Collection[NeighbourView]) -> frozenset[str]:
    """The addresses of the service, with prefix length, that the network's DHCP server has."""
    ipv4 = {f"{IPV4}/32"} if isolated(subnets, neighbours) else set()
    alone = bool(subnets) and not any(each.device_owner == ROUTER for each in neighbours)
    return frozenset(ipv4 | ({ON_INTERFACE} if alone else set()))
