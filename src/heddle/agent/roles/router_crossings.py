"""Which connections through a router its address scopes would have otherwise than they are.  Pure.

The rules of `router_scopes` judge what begins a connection.  When a subnet pool changes its scope, or a subnet its
pool, what began before is asked about once: between subnets that are of different scopes now, from outside to a subnet
that is of the gateway's scope no more, and out of one under an address that would be another one now.  What a floating
IP, a forwarded port or the metadata service leads to is none of the scopes' business.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from heddle.host.conntrack import Address, Passing
from heddle.host.layout import Layout

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Scopes:
    """`of`: the scope of an interface, by IP version and name; `gateway`: the name of the one that leads out, or "".

    `routed`: the IPv4 subnets that are of the gateway's scope; `translates`: IPv4 of others goes out under `address`.
    """

    of: Mapping[tuple[int, str], str] = field(default_factory=dict)
    gateway: str = ""
    routed: tuple[ipaddress.IPv4Network, ...] = ()
    translates: bool = False
    address: str = ""


def crossing(layout: Layout, scopes: Scopes) -> Callable[[Passing], bool]:
    """Says of a connection whether the scopes, as they are now, would not let it be as it is."""
    ways = sorted(_ways(layout), key=lambda way: -way[0].prefixlen)
    own = {ipaddress.ip_interface(each).ip for item in layout.interfaces for each in item.addresses}

    def interface(end: Address) -> str:
        if end in own or end.is_link_local or end.is_multicast:
            return ""
        return next((name for network, name in ways if end.version == network.version and end in network), "")

    def is_doomed(each: Passing) -> bool:
        near, far = interface(each.source), interface(each.answerer)
        if each.target != each.answerer or not near or not far or near == far:
            return False
        version = each.source.version
        if version == 4 and scopes.gateway in (near, far):
            return _under_another_address(each, each.answerer if near == scopes.gateway else each.source, scopes)
        ends = [scopes.of.get((version, name)) for name in (near, far)]
        return None not in ends and ends[0] != ends[1]

    return is_doomed


def _under_another_address(each: Passing, inside: Address, scopes: Scopes) -> bool:
    alike = any(inside in network for network in scopes.routed)
    if each.answered == each.source:
        return scopes.translates and not alike
    return alike and str(each.answered) == scopes.address


def _ways(layout: Layout) -> list[tuple[Network, str]]:
    """The networks that are reached by each interface."""
    near = [(ipaddress.ip_interface(each).network, item.name) for item in layout.interfaces for each in item.addresses]
    return near + [(ipaddress.ip_network(route.destination), route.device) for route in layout.routes]
