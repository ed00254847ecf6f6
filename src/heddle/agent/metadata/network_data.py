"""network_data.json: the cards of a guest as cloud-init's OpenStack data source reads them.

The format is that of the Compute service (its reference of network_data.json): a link for each card, a network for each
address, and the name servers.  A subnet with DHCP is told as such, for DHCP tells the rest; else the address,
its netmask, the routes and the name servers are.  An IPv6 subnet with an address mode is named by that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any

from heddle.agent.metadata.guests import Card
from heddle.view.types import FixedIp, SubnetView


def network_data(cards: Sequence[Card]) -> dict[str, Any]:
    """Cards in a fixed order: the one that asks is no other than the rest."""
    ordered = sorted(cards, key=lambda card: card.port.id)
    networks = [each for card in ordered for each in _networks(card)]
    for number, each in enumerate(networks):
        each["id"] = f"network{number}"
    subnets = [subnet for card in ordered for _, subnet in _addresses(card)]
    servers = dict.fromkeys(server for subnet in subnets for server in _name_servers(subnet))
    return {
        "links": [_link(card) for card in ordered],
        "networks": networks,
        "services": [{"type": "dns", "address": server} for server in servers],
    }


def _link(card: Card) -> dict[str, Any]:
    return {
        "id": _link_id(card),
        "vif_id": card.port.id,
        "type": "phy",
        "mtu": card.network.mtu,
        "ethernet_mac_address": card.port.mac_address,
    }


def _link_id(card: Card) -> str:
    return f"tap{card.port.id[:11]}"


def _addresses(card: Card) -> Iterator[tuple[FixedIp, SubnetView]]:
    for fixed in card.port.fixed_ips:
        if fixed.subnet_id in card.subnets:
            yield fixed, card.subnets[fixed.subnet_id]


def _networks(card: Card) -> Iterator[dict[str, Any]]:
    for fixed, subnet in _addresses(card):
        head = {"id": "", "link": _link_id(card), "network_id": card.network.id}
        if subnet.enable_dhcp and not subnet.ipv6_address_mode:
            yield {**head, "type": f"ipv{subnet.ip_version}_dhcp"}
        else:
            mode = f"_{subnet.ipv6_address_mode}" if subnet.ipv6_address_mode else ""
            yield {**head, "type": f"ipv{subnet.ip_version}{mode}", **_by_hand(fixed, subnet)}


def _by_hand(fixed: FixedIp, subnet: SubnetView) -> dict[str, Any]:
    gateway = [("::/0" if subnet.ip_version == 6 else "0.0.0.0/0", subnet.gateway_ip)] if subnet.gateway_ip else []
    own = [(route.destination, route.nexthop) for route in subnet.host_routes]
    return {
        "ip_address": fixed.ip_address,
        "netmask": str(ipaddress.ip_network(subnet.cidr).netmask),
        "routes": [_route(destination, hop) for destination, hop in (*gateway, *own)],
        "services": [{"type": "dns", "address": server} for server in _name_servers(subnet)],
    }


def _route(destination: str, hop: str) -> dict[str, str]:
    network = ipaddress.ip_network(destination)
    return {"network": str(network.network_address), "netmask": str(network.netmask), "gateway": hop}


def _name_servers(subnet: SubnetView) -> list[str]:
    return [server for server in subnet.dns_nameservers if server not in ("0.0.0.0", "::")]
