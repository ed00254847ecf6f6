"""The segments of networks, and which are in use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from heddle.model.segment import Segment, Segmentation
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.prepared import Among
from heddle.store.query.records import Clause, Records, equals
from heddle.store.query.tags import tag_filters

_s = t.networksegments.c

SEGMENTS: Records[Segment] = Records(Segment, t.networksegments, filters=dict(tag_filters(t.networksegments)))

_TOLD = Among(
    (_s.network_id, _s.network_type, _s.physical_network, _s.segmentation_id), _s.network_id, order=(_s.position,)
)


def told(tx: Tx, network_ids: Iterable[str]) -> dict[str, list[Segmentation]]:
    """The segments of each network as it tells them, in order."""
    found: dict[str, list[Segmentation]] = {network_id: [] for network_id in network_ids}
    for network_id, *segment in _TOLD.rows(tx.conn, found):
        found[network_id].append(Segmentation(*segment))
    return found


_WITH_SUBNETS = sa.case((sa.exists().where(t.subnets.c.segment_id == _s.id), 0), else_=1)
_JOINED = Among([_s[name] for name in SEGMENTS.names], _s.network_id, order=(_WITH_SUBNETS, _s.position))


def of_networks(tx: Tx, network_ids: Iterable[str]) -> dict[str, list[Segment]]:
    """The segments of each network in the order in which hosts join it: those with subnets of their own first."""
    found: dict[str, list[Segment]] = {network_id: [] for network_id in network_ids}
    for row in _JOINED.rows(tx.conn, found):
        segment = Segment(**dict(zip(SEGMENTS.names, row, strict=True)))
        found[segment.network_id].append(segment)
    return found


def of_network(tx: Tx, network_id: str) -> list[Segment]:
    return of_networks(tx, [network_id])[network_id]


def network_filter(column: sa.Column[Any]) -> Callable[[Sequence[Any]], Clause]:
    """A filter of networks by a column of their segments."""
    return lambda values: t.networks.c.id.in_(sa.select(_s.network_id).where(equals(column, values)))


NETWORK_FILTERS: Mapping[str, Callable[[Sequence[Any]], Clause]] = {
    "provider_network_type": network_filter(_s.network_type),
    "provider_physical_network": network_filter(_s.physical_network),
    "provider_segmentation_id": network_filter(_s.segmentation_id),
}


# Which segments are in use


def claim(tx: Tx, key: str, network_id: str) -> bool:
    """Note that a network uses a segment.  False: another one does."""
    claims = t.segment_claims
    if tx.conn.execute(sa.select(claims.c.network_id).where(claims.c.key == key)).first() is not None:
        return False
    tx.conn.execute(sa.insert(claims), [{"key": key, "network_id": network_id}])
    return True


def claimed(tx: Tx, keys: Iterable[str]) -> set[str]:
    """Which of the segments are in use."""
    query = sa.select(t.segment_claims.c.key).where(t.segment_claims.c.key.in_(list(keys)))
    return {row[0] for row in tx.conn.execute(query)}


def release(tx: Tx, key: str) -> None:
    tx.conn.execute(sa.delete(t.segment_claims).where(t.segment_claims.c.key == key))


def drop_all(tx: Tx, network_id: str) -> None:
    """Delete the segments of a network."""
    tx.conn.execute(sa.delete(t.segment_claims).where(t.segment_claims.c.network_id == network_id))
    tx.conn.execute(sa.delete(t.networksegments).where(_s.network_id == network_id))
