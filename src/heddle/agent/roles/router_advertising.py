"""What a router advertises on its interfaces, decided from views alone.

A subnet whose `ipv6_ra_mode` is not set is advertised by somebody else, or by nobody; for the others it says how guests
get their addresses:

    slaac               each makes its own from the prefix
    dhcpv6-stateless    the same; names and the rest come by DHCPv6 (flag O)
    dhcpv6-stateful     by DHCPv6 (flag M)

The name servers of subnets with slaac are advertised as well (RFC 8106), at most three, as radvd takes no more.  The
router is a default router for a link when it has the gateway address of one of the subnets it advertises there, or
that is a link-local one, and when it is not administratively down.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Mapping

from heddle.agent.addresses import link_local
from heddle.errors import ConfigError
from heddle.host.radvd import Advertised
from heddle.view.types import PortView, SubnetView

SLAAC, STATELESS, STATEFUL = "slaac", "dhcpv6-stateless", "dhcpv6-stateful"
MOST_SERVERS = 3


def advertised(
    port: PortView, interface: str, mtu: int, subnets: Mapping[str, SubnetView], up: bool
) -> Advertised | None:
    """What the router advertises on the interface of a port; None for nothing.  `up`: the router forwards."""
    found = [(item.ip_address, subnets[item.subnet_id]) for item in port.fixed_ips]
    mine = sorted(((address, subnet) for address, subnet in found if subnet.ipv6_ra_mode), key=lambda each: each[1].id)
    if not mine:
        return None
    modes = {subnet.ipv6_ra_mode for _, subnet in mine}
    servers = [each for _, subnet in mine if subnet.ipv6_ra_mode == SLAAC for each in subnet.dns_nameservers]
    usable = [each for each in dict.fromkeys(servers) if ipaddress.ip_address(each).version == 6]
    return Advertised(
        interface,
        link_local(port.mac_address),
        mtu,
        default=up and any(_is_gateway(address, subnet) for address, subnet in mine),
        managed=STATEFUL in modes,
        other=STATELESS in modes,
        prefixes=tuple(dict.fromkeys(_prefix(subnet) for _, subnet in mine)),
        servers=tuple(usable[:MOST_SERVERS]),
    )


def check_gateway(text: str) -> None:
    """Raises `ConfigError` for an `agent.ipv6_gateway` that is no link-local address."""
    with contextlib.suppress(ValueError):
        if not text or (ipaddress.IPv6Address(text).is_link_local and "%" not in text):
            return
    raise ConfigError(f"agent.ipv6_gateway = {text!r}: expected a link-local IPv6 address, as fe80::1, or nothing")


def _is_gateway(address: str, subnet: SubnetView) -> bool:
    if not subnet.gateway_ip:
        return False
    gateway = ipaddress.ip_address(subnet.gateway_ip)
    return gateway.is_link_local or gateway == ipaddress.ip_address(address)


def _prefix(subnet: SubnetView) -> tuple[str, bool]:
    return str(ipaddress.IPv6Network(subnet.cidr)), subnet.ipv6_ra_mode in (SLAAC, STATELESS)
