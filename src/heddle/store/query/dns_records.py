"""Names for a DNS server outside: marks of what may have changed, and the record sets as they are and shall be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields

import sqlalchemy as sa

from heddle.model.segment import Segment
from heddle.store import tables as t
from heddle.store.dialect import upsert
from heddle.store.engine import Tx
from heddle.store.one_of import one_of

_m, _r, _p, _f = t.dns_marks.c, t.dns_records.c, t.ports.c, t.floating_ips.c
KEYS = ("name", "type", "zone", "owner_id")


@dataclass
class Row:
    """A record set of an object; see the table."""

    name: str
    type: str
    zone: str
    owner_id: str
    project_id: str
    wanted: list[str]
    ours: list[str] = field(default_factory=list)
    due: int = 0
    attempts: int = 0
    error: str = ""
    since: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.type


_COLUMNS = [_r[each.name] for each in fields(Row)]

def marked(tx: Tx, limit: int) -> list[tuple[str, str, str]]:
    """Some of the marks, as (object, kind, mark)."""
    query = sa.select(_m.object_id, _m.kind, _m.mark).order_by(_m.object_id).limit(limit)
    return [(row[0], row[1], row[2]) for row in tx.conn.execute(query)]


def unmark(tx: Tx, marks: Iterable[tuple[str, str, str]]) -> None:
    """Take marks away that are still the same."""
    same = sa.delete(t.dns_marks).where(_m.object_id == sa.bindparam("id"), _m.mark == sa.bindparam("was"))
    rows = [{"id": id, "was": mark} for id, _, mark in marks]
    if rows:
        tx.conn.execute(same, rows)


def named_ports(tx: Tx, network_id: str = "") -> list[str]:
    """The ports that have a name, of one network or of all."""
    here = [_p.network_id == network_id] if network_id else []
    return list(tx.conn.execute(sa.select(_p.id).where(_p.dns_name != "", *here)).scalars())


def named_floating_ips(tx: Tx) -> list[str]:
    """Those with a name of their own; those of named ports follow their ports."""
    return list(tx.conn.execute(sa.select(_f.id).where(_f.dns_name != "")).scalars())


def owners(tx: Tx) -> list[str]:
    return list(tx.conn.execute(sa.select(_r.owner_id).distinct()).scalars())


def of_owners(tx: Tx, ids: Collection[str]) -> list[Row]:
    return _rows(tx, one_of(_r.owner_id, list(ids))) if ids else []


def of_names(tx: Tx, names: Collection[str]) -> list[Row]:
    return _rows(tx, one_of(_r.name, list(names))) if names else []


def _rows(tx: Tx, clause: sa.ColumnElement[bool]) -> list[Row]:
    return [Row(*row) for row in tx.conn.execute(sa.select(*_COLUMNS).where(clause))]


def anything(tx: Tx, now: int) -> bool:
    """Whether something is marked or due."""
    first = sa.select(_m.object_id).limit(1)
    return tx.conn.execute(first).first() is not None or bool(due(tx, now, 1))


def due(tx: Tx, now: int, limit: int) -> list[Row]:
    """What the server has to be told now, the longest due first."""
    query = sa.select(*_COLUMNS).where(_r.due > 0, _r.due <= now).order_by(_r.due, _r.name).limit(limit)
    return [Row(*row) for row in tx.conn.execute(query)]


def failing(tx: Tx) -> list[Row]:
    return [Row(*row) for row in tx.conn.execute(sa.select(*_COLUMNS).where(_r.due > 0, _r.error != ""))]


def counts(tx: Tx) -> dict[str, int]:
    """How many record sets are as they shall be, wait to be told, and were refused or could not be told."""
    state = sa.case((_r.due == 0, "published"), (_r.error == "", "waiting"), else_="failed")
    found = dict.fromkeys(("published", "waiting", "failed"), 0)
    found |= {row[0]: int(row[1]) for row in tx.conn.execute(sa.select(state, sa.func.count()).group_by(state))}
    marks = tx.conn.execute(sa.select(sa.func.count()).select_from(t.dns_marks)).scalar_one()
    return {**found, "waiting": found["waiting"] + int(marks)}


def save(tx: Tx, rows: Sequence[Row]) -> None:
    upsert(tx.conn, t.dns_records, [vars(row) for row in rows], KEYS)


def drop(tx: Tx, rows: Iterable[Row]) -> None:
    same = [_r[name] == sa.bindparam(f"its_{name}") for name in KEYS]
    values = [{f"its_{name}": getattr(row, name) for name in KEYS} for row in rows]
    if values:
        tx.conn.execute(sa.delete(t.dns_records).where(*same), values)


def in_ranges(tx: Tx, segments: Iterable[Segment]) -> set[str]:
    """The ids of those segments whose number is in a range from which projects' networks get theirs."""
    r = t.network_segment_ranges.c
    kinds = {segment.network_type for segment in segments}
    found = tx.conn.execute(
        sa.select(r.network_type, r.physical_network, r.minimum, r.maximum).where(r.network_type.in_(kinds))
    ).all()
    return {
        segment.id
        for segment in segments
        if segment.segmentation_id is not None
        and any(
            (kind, physical or None) == (segment.network_type, segment.physical_network or None)
            and first <= segment.segmentation_id <= last
            for kind, physical, first, last in found
        )
    }
