"""Logs of packets."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.log import Log
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query.records import Records
from heddle.store.query.tags import tag_filters

_l = t.logs.c
LOGS: Records[Log] = Records(Log, t.logs, filters=dict(tag_filters(t.logs)))

_OF_PORT = sa.delete(t.logs).where(_l.target_id == sa.bindparam("port"))
_OF_GROUP = sa.delete(t.logs).where(_l.resource_id == sa.bindparam("group"))


def drop_of_port(tx: Tx, port_id: str) -> None:
    tx.conn.execute(_OF_PORT, {"port": port_id})


def drop_of_group(tx: Tx, group_id: str) -> None:
    tx.conn.execute(_OF_GROUP, {"group": group_id})
