"""NDP proxies: guests whose IPv6 addresses the external network finds by asking for them, as if they were on it.

The gateway answers neighbour solicitations for each (RFC 4389).  A router that does so lets nothing in from outside to
its subnets of the gateway's address scope but what is for these guests; who is not told outside is not reached.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping

from heddle.agent.roles.router_scopes import scope_of
from heddle.host.nft import Elements
from heddle.view.types import PortView, RouterView, SubnetView

SUBNETS, PROXIED = "ndp_subnets", "ndp_proxied"


def answered(router: RouterView) -> frozenset[str]:
    """The addresses, as the kernel writes them."""
    return frozenset(str(ipaddress.IPv6Address(each)) for each in router.ndp_proxies if router.enable_ndp_proxy)


def doors(
    router: RouterView, gateway: PortView | None, ports: Collection[PortView], subnets: Mapping[str, SubnetView]
) -> tuple[list[Elements], list[str]]:
    """The sets and the rule by which only these guests are reached; none where the router does not answer.

    The rule is for what comes in by the gateway.
    """
    if not router.enable_ndp_proxy or gateway is None:
        return [], []
    scope = scope_of(gateway.fixed_ips, subnets, 6)
    networks = [
        ipaddress.IPv6Network(subnets[item.subnet_id].cidr)
        for port in ports
        if port is not gateway
        for item in port.fixed_ips
        if subnets[item.subnet_id].ip_version == 6 and scope_of(port.fixed_ips, subnets, 6) == scope
    ]
    if not networks:
        return [], []
    spans = tuple(str(each) for each in ipaddress.collapse_addresses(networks))
    sets = [
        Elements("set", SUBNETS, "ipv6_addr", spans, "interval"),
        Elements("set", PROXIED, "ipv6_addr", tuple(sorted(answered(router)))),
    ]
    return sets, [f"ip6 daddr @{SUBNETS} ip6 daddr != @{PROXIED} drop"]
