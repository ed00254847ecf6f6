"""Trunks, with their subports in the order of their segmentation IDs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from heddle.model.trunk import SubPort, Trunk
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.parts import Part
from heddle.store.query.records import Records
from heddle.store.query.tags import tag_filters

_s, _p = t.trunk_subports.c, t.ports.c
_SUBPORTS = Part(
    "sub_ports", _s.trunk_id, (_s.port_id, _s.segmentation_type, _s.segmentation_id), SubPort, order=_s.segmentation_id
)

TRUNKS: Records[Trunk] = Records(Trunk, t.trunks, parts=(_SUBPORTS,), filters=dict(tag_filters(t.trunks)))


def add_subports(tx: Tx, trunk_id: str, subports: Sequence[SubPort]) -> None:
    names = ("port_id", "segmentation_type", "segmentation_id")
    rows = [{"trunk_id": trunk_id, **{name: getattr(subport, name) for name in names}} for subport in subports]
    if rows:
        tx.conn.execute(sa.insert(t.trunk_subports), rows)


def remove_subports(tx: Tx, trunk_id: str, port_ids: Iterable[str]) -> None:
    wanted = list(port_ids)
    tx.conn.execute(sa.delete(t.trunk_subports).where(_s.trunk_id == trunk_id, _s.port_id.in_(wanted)))


def macs_of(tx: Tx, port_ids: Iterable[str]) -> dict[str, str]:
    """The MAC addresses of ports."""
    rows = tx.conn.execute(sa.select(_p.id, _p.mac_address).where(_p.id.in_(list(port_ids))))
    return {row[0]: row[1] for row in rows}
