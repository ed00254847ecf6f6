"""How many addresses the subnets of networks have, and how many are in use."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from heddle.control import ipam
from heddle.model.predicate import Condition
from heddle.model.subnet import Subnet
from heddle.store.engine import Tx
from heddle.store.query import addresses
from heddle.store.query.networks import NETWORKS
from heddle.store.query.subnets import of_networks as subnets_of_networks

_FILTERS = {"network_id": "id", "network_name": "name", "project_id": "project_id"}


def of_networks(tx: Tx, condition: Condition, wanted: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """The use of the networks that meet the condition and the filters, as the Networking API shows it."""
    filters = {_FILTERS[name]: values for name, values in wanted.items() if name in _FILTERS}
    networks = NETWORKS.search(tx, condition, filters)
    versions = set(wanted.get("ip_version", ()))
    by_network = subnets_of_networks(tx, [network.id for network in networks])
    used = addresses.used_by_subnet(tx, [subnet.id for subnets in by_network.values() for subnet in subnets])
    found = []
    for network in networks:
        subnets = [s for s in by_network[network.id] if not versions or str(s.ip_version) in versions]
        details = [_subnet(subnet, used.get(subnet.id, 0)) for subnet in subnets]
        if versions and not details:
            continue
        found.append(
            {
                "network_id": network.id,
                "network_name": network.name,
                "tenant_id": network.project_id,
                "project_id": network.project_id,
                "total_ips": sum(item["total_ips"] for item in details),
                "used_ips": sum(item["used_ips"] for item in details),
                "subnet_ip_availability": details,
            }
        )
    return found


def _subnet(subnet: Subnet, used: int) -> dict[str, Any]:
    runs = ipam.pool_runs(subnet.allocation_pools)
    total = sum(last - first + 1 for first, last in runs)
    if not runs:
        low, high = ipam.usable(ipaddress.ip_network(subnet.cidr))
        total = high - low + 1
    return {
        "cidr": subnet.cidr,
        "ip_version": subnet.ip_version,
        "subnet_id": subnet.id,
        "subnet_name": subnet.name,
        "total_ips": total,
        "used_ips": used,
    }
