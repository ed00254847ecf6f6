"""What must hold of a cloud whatever was asked of it, by a direct look at its database and through every list."""

from __future__ import annotations

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from tests.stateful.views import Followers
from tests.stateful.world import Failure, World

from heddle.api.network.collections import EVERY
from heddle.control.ipam import pool_runs
from heddle.control.quotas import RESOURCES
from heddle.model.access import ACTIONS
from heddle.model.values import AllocationPool
from heddle.store.tables import METADATA

Row = dict[str, Any]
# Columns that name a row of another table, by their names in every table, and by table where the name tells less.
CHILDREN = {
    "network_id": "networks", "floating_network_id": "networks", "subnet_id": "subnets",
    "segment_id": "networksegments",
    "port_id": "ports", "gateway_port_id": "ports", "floating_port_id": "ports", "internal_port_id": "ports",
    "local_port_id": "ports", "fixed_port_id": "ports", "trunk_id": "trunks", "router_id": "routers",
    "flavor_id": "flavors",
    "service_profile_id": "service_profiles", "qos_policy_id": "qos_policies", "security_group_id": "security_groups",
    "remote_group_id": "security_groups", "address_group_id": "address_groups",
    "remote_address_group_id": "address_groups",
    "address_scope_id": "address_scopes", "subnetpool_ranges.subnetpool_id": "subnetpools",
    "floatingip_id": "floatingips",
    "local_ip_id": "local_ips", "metering_label_id": "metering_labels", "logs.resource_id": "security_groups",
    "logs.target_id": "ports", "user_id": "users", "role_id": "roles", "domain_id": "domains",
    "projects.parent_id": "domains", "application_credentials.project_id": "projects",
}  # fmt: skip
# Columns that end in `_id` and name something else: an outside word, or a row of a table that another column tells.
OTHERS = {
    "ports.device_id", "ports.binding_host_id", "subnets.subnetpool_id", "networksegments.segmentation_id",
    "trunk_subports.segmentation_id", "role_assignments.target_id", "revoked_tokens.audit_id",
    "users.default_project_id", "defaults.object_id", "rbac_policies.object_id", "assignments.object_id",
    "default_security_group_rules.remote_group_id",
}  # fmt: skip
SHARED = {kind: {"qos_policy": "qos_policies"}.get(kind, kind + "s") for kind in ACTIONS}
COUNTED = {resource: {"rbac_policy": "rbac_policies"}.get(resource, resource + "s") for resource in RESOURCES}


class Contents:
    """All rows of all tables, read in one transaction."""

    def __init__(self, conn: sa.Connection) -> None:
        self.rows: dict[str, list[Row]] = {}
        for table in METADATA.sorted_tables:
            self.rows[table.name] = [dict(row) for row in conn.execute(sa.select(table)).mappings()]
        self.ids = {name: {row["id"] for row in rows} for name, rows in self.rows.items() if rows and "id" in rows[0]}

    def __getitem__(self, name: str) -> list[Row]:
        return self.rows[name]

    def has(self, table: str, id: str) -> bool:
        return id in self.ids.get(table, set())


def check(world: World, followers: Followers | None = None) -> None:
    """Raises `Failure` for the first that does not hold; `followers`: what these were told, too."""
    with world.cloud.store.engine.connect() as conn:
        check_rows(conn)
    found = list(unshown(world))
    if found:
        raise Failure(f"unshown: {len(found)}, such as {'; '.join(found[:5])}")
    found = list(followers.wrong()) if followers else []
    if found:
        raise Failure(f"views: {len(found)}, such as {'; '.join(found[:5])}")


def check_rows(conn: sa.Connection) -> None:
    """The part of `check` that looks at the database.  Raises `Failure`."""
    contents = Contents(conn)
    for rule in (no_orphans, no_strays, nothing_twice, addresses, segments, pools, counts, owners):
        found = rule(contents)
        if found:
            raise Failure(f"{rule.__name__}: {len(found)}, such as {'; '.join(found[:5])}")


def parents() -> dict[tuple[str, str], str]:
    """The table that each column names a row of, by table and column; "" where it is not known."""
    found = {}
    for table in METADATA.sorted_tables:
        for name in (column.name for column in table.columns):
            known = CHILDREN.get(f"{table.name}.{name}")
            if known or (name.endswith("_id") and name != "project_id" and f"{table.name}.{name}" not in OTHERS):
                found[table.name, name] = known or CHILDREN.get(name, "")
    return found


def no_orphans(contents: Contents) -> list[str]:
    found = []
    for (table, name), parent in parents().items():
        if parent not in METADATA.tables:
            found.append(f"what {table}.{name} names is in neither list of this module")
            continue
        found += [
            f"{table} {row.get('id', row)}: {name} {row[name]}"
            for row in contents[table]
            if row[name] and not contents.has(parent, row[name])
        ]
    return found


def no_strays(contents: Contents) -> list[str]:
    """As `no_orphans`, where another column tells the table."""
    found = []
    for row in contents["rbac_policies"]:
        if not contents.has(SHARED[row["object_type"]], row["object_id"]):
            found.append(f"rbac_policies {row}")
    kinds = {"router": "routers", "dhcp": "networks"}
    for row in contents["assignments"]:
        if not contents.has(kinds[row["role"]], row["object_id"]):
            found.append(f"assignments {row}")
    for row in contents["defaults"]:
        if not contents.has("networks" if row["name"] == "external_network" else "subnetpools", row["object_id"]):
            found.append(f"defaults {row}")
    targets = {"project": "projects", "domain": "domains"}
    for row in contents["role_assignments"]:
        if row["kind"] in targets and not contents.has(targets[row["kind"]], row["target_id"]):
            found.append(f"role_assignments {row}")
    for row in contents["subnets"]:
        pool = row["subnetpool_id"]
        if pool and pool != "prefix_delegation" and not contents.has("subnetpools", pool):
            found.append(f"subnets {row['id']}: subnetpool_id {pool}")
    return found


def owners(contents: Contents) -> list[str]:
    """Ports that something else owns have it, and only one interface of a router is in a subnet."""
    found = []
    floating = {row["floating_port_id"] for row in contents["floatingips"]}
    gateways = {row["gateway_port_id"] for row in contents["routers"]}
    for port in contents["ports"]:
        owner, device = port["device_owner"], port["device_id"]
        if owner == "network:router_interface" and device and not contents.has("routers", device):
            found.append(f"port {port['id']} is the interface of a router that is not: {device}")
        if owner == "network:floatingip" and port["id"] not in floating:
            found.append(f"port {port['id']} is that of a floating IP that is not")
        if owner == "network:router_gateway" and port["id"] not in gateways:
            found.append(f"port {port['id']} is the gateway of a router that is not")
    return found


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


def counts(contents: Contents) -> list[str]:
    """What a project is said to use is what it has."""
    used = {(row["project_id"], row["resource"]): row["used"] for row in contents["quota_usage"]}
    have: Counter[tuple[str, str]] = Counter()
    for resource, table in COUNTED.items():
        have.update((row["project_id"], resource) for row in contents[table])
    return [f"{pair}: used {used.get(pair, 0)}, there are {have[pair]}" for pair in {*used, *have}
            if used.get(pair, 0) != have[pair] and pair[0]]  # fmt: skip


def unshown(world: World) -> Iterable[str]:
    """Objects that somebody's list has and cannot be shown to them."""
    for who in ("admin", "ann", "eve", "rob"):
        client = world.clients[who]
        for collection in EVERY:
            if not collection.lists:
                continue
            for url in _urls(world, collection.url):
                answer = client.get(url)
                if answer.status != 200:
                    if answer.status != 404:
                        yield f"{who} GET {url}: {answer.status}"
                    continue
                for item in answer.json()[collection.model.collection]:
                    id = item[collection.key] if collection.key in item else item["id"]
                    one = client.get(f"{url}/{id}")
                    if one.status != 200:
                        yield f"{who} GET {url}/{id}: {one.status}"
                    elif one.json()[collection.model.member] != item:
                        yield f"{who} {url}/{id} is listed as {item} and shown as {one.json()}"


def _urls(world: World, url: str) -> list[str]:
    """The URL, or one for each object that it is under."""
    if "{" not in url:
        return [url]
    before, _, after = url.partition("{")
    pool = before.rstrip("/").rpartition("/")[2].replace("-", "_")
    return [before + item.id + after.partition("}")[2] for item in world.pool(pool)]
