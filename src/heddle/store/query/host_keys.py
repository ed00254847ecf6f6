"""The secrets of hosts."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.prepared import Prepared

_k = t.host_keys.c
_KEY = Prepared(sa.select(_k.key).where(_k.host == sa.bindparam("host")))


def key_of(tx: Tx, host: str) -> str:
    rows = _KEY.rows(tx.conn, {"host": host})
    return str(rows[0][0]) if rows else ""


def keys(tx: Tx, hosts: Collection[str]) -> dict[str, str]:
    """The secrets of those of the hosts that have one."""
    rows = tx.conn.execute(sa.select(_k.host, _k.key))
    return {row.host: row.key for row in rows if row.host in hosts}


def every(tx: Tx) -> list[tuple[str, str]]:
    """The hosts that have one, and since when, by name."""
    return [(row.host, row.created_at) for row in tx.conn.execute(sa.select(_k.host, _k.created_at).order_by(_k.host))]


def insert(tx: Tx, host: str, key: str, created_at: str) -> None:
    tx.conn.execute(sa.insert(t.host_keys), [{"host": host, "key": key, "created_at": created_at}])


def delete(tx: Tx, host: str) -> bool:
    """Returns whether there was one."""
    return tx.conn.execute(sa.delete(t.host_keys).where(_k.host == host)).rowcount > 0
