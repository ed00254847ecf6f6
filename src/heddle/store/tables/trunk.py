"""Trunks, and the ports that are in them."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.trunk import Trunk
from heddle.store.tables.kit import METADATA, id_column, number_column, table_for, text_column

trunks = table_for(Trunk, sa.UniqueConstraint("port_id"))

trunk_subports = sa.Table(
    "trunk_subports",
    METADATA,
    id_column("port_id", key=True),
    id_column("trunk_id"),
    text_column("segmentation_type", 16),
    number_column("segmentation_id"),
    sa.UniqueConstraint("trunk_id", "segmentation_id"),
)
