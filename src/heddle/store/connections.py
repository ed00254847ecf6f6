"""Connections to each engine, as the transactions of `store.engine` want them."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

import sqlalchemy as sa

from heddle.store.dialect import with_driver

# For so many seconds after its use a connection is trusted to be there still; later it is asked first.
_FRESH = 1.0
# So many seconds SQLite waits for who writes.
_BUSY = 10


def make_engine(url: str, pool: int) -> sa.Engine:
    """An engine with `pool` connections.  Raises `ConfigError`."""
    if not url.startswith("sqlite"):
        return _of_server(with_driver(url), pool)
    return _of_file(url, pool)


def _of_file(url: str, pool: int) -> sa.Engine:
    """With write-ahead logging and synced commits."""
    connect = {"check_same_thread": False}
    engine = sa.create_engine(url, pool_size=pool, max_overflow=2, pool_use_lifo=True, connect_args=connect,
                              hide_parameters=True)  # fmt: skip

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={round(1000 * _BUSY)}")
        _write_ahead(connection)
        for pragma in ("synchronous=FULL", "cache_size=-4000", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """SQLite does not wait when several open a new file at once: one changes its kind, the others are told that it is
    locked."""
    end = time.monotonic() + _BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _of_server(url: sa.URL, pool: int) -> sa.Engine:
    """MariaDB is told the level of isolation in a statement of its own: reads, which are more, have it by default.

    A connection that was lost while it lay idle in a transaction leaves the pool: nobody has to hear of it.
    """
    level = "READ COMMITTED" if url.get_backend_name() == "postgresql" else "REPEATABLE READ"
    engine = sa.create_engine(url, pool_size=pool, max_overflow=0, pool_timeout=10, pool_use_lifo=True,
                              pool_reset_on_return=None, isolation_level=level, hide_parameters=True)  # fmt: skip

    @sa.event.listens_for(engine, "reset")
    def _reset(connection: Any, record: Any, state: Any) -> None:
        if state.transaction_was_reset:
            return
        try:
            connection.rollback()
        except engine.dialect.loaded_dbapi.Error as error:
            record.invalidate(error)

    @sa.event.listens_for(engine, "checkin")
    def _put_back(connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def _taken(connection: Any, record: Any, proxy: Any) -> None:
        if time.monotonic() - record.info.get("used", 0.0) > _FRESH:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise sa.exc.InvalidatePoolError() from error

    return engine
