"""Rows that name other rows: none is left of what has gone."""

from __future__ import annotations

from tests.stateful.contents import Contents

from heddle.model.access import ACTIONS
from heddle.store.tables import METADATA

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
    "audit_answers.audit_id": "audits",
}  # fmt: skip
# Columns that end in `_id` and name something else: an outside word, or a row of a table that another column tells.
OTHERS = {
    "ports.device_id", "ports.binding_host_id", "subnets.subnetpool_id", "networksegments.segmentation_id",
    "trunk_subports.segmentation_id", "role_assignments.target_id", "revoked_tokens.audit_id",
    "users.default_project_id", "defaults.object_id", "rbac_policies.object_id", "assignments.object_id",
    "default_security_group_rules.remote_group_id", "metering_counts.router_id",
    "dns_marks.object_id", "dns_records.owner_id",
}  # fmt: skip
SHARED = {kind: {"qos_policy": "qos_policies"}.get(kind, kind + "s") for kind in ACTIONS}


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
