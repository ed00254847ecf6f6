"""The names of ports in the DNS of their network."""

from __future__ import annotations

from collections.abc import Sequence

from heddle.model.port import Port
from heddle.store.engine import Tx
from heddle.store.query import networks as network_query


def hostname(port: Port, ip_address: str) -> str:
    """The name by which the network's DNS knows an address of the port."""
    return port.dns_name or "host-" + ip_address.replace(".", "-").replace(":", "-")


def describe_names(tx: Tx, domain: str, ports: Sequence[Port]) -> None:
    """Fill in `dns_assignment`: what the network's DNS answers for each address."""
    domains = network_query.domains_of(tx, {port.network_id for port in ports})
    for port in ports:
        port.dns_assignment = [
            {
                "hostname": name,
                "ip_address": ip.ip_address,
                "fqdn": f"{name}.{(domains.get(port.network_id) or domain).rstrip('.')}.",
            }
            for ip in port.fixed_ips
            for name in (hostname(port, ip.ip_address).split(".")[0],)
        ]
