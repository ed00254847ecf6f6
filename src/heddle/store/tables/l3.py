"""What routers have besides: forwarded ports, flavors, and the networks on which highly available ones agree."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.flavor import Flavor, ServiceProfile
from heddle.model.port_forwarding import PortForwarding
from heddle.store.tables.kit import METADATA, id_column, table_for, text_column

port_forwardings = table_for(PortForwarding)

flavors = table_for(Flavor)
service_profiles = table_for(ServiceProfile)

flavor_service_profiles = sa.Table(
    "flavor_service_profiles",
    METADATA,
    id_column("flavor_id", key=True),
    sa.Column("service_profile_id", sa.String(36), primary_key=True, index=True),
)

# The network that a project's highly available routers have among themselves.
ha_networks = sa.Table(
    "ha_networks", METADATA, text_column("project_id", key=True), id_column("network_id", index=True)
)
