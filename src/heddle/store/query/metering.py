"""Metering labels, their rules, and what they have counted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from heddle.model.metering import MeteringLabel, MeteringLabelRule
from heddle.store import tables as t
from heddle.store.dialect import upsert
from heddle.store.engine import Tx
from heddle.store.one_of import one_of
from heddle.store.query.records import Records

_l, _r, _n = t.metering_labels.c, t.metering_label_rules.c, t.metering_counts.c
_COUNTED = (
    _n.metering_label_id, _n.router_id, _n.host, _n.since, _n.packets, _n.bytes, _n.earlier_packets, _n.earlier_bytes,
    _n.updated_at,
)  # fmt: skip

LABELS: Records[MeteringLabel] = Records(MeteringLabel, t.metering_labels)
RULES: Records[MeteringLabelRule] = Records(MeteringLabelRule, t.metering_label_rules)


def alike(tx: Tx, rule: MeteringLabelRule) -> list[MeteringLabelRule]:
    """The rules of the label that are for the same direction, and exclude or not as this one does."""
    return RULES.find(
        tx,
        _r.metering_label_id == rule.metering_label_id,
        _r.direction == rule.direction,
        _r.excluded == rule.excluded,
    )


def rules_of(tx: Tx, label_ids: Collection[str]) -> dict[str, list[MeteringLabelRule]]:
    """The rules of labels, by label and in order of their ids."""
    found: dict[str, list[MeteringLabelRule]] = {}
    for rule in sorted(RULES.find(tx, _r.metering_label_id.in_(list(label_ids))), key=lambda rule: rule.id):
        found.setdefault(rule.metering_label_id, []).append(rule)
    return found


def counted(tx: Tx, project_ids: Collection[str]) -> set[str]:
    """Those of the projects at whose routers a label counts."""
    mine = sa.or_(one_of(_l.project_id, project_ids), _l.shared == sa.true())
    rows = tx.conn.execute(sa.select(_l.project_id, _l.shared).where(mine).distinct()).all()
    return set(project_ids) if any(row[1] for row in rows) else {row[0] for row in rows}


@dataclass(frozen=True, slots=True)
class Counted:
    """What a label has counted at a router on a host; `since` and `updated_at` in milliseconds since the epoch."""

    metering_label_id: str
    router_id: str
    host: str
    since: int
    packets: int
    bytes: int
    earlier_packets: int = 0
    earlier_bytes: int = 0
    updated_at: int = 0


def counted_on(tx: Tx, host: str) -> dict[tuple[str, str], Counted]:
    """By label and router."""
    rows = tx.conn.execute(sa.select(*_COUNTED).where(_n.host == host))
    return {(row[0], row[1]): Counted(*row) for row in rows}


def save_counted(tx: Tx, items: Collection[Counted]) -> None:
    rows = [{column.name: getattr(item, column.name) for column in _COUNTED} for item in items]
    upsert(tx.conn, t.metering_counts, rows, ("metering_label_id", "router_id", "host"))


def totals(tx: Tx) -> list[tuple[str, str, int, int, int]]:
    """(label, router, packets, bytes, updated_at in milliseconds since the epoch), in order."""
    sums = [sa.func.sum(column) for column in (_n.packets + _n.earlier_packets, _n.bytes + _n.earlier_bytes)]
    key = (_n.metering_label_id, _n.router_id)
    query = sa.select(*key, *sums, sa.func.max(_n.updated_at)).group_by(*key).order_by(*key)
    return [(row[0], row[1], int(row[2]), int(row[3]), int(row[4])) for row in tx.conn.execute(query)]


def drop_counted(tx: Tx, label_id: str) -> None:
    tx.conn.execute(sa.delete(t.metering_counts).where(_n.metering_label_id == label_id))


def drop_rules(tx: Tx, label_id: str) -> None:
    tx.conn.execute(sa.delete(t.metering_label_rules).where(_r.metering_label_id == label_id))
