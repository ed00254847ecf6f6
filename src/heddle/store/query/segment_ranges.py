"""Ranges of segmentation IDs, and which of their IDs are in use."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from heddle.model.segment_range import NetworkSegmentRange
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query.records import Records
from heddle.store.query.tags import tag_filters

_r, _s = t.network_segment_ranges.c, t.networksegments.c

SEGMENT_RANGES: Records[NetworkSegmentRange] = Records(
    NetworkSegmentRange, t.network_segment_ranges, filters=dict(tag_filters(t.network_segment_ranges))
)


def hold(tx: Tx) -> None:
    """Let nobody else change ranges until the transaction ends: that none overlap spans rows."""
    counters = t.counters.c
    tx.conn.execute(sa.select(counters.value).where(counters.name == "revision").with_for_update())


def of_type(tx: Tx, network_type: str) -> list[NetworkSegmentRange]:
    """The ranges of a network type besides the default ones."""
    return SEGMENT_RANGES.find(tx, _r.network_type == network_type, _r.is_default == sa.false())


def defaults(tx: Tx) -> list[NetworkSegmentRange]:
    return SEGMENT_RANGES.find(tx, _r.is_default == sa.true())


def used(tx: Tx, ranges: Sequence[NetworkSegmentRange]) -> dict[tuple[str, str | None], dict[int, str]]:
    """The project of each network by type, physical network and ID, for the IDs that the ranges span together."""
    if not ranges:
        return {}
    low, high = min(each.minimum for each in ranges), max(each.maximum for each in ranges)
    query = (
        sa.select(_s.network_type, _s.physical_network, _s.segmentation_id, t.networks.c.project_id)
        .join(t.networks, t.networks.c.id == _s.network_id)
        .where(_s.network_type.in_({each.network_type for each in ranges}), _s.segmentation_id.between(low, high))
        .order_by(_s.segmentation_id)
    )
    found: dict[tuple[str, str | None], dict[int, str]] = {}
    for network_type, physical, number, project_id in tx.conn.execute(query):
        found.setdefault((network_type, physical), {})[number] = project_id
    return found
