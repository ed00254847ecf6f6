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

_t, _s, _p = t.trunks.c, t.trunk_subports.c, t.ports.c
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


def places(tx: Tx, port_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Of each subport the trunk's parent port, and the VLAN ID of its frames on the card of that."""
    if not port_ids:
        return {}
    query = sa.select(_s.port_id, _t.port_id, _s.segmentation_id).join(t.trunks, _t.id == _s.trunk_id)
    return {row[0]: (row[1], row[2]) for row in tx.conn.execute(query.where(_s.port_id.in_(list(port_ids))))}


def port_statuses(tx: Tx, trunk_ids: Sequence[str]) -> dict[str, tuple[str, str, list[str]]]:
    """Of trunks their status, that of the parent port and those of the subports; ERROR for what no host can carry."""
    found: dict[str, tuple[str, str, list[str]]] = {}
    if not trunk_ids:
        return found
    parents = sa.select(_t.id, _t.status, _seen()).join(t.ports, _p.id == _t.port_id).where(_t.id.in_(trunk_ids))
    for trunk_id, status, parent in tx.conn.execute(parents):
        found[trunk_id] = status, parent, []
    subports = sa.select(_s.trunk_id, _seen()).join(t.ports, _p.id == _s.port_id).where(_s.trunk_id.in_(trunk_ids))
    for trunk_id, status in tx.conn.execute(subports):
        found[trunk_id][2].append(status)
    return found


def _seen() -> sa.ColumnElement[str]:
    return sa.case((_p.binding_vif_type == "binding_failed", "ERROR"), else_=_p.status)


def set_status(tx: Tx, trunk_id: str, status: str) -> None:
    tx.conn.execute(sa.update(t.trunks).where(_t.id == trunk_id).values(status=status))


def of_ports(tx: Tx, port_ids: Sequence[str]) -> set[str]:
    """The trunks to which some of the ports belong, as parents or as subports."""
    found: set[str] = set()
    for start in range(0, len(port_ids), 500):
        part = port_ids[start : start + 500]
        query = sa.select(_t.id).where(_t.port_id.in_(part))
        query_of_subports = sa.select(_s.trunk_id).where(_s.port_id.in_(part))
        found |= {row[0] for row in tx.conn.execute(sa.union(query, query_of_subports))}
    return found


def on_host(tx: Tx, host: str) -> list[str]:
    """The trunks whose parent ports a host carries."""
    query = sa.select(_t.id).join(t.ports, _p.id == _t.port_id).where(_p.binding_host_id == host)
    return [row[0] for row in tx.conn.execute(query)]


def macs_of(tx: Tx, port_ids: Iterable[str]) -> dict[str, str]:
    """The MAC addresses of ports."""
    rows = tx.conn.execute(sa.select(_p.id, _p.mac_address).where(_p.id.in_(list(port_ids))))
    return {row[0]: row[1] for row in rows}
