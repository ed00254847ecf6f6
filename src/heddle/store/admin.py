"""What an operator asks of a database: whether it can be used, what it is, and how much is in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from heddle.errors import HeddleError
from heddle.store import tables
from heddle.store.dialect import with_driver
from heddle.store.engine import Store

_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB", "mysql": "MySQL"}


@contextmanager
def opened(url: str) -> Iterator[Store]:
    """The database.  Raises `HeddleError` when it cannot be reached, or does what nobody expects."""
    store = Store(url)
    try:
        yield store
    except (DBAPIError, sqlite3.Error) as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise HeddleError(f"the database {shown(url)} cannot be used: {reason}") from error
    finally:
        store.close()


def shown(url: str) -> str:
    """A database's URL without its passwords, wherever they are in it.  Raises `ConfigError`."""
    parsed = with_driver(url)
    secret = [name for name in parsed.query if "pass" in name.lower()]
    return parsed.difference_update_query(secret).render_as_string(hide_password=True)


def counts(store: Store) -> dict[str, int]:
    """How many rows each table has."""
    with store.read() as tx:
        return {table.name: count(tx.conn, table) for table in every_table()}


def version(store: Store) -> str:
    """The engine and its version, as `PostgreSQL 15.8`."""
    with store.engine.connect() as conn:
        numbers = ".".join(map(str, conn.dialect.server_version_info or ()))
        dialect = conn.dialect.name
        if getattr(conn.dialect, "is_mariadb", False):
            dialect = "mariadb"
    return f"{_NAMES.get(dialect, dialect)} {numbers}".strip()


def every_table() -> list[sa.Table]:
    return sorted(tables.METADATA.tables.values(), key=lambda table: table.name)


def count(conn: sa.Connection, table: sa.Table) -> int:
    return int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
