"""Address scopes at a router: what is routed as it is, and what is not routed at all.

Addresses are unique within a scope, so a router passes packets between interfaces of one scope and drops new
connections between interfaces of different ones; being in no scope counts as one.  A floating IP leads across.  IPv4
leaves through the gateway into another scope under the gateway's address; from and into subnets that are in the
gateway's own scope it is routed in both directions.  IPv6 is never translated, so the gateway is like the others.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping

from heddle.agent.roles.router_crossings import Scopes
from heddle.host.nft import Elements
from heddle.view.types import FixedIp, SubnetView

ROUTED = "routed"
Links = Mapping[str, Collection[FixedIp]]


def scope_of(fixed_ips: Collection[FixedIp], subnets: Mapping[str, SubnetView], version: int) -> str | None:
    """The scope of an interface with these addresses; "" for no scope, None without an address of the IP version."""
    mine = [subnets[item.subnet_id] for item in fixed_ips if subnets[item.subnet_id].ip_version == version]
    return next((subnet.address_scope for subnet in mine if subnet.address_scope), "") if mine else None


def walls(inside: Links, outside: Links, subnets: Mapping[str, SubnetView]) -> tuple[list[Elements], list[str]]:
    """The sets and the rules that keep scopes apart; none where all interfaces are in the same.

    `inside` and `outside` are the addresses of the interfaces, and of the gateway, by the interface's name.
    """
    sets: list[Elements] = []
    rules: list[str] = []
    for version, links in ((4, inside), (6, {**inside, **outside})):
        by_scope: dict[str, list[str]] = {}
        for name, fixed_ips in links.items():
            scope = scope_of(fixed_ips, subnets, version)
            if scope is not None:
                by_scope.setdefault(scope, []).append(f'"{name}"')
        if len(by_scope) < 2:
            continue
        every = f"scopes{version}"
        sets.append(_names(every, [name for names in by_scope.values() for name in names]))
        for number, scope in enumerate(sorted(by_scope), 1):
            one = f"scope{version}_{number}"
            sets.append(_names(one, by_scope[scope]))
            rules.append(
                f"meta nfproto ipv{version} iifname @{one} oifname @{every} oifname != @{one} ct state new "
                "ct status ! dnat drop"
            )
    return sets, rules


def routed(inside: Links, outside: Links, subnets: Mapping[str, SubnetView]) -> list[ipaddress.IPv4Network]:
    """The IPv4 subnets that are in the gateway's scope."""
    scopes = {scope_of(fixed_ips, subnets, 4) for fixed_ips in outside.values()} - {None, ""}
    found = [
        ipaddress.IPv4Network(subnets[item.subnet_id].cidr)
        for fixed_ips in inside.values()
        for item in fixed_ips
        if subnets[item.subnet_id].ip_version == 4 and subnets[item.subnet_id].address_scope in scopes
    ]
    return list(ipaddress.collapse_addresses(found))


def held(
    inside: Links, outside: Links, subnets: Mapping[str, SubnetView], translates: bool, address: str
) -> Scopes:
    """The same for connections that exist; `address` is that under which IPv4 goes out."""
    every = [(version, name, ips) for version in (4, 6) for name, ips in {**inside, **outside}.items()]
    of = {(version, name): scope_of(ips, subnets, version) for version, name, ips in every}
    return Scopes(
        {key: scope for key, scope in of.items() if scope is not None},
        next(iter(outside), ""), tuple(routed(inside, outside, subnets)), translates, address,
    )  # fmt: skip


def _names(name: str, items: Collection[str]) -> Elements:
    return Elements("set", name, "ifname", tuple(sorted(items)))
