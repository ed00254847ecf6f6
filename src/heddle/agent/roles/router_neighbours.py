"""A router on a private VLAN is no way between neighbours: what is for the sender's own subnet does not go back there.

Whom layer 2 keeps apart (`agent/kinds.py`) could else send to the router's MAC address what is for the other's address.
Neighbours who meet need no router; a floating IP leads to its port all the same.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from heddle.view.types import PortView, SubnetView


def apart(links: Iterable[tuple[str, PortView]], subnets: Mapping[str, SubnetView]) -> list[str]:
    """The rules for interfaces, by their names; none for those that are on no private VLAN."""
    rules: list[str] = []
    for name, port in links:
        for item in port.fixed_ips if port.pvlan_type else ():
            network = ipaddress.ip_network(subnets[item.subnet_id].cidr)
            family = "ip" if network.version == 4 else "ip6"
            block = network.network_address if network.prefixlen == network.max_prefixlen else network
            rules.append(
                f'iifname "{name}" oifname "{name}" {family} saddr {block} {family} daddr {block} ct status ! dnat drop'
            )
    return rules
