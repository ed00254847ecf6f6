"""Where the engines differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from heddle.errors import ConfigError


def is_mysql(dialect: str) -> bool:
    """Whether it is MariaDB's dialect, which has a name of its own or that of MySQL."""
    return dialect in ("mysql", "mariadb")


@cache
def _upsert(dialect: str, table: sa.Table, keys: tuple[str, ...]) -> Any:
    others = [column.name for column in table.columns if column.name not in keys]
    if is_mysql(dialect):
        insert = mysql.insert(table)
        return insert.on_duplicate_key_update({name: insert.inserted[name] for name in others})
    insert_of = postgresql.insert if dialect == "postgresql" else sqlite.insert
    insert_into = insert_of(table)
    return insert_into.on_conflict_do_update(
        index_elements=list(keys), set_={name: insert_into.excluded[name] for name in others}
    )


def upsert(conn: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], keys: tuple[str, ...]) -> None:
    """Insert the rows, or overwrite those that have the same keys."""
    if rows:
        conn.execute(_upsert(conn.dialect.name, table, keys), list(rows))


_DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}


def with_driver(url: str) -> sa.URL:
    """The URL with the driver that Heddle brings, where it names none.  Raises `ConfigError`."""
    try:
        parsed = sa.make_url(url)
        if "@" in (parsed.host or ""):
            raise ValueError("an @ of the password")
    except (sa.exc.ArgumentError, ValueError):  # their texts may have a part of the password
        raise ConfigError(
            "database.url is not a database's URL: write postgresql://user:password@host/name or "
            "mariadb://user:password@host/name (in a password @ is %40, : is %3A, / is %2F), or leave it empty for "
            "SQLite"
        ) from None
    if parsed.drivername.partition("+")[0] not in (*_DRIVERS, "sqlite"):
        raise ConfigError(
            f"database.url: {parsed.drivername!r} is not an engine that Heddle knows: postgresql, mariadb, sqlite"
        )
    return parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))


def reason_of(error: Exception, most: int = 300) -> str:
    """The first line of what the database, or whoever else, says."""
    text = str(getattr(error, "orig", error)).strip()
    return text.splitlines()[0][:most] if text else type(error).__name__
