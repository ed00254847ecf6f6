"""A counter that is read on every request, by a connection kept for it.

A transaction that changes what others have cached adds one to a named counter; whoever holds a cache
reads the counter and knows whether the cache still holds, on this server and on any other.  Each thread
keeps a connection of its own for this one statement, outside any transaction, so that it costs microseconds
on SQLite and one round trip elsewhere and always sees the newest commit.
"""

from __future__ import annotations

import sqlite3
import threading

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from heddle.errors import Unavailable
from heddle.store import tables as t
from heddle.store.dialect import with_driver
from heddle.store.engine import Store, Tx
from heddle.store.prepared import Prepared


def bump(tx: Tx, name: str) -> None:
    """Add one to a counter, as part of the transaction."""
    counters = t.counters
    where = counters.c.name == name
    if not tx.conn.execute(sa.update(counters).where(where).values(value=counters.c.value + 1)).rowcount:
        tx.conn.execute(sa.insert(counters), [{"name": name, "value": 1}])


class Epoch:
    """Reads one counter; 0 when nothing has been counted yet."""

    def __init__(self, store: Store, name: str) -> None:
        self._name = name
        self._local = threading.local()
        self._file = store.engine.url.database if store.sqlite else None
        self._engine = None if self._file else connections(store.url)

    def value(self) -> int:
        """Raises `Unavailable` when the database cannot be read."""
        try:
            return self._sqlite_value() if self._file else self._value()
        except (sqlite3.Error, SQLAlchemyError) as error:
            self._local.__dict__.clear()
            raise Unavailable("ServiceUnavailable", "The database cannot be used at the moment.") from error

    def _sqlite_value(self) -> int:
        conn: sqlite3.Connection | None = getattr(self._local, "conn", None)
        if conn is None:
            conn = sqlite3.connect(str(self._file), isolation_level=None, timeout=10)
            self._local.conn = conn
        row = conn.execute("SELECT value FROM counters WHERE name = ?", (self._name,)).fetchone()
        return int(row[0]) if row else 0

    def _value(self) -> int:
        for attempt in (1, 2):
            conn = getattr(self._local, "conn", None) or self._connect()
            try:
                rows = _VALUE.rows(conn, {"name": self._name})
                return int(rows[0][0]) if rows else 0
            except DBAPIError:
                self._local.__dict__.clear()
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def _connect(self) -> sa.Connection:
        assert self._engine is not None
        conn = self._local.conn = self._engine.connect()
        return conn


def connections(url: str) -> sa.Engine:
    """Connections outside any transaction, one to each who asks."""
    return sa.create_engine(with_driver(url), poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True)


_VALUE = Prepared(sa.select(t.counters.c.value).where(t.counters.c.name == sa.bindparam("name")))
