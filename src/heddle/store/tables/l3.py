"""What belongs to routers, flavors, local IPs, and the networks on which highly available routers agree."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.conntrack_helper import ConntrackHelper
from heddle.model.flavor import Flavor, ServiceProfile
from heddle.model.local_ip import LocalIp, LocalIpAssociation
from heddle.model.metering import MeteringLabel, MeteringLabelRule
from heddle.model.ndp_proxy import NdpProxy
from heddle.model.port_forwarding import PortForwarding
from heddle.store.tables.kit import METADATA, id_column, number_column, table_for, text_column

port_forwardings = table_for(PortForwarding)
conntrack_helpers = table_for(ConntrackHelper, sa.UniqueConstraint("router_id", "protocol", "port", "helper"))
ndp_proxies = table_for(NdpProxy)
local_ips = table_for(LocalIp)
local_ip_associations = table_for(
    LocalIpAssociation, sa.UniqueConstraint("local_ip_id", "fixed_port_id"), name="local_ip_associations"
)
metering_labels = table_for(MeteringLabel)
metering_label_rules = table_for(MeteringLabelRule)

# What labels have counted: at a router, on a host, with a counter made at `since` (milliseconds since the epoch) and
# with those that were there before it (`earlier_…`).  Routers that are gone stay as long as the label.
metering_counts = sa.Table(
    "metering_counts",
    METADATA,
    id_column("metering_label_id", key=True),
    id_column("router_id", key=True),
    sa.Column("host", sa.String(255), primary_key=True, index=True),
    number_column("since"),
    number_column("packets"),
    number_column("bytes"),
    number_column("earlier_packets"),
    number_column("earlier_bytes"),
    number_column("updated_at"),
)

flavors = table_for(Flavor)
service_profiles = table_for(ServiceProfile)

flavor_service_profiles = sa.Table(
    "flavor_service_profiles",
    METADATA,
    id_column("flavor_id", key=True),
    sa.Column("service_profile_id", sa.String(36), primary_key=True, index=True),
)

# The hosts that are ready to carry a highly available router, in the order of `priority` (the smallest first), and what
# they said of it.
ha_bindings = sa.Table(
    "ha_bindings",
    METADATA,
    id_column("router_id", key=True),
    sa.Column("host", sa.String(255), primary_key=True, index=True),
    number_column("priority"),
    text_column("state", 16),
    number_column("term"),
)

# With what hosts tell each other who carries which router: one row, of the name "cloud".
ha_keys = sa.Table("ha_keys", METADATA, text_column("name", 16, key=True), text_column("key", 64))

# The network that a project's highly available routers have among themselves.
ha_networks = sa.Table(
    "ha_networks", METADATA, text_column("project_id", key=True), id_column("network_id", index=True)
)
