"""Logs of packets."""

from __future__ import annotations

from heddle.model.log import Log
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query.records import Records
from heddle.store.query.tags import tag_filters

_l = t.logs.c
LOGS: Records[Log] = Records(Log, t.logs, filters=dict(tag_filters(t.logs)))


def of_port(tx: Tx, port_id: str) -> list[Log]:
    return LOGS.find(tx, _l.target_id == port_id)


def of_group(tx: Tx, group_id: str) -> list[Log]:
    return LOGS.find(tx, _l.resource_id == group_id)
