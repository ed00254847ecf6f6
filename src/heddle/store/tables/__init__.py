"""The tables, by their names: `tables.ports`; a file for each part of the API declares its own."""

from __future__ import annotations

from heddle.store.tables.identity import (
    application_credentials,
    domains,
    projects,
    revoked_tokens,
    role_assignments,
    roles,
    users,
)
from heddle.store.tables.kit import (
    METADATA,
    table_for,
)
from heddle.store.tables.l3 import (
    conntrack_helpers,
    flavor_service_profiles,
    flavors,
    ha_networks,
    local_ip_associations,
    local_ips,
    metering_label_rules,
    metering_labels,
    ndp_proxies,
    port_forwardings,
    service_profiles,
)
from heddle.store.tables.log import (
    logs,
)
from heddle.store.tables.network import (
    default_security_groups,
    floating_ips,
    ip_allocations,
    ip_ranges,
    networks,
    networksegments,
    port_bindings,
    port_security_groups,
    ports,
    quota_usage,
    quotas,
    routers,
    security_group_rules,
    security_groups,
    segment_claims,
    subnets,
)
from heddle.store.tables.pools import (
    address_scopes,
    defaults,
    subnetpool_ranges,
    subnetpools,
)
from heddle.store.tables.rbac import rbac_policies
from heddle.store.tables.sync import (
    agents,
    assignments,
    changes,
    counters,
    faults,
    hosts,
)
from heddle.store.tables.trunk import (
    trunk_subports,
    trunks,
)

__all__ = [
    "METADATA",
    "address_scopes",
    "agents",
    "application_credentials",
    "assignments",
    "changes",
    "conntrack_helpers",
    "counters",
    "default_security_groups",
    "defaults",
    "domains",
    "faults",
    "flavor_service_profiles",
    "flavors",
    "floating_ips",
    "ha_networks",
    "hosts",
    "ip_allocations",
    "ip_ranges",
    "local_ip_associations",
    "local_ips",
    "logs",
    "metering_label_rules",
    "metering_labels",
    "ndp_proxies",
    "networks",
    "networksegments",
    "port_bindings",
    "port_forwardings",
    "port_security_groups",
    "ports",
    "projects",
    "quota_usage",
    "quotas",
    "rbac_policies",
    "revoked_tokens",
    "role_assignments",
    "roles",
    "routers",
    "security_group_rules",
    "security_groups",
    "segment_claims",
    "service_profiles",
    "subnetpool_ranges",
    "subnetpools",
    "subnets",
    "table_for",
    "trunk_subports",
    "trunks",
    "users",
]
