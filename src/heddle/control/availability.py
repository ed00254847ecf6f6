"""How many addresses the subnets of networks have, and how many are in use."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

from heddle.control import ipam
from heddle.model.availability import NetworkIpAvailability
from heddle.model.subnet import Subnet
from heddle.store.engine import Tx
from heddle.store.query import addresses
from heddle.store.query.subnets import of_networks as subnets_of_networks

Numbers = dict[str, int]
_DETAILS = ("total_ips_in_subnet", "total_ips_in_allocation_pool", "used_ips_in_subnet", "used_ips_in_allocation_pool")


def describe(tx: Tx, items: Sequence[NetworkIpAvailability], versions: Iterable[int] = ()) -> None:
    """Fill in the numbers of networks; of the subnets of some IP versions alone where any are named."""
    wanted = set(versions) or {4, 6}
    subnets = {
        network_id: [subnet for subnet in found if subnet.ip_version in wanted]
        for network_id, found in subnets_of_networks(tx, [item.id for item in items]).items()
    }
    ids = [subnet.id for found in subnets.values() for subnet in found]
    used, free = addresses.used_by_subnet(tx, ids), addresses.FREE.free(tx, ids)
    for item in items:
        shown = [_subnet(subnet, used.get(subnet.id, 0), free.get(subnet.id, 0)) for subnet in subnets[item.id]]
        item.subnet_ip_availability = shown
        item.total_ips = sum(each["total_ips"] for each in shown)
        item.used_ips = sum(each["used_ips"] for each in shown)
        item.ip_availability_details = {
            name: sum(each["ip_availability_details"][name] for each in shown) for name in _DETAILS
        }


def _subnet(subnet: Subnet, used: int, free: int) -> dict[str, Any]:
    """`used` addresses of the subnet are taken, and `free` ones of its pools are not."""
    in_pools = sum(last - first + 1 for first, last in ipam.pool_runs(subnet.allocation_pools))
    block = ipaddress.ip_network(subnet.cidr)
    low, high = ipam.usable(block)
    usable = high - low + 1
    numbers = (usable if block.version == 4 else block.num_addresses, in_pools, used, in_pools - free)
    return {
        "cidr": subnet.cidr,
        "ip_version": subnet.ip_version,
        "subnet_id": subnet.id,
        "subnet_name": subnet.name,
        "total_ips": in_pools or usable,
        "used_ips": used,
        "ip_availability_details": dict(zip(_DETAILS, numbers, strict=True)),
    }
