"""Which names a DNS server outside is told of a port or a floating IP: pure, from what the objects are now.

A port is published where its network lets it be: on a network that is neither external nor of the kinds that projects
make themselves, with all its addresses; on any network, with those of subnets with `dns_publish_fixed_ip`.  It needs a
`dns_name` and a domain, its own or its network's.  A floating IP is published under its own name, else under that of
the port it reaches, wherever that port is.  For each address its name is published too, where the driver has a zone
for that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from heddle.dns.base import record_type, reverse_name
from heddle.model.fields import same_for_all
from heddle.model.floating_ip import FloatingIp
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.segment import Segment
from heddle.model.subnet import Subnet
from heddle.store.query.dns_records import Row

ReverseZone = Callable[[str], str]
PUBLIC_TYPES = ("flat", "vlan", "gre", "vxlan", "geneve")


@dataclass(frozen=True)
class Where:
    """A port's network, whether ports on it are published with all their addresses, and its flagged subnets."""

    network: Network
    whole: bool
    flagged: frozenset[str]


def where(network: Network, segments: Sequence[Segment], own: Collection[str], subnets: Sequence[Subnet]) -> Where:
    """`own`: the ids of the segments from the ranges of projects' networks."""
    flagged = frozenset(subnet.id for subnet in subnets if subnet.dns_publish_fixed_ip)
    if network.router_external:
        return Where(network, False, flagged)
    outside = [each for each in segments if each.network_type in PUBLIC_TYPES and each.id not in own]
    return Where(network, bool(outside) or len(segments) > 1, flagged)


def full_name(port: Port, network: Network) -> tuple[str, str]:
    """The name of a port in its domain, and the domain; two times "" where it has none for others."""
    domain = port.dns_zone or same_for_all(network.dns_domain)
    if not port.dns_name or not domain:
        return "", ""
    if not port.dns_name.endswith("."):
        return f"{port.dns_name}.{domain}", domain
    return (port.dns_name, domain) if port.dns_name.endswith("." + domain) else ("", "")


def of_port(port: Port, place: Where, reverse_zone: ReverseZone) -> list[Row]:
    name, domain = full_name(port, place.network)
    flagged = [item.ip_address for item in port.fixed_ips if item.subnet_id in place.flagged]
    addresses = flagged or ([item.ip_address for item in port.fixed_ips] if place.whole else [])
    return _rows(port.id, port.project_id, name, domain, addresses, reverse_zone) if name else []


def of_floating_ip(floating_ip: FloatingIp, port: Port | None, network: Network | None, reverse_zone: ReverseZone
                   ) -> list[Row]:  # fmt: skip
    """`port` is the one that it reaches, on `network`."""
    if floating_ip.dns_name:
        domain = floating_ip.dns_domain
        name = f"{floating_ip.dns_name}.{domain}"
    else:
        name, domain = full_name(port, network) if port is not None and network is not None else ("", "")
    address = floating_ip.floating_ip_address
    if not name or not address or "<" in name:
        return []
    return _rows(floating_ip.id, floating_ip.project_id, name, domain, [address], reverse_zone)


def _rows(owner: str, project: str, name: str, domain: str, addresses: Sequence[str], reverse_zone: ReverseZone
          ) -> list[Row]:  # fmt: skip
    found: dict[str, list[str]] = {}
    for address in addresses:
        found.setdefault(record_type(address), []).append(address)
    rows = [Row(name, kind, domain, owner, project, sorted(values)) for kind, values in found.items()]
    for address in addresses:
        reverse = reverse_name(address)
        zone = reverse_zone(reverse)
        if zone:
            rows.append(Row(reverse, "PTR", zone, owner, project, [name]))
    return rows
