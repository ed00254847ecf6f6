"""Metering labels and their rules."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.metering import MeteringLabel, MeteringLabelRule
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query.records import Records

_r = t.metering_label_rules.c

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


def drop_rules(tx: Tx, label_id: str) -> None:
    tx.conn.execute(sa.delete(t.metering_label_rules).where(_r.metering_label_id == label_id))
