"""Address scopes, subnet pools and what is free of them; the cloud's defaults, and what is made of them by itself."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.address_scope import AddressScope
from heddle.model.subnet_pool import SubnetPool
from heddle.store.tables.kit import METADATA, id_column, table_for, text_column

address_scopes = table_for(AddressScope)
subnetpools = table_for(SubnetPool)

# What of a subnet pool's prefixes is in no subnet, as runs that neither touch nor overlap.
subnetpool_ranges = sa.Table(
    "subnetpool_ranges",
    METADATA,
    id_column("subnetpool_id", key=True),
    text_column("first", 32, key=True),
    text_column("last", 32),
)

# Of what there can be one in the cloud: `name` is "subnetpool:4", "subnetpool:6", "external_network".
defaults = sa.Table("defaults", METADATA, text_column("name", 64, key=True), id_column("object_id"))

auto_allocated_topologies = sa.Table(
    "auto_allocated_topologies",
    METADATA,
    text_column("project_id", key=True),
    id_column("network_id", index=True),
    id_column("router_id"),
)
