"""Address groups and the addresses in each."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.address_group import LONGEST, AddressGroup
from heddle.store.tables.kit import METADATA, id_column, table_for, text_column

address_groups = table_for(AddressGroup)

address_group_addresses = sa.Table(
    "address_group_addresses",
    METADATA,
    id_column("address_group_id", key=True),
    text_column("address", LONGEST, key=True),
)
