"""Addresses, subnets, pools, segments and routers: nothing is there twice, and what is free is what nobody has."""

from __future__ import annotations

import ipaddress
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from tests.stateful.contents import Contents, Row

from heddle.control.ipam import pool_runs
from heddle.model.values import AllocationPool


def nothing_twice(contents: Contents) -> list[str]:
    """No address twice on a network, no MAC address, no segment, no name of a singleton."""
    found = _twice("MAC address", ((row["network_id"], row["mac_address"]) for row in contents["ports"]))
    found += _twice("address", ((row["network_id"], row["ip_address"]) for row in contents["ip_allocations"]))
    found += _twice(
        "segment",
        (
            (row["network_type"], row["physical_network"], row["segmentation_id"])
            for row in contents["networksegments"]
            if row["network_type"] != "local"
        ),
    )
    floating = contents["floatingips"]
    found += _twice("floating address", ((f["floating_network_id"], f["floating_ip_address"]) for f in floating))
    found += _twice(
        "floating IP of",
        ((f["port_id"], f["fixed_ip_address"], f["floating_network_id"]) for f in floating if f["port_id"]),
    )
    found += _twice("default group of", (row["project_id"] for row in contents["security_groups"] if row["is_default"]))
    return found


def _twice(what: str, values: Iterable[Any]) -> list[str]:
    return [f"{what} {value} {count} times" for value, count in Counter(values).items() if count > 1]


def addresses(contents: Contents) -> list[str]:
    """Allocations lie in their subnet and their port's network; what is free is what the pools have and no port."""
    found = []
    subnets = {row["id"]: row for row in contents["subnets"]}
    ports = {row["id"]: row for row in contents["ports"]}
    taken: dict[str, set[int]] = defaultdict(set)
    free: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in contents["ip_allocations"]:
        subnet, address = subnets[row["subnet_id"]], ipaddress.ip_address(row["ip_address"])
        taken[row["subnet_id"]].add(int(address))
        if address not in ipaddress.ip_network(subnet["cidr"]):
            found.append(f"{address} of port {row['port_id']} is not in {subnet['cidr']}")
        if not row["network_id"] == subnet["network_id"] == ports[row["port_id"]]["network_id"]:
            found.append(f"{address} of port {row['port_id']} is on another network than its subnet")
    for row in contents["ip_ranges"]:
        free[row["subnet_id"]].append((int(row["first"], 16), int(row["last"], 16)))
    for id, subnet in subnets.items():
        runs = pool_runs(
            [AllocationPool(p["start"], p["end"]) if isinstance(p, dict) else p for p in subnet["allocation_pools"]]
        )
        expected = _without(runs, taken[id])
        if sorted(free[id]) != expected and not _automatic(subnet):
            found.append(f"subnet {id} {subnet['cidr']}: free {sorted(free[id])[:5]}, expected {expected[:5]}")
    for network, group in _by(contents["subnets"], "network_id").items():
        cidrs = [ipaddress.ip_network(row["cidr"]) for row in group]
        found += [
            f"{a} and {b} overlap on {network}" for n, a in enumerate(cidrs) for b in cidrs[n + 1 :] if a.overlaps(b)
        ]
    return found


def _automatic(subnet: Row) -> bool:
    """Addresses follow from the MAC address there, and are not taken from what is free."""
    return subnet["ipv6_address_mode"] in ("slaac", "dhcpv6-stateless")


def _by(rows: Iterable[Row], name: str) -> dict[Any, list[Row]]:
    grouped: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row[name]].append(row)
    return grouped


def _without(runs: Iterable[tuple[int, int]], taken: set[int]) -> list[tuple[int, int]]:
    """Runs of numbers less single ones."""
    left = []
    for first, last in sorted(runs):
        for number in sorted(n for n in taken if first <= n <= last):
            if first < number:
                left.append((first, number - 1))
            first = number + 1
        if first <= last:
            left.append((first, last))
    return left


def subnet_shapes(contents: Contents) -> list[str]:
    """Pools lie in their subnet, apart from each other and from the gateway."""
    found = []
    for subnet in contents["subnets"]:
        block = ipaddress.ip_network(subnet["cidr"])
        runs = sorted(
            pool_runs([p if not isinstance(p, dict) else AllocationPool(**p) for p in subnet["allocation_pools"]])
        )
        inside = all(int(block[0]) <= first <= last <= int(block[-1]) for first, last in runs)
        apart = all(one[1] < other[0] for one, other in itertools.pairwise(runs))
        gateway = int(ipaddress.ip_address(subnet["gateway_ip"])) if subnet["gateway_ip"] else -1
        if not inside or not apart or any(first <= gateway <= last for first, last in runs):
            found.append(f"subnet {subnet['id']} {block}: gateway {subnet['gateway_ip']}, pools {runs}")
    return found


def routing(contents: Contents) -> list[str]:
    """A router's subnets do not overlap; a floating IP's router joins its network with a subnet of its port."""
    found = []
    subnets = {row["id"]: row for row in contents["subnets"]}
    ports = {row["id"]: row for row in contents["ports"]}
    routers = {row["id"]: row for row in contents["routers"]}
    joined: dict[str, set[str]] = defaultdict(set)
    of_port: dict[str, dict[str, str]] = defaultdict(dict)
    for row in contents["ip_allocations"]:
        port = ports[row["port_id"]]
        of_port[port["id"]][row["ip_address"]] = row["subnet_id"]
        if port["device_owner"] == "network:router_interface":
            joined[port["device_id"]].add(row["subnet_id"])
    for router, ids in joined.items():
        blocks = [ipaddress.ip_network(subnets[id]["cidr"]) for id in sorted(ids)]
        found += [
            f"{a} and {b} overlap at router {router}" for a, b in itertools.combinations(blocks, 2) if a.overlaps(b)
        ]
    for row in contents["floatingips"]:
        if not row["port_id"]:
            continue
        router, inner = routers[row["router_id"]], of_port[row["port_id"]].get(row["fixed_ip_address"])
        outer = ports[router["gateway_port_id"]]["network_id"] if router["gateway_port_id"] else None
        if inner not in joined[router["id"]] or outer != row["floating_network_id"]:
            found.append(
                f"floating IP {row['id']} leads to port {row['port_id']} by router {router['id']}, which does not"
            )
    return found


def segments(contents: Contents) -> list[str]:
    """Who claims a segment has it, and who has one claims it."""
    claimed = {row["key"]: row["network_id"] for row in contents["segment_claims"]}
    had = {
        f"{row['network_type']}:{row['physical_network'] or ''}:{row['segmentation_id'] or ''}": row["network_id"]
        for row in contents["networksegments"]
        if row["network_type"] != "local"
    }
    return [f"{key}: claimed by {claimed.get(key)}, had by {had.get(key)}" for key in {*claimed, *had}
            if claimed.get(key) != had.get(key)]  # fmt: skip


def pools(contents: Contents) -> list[str]:
    """What is free in a subnet pool is what is in none of its subnets."""
    found = []
    free: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in contents["subnetpool_ranges"]:
        free[row["subnetpool_id"]].append((int(row["first"], 16), int(row["last"], 16)))
    for pool in contents["subnetpools"]:
        blocks = [
            ipaddress.ip_network(row["cidr"]) for row in contents["subnets"] if row["subnetpool_id"] == pool["id"]
        ]
        prefixes = [ipaddress.ip_network(prefix) for prefix in pool["prefixes"]]
        if outside := [block for block in blocks if not any(_contains(prefix, block) for prefix in prefixes)]:
            found.append(f"pool {pool['id']} does not have {outside}")
        size = sum(n.num_addresses for n in prefixes) - sum(n.num_addresses for n in blocks)
        if sum(last - first + 1 for first, last in free[pool["id"]]) != size:
            found.append(f"pool {pool['id']} {pool['prefixes']} has {blocks}, and free are {free[pool['id']]}")
    return found


def _contains(prefix: Any, block: Any) -> bool:
    return bool(prefix.version == block.version and block.subnet_of(prefix))
