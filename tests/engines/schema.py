"""Databases with the schema.

The migrations run once for each engine and what they made is copied: with PostgreSQL's and SQLite's own means, on
MariaDB by making each table as it is now, which is a fifth of what its history costs.
"""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from tests.engines.servers import parts, server

from heddle.store import migrate
from heddle.store.engine import Store


def fill(url: str) -> None:
    """Give an empty database the schema, as the migrations make it."""
    engine, name = parts(url)
    _FILLERS[engine](name)


@cache
def _template(engine: str) -> str:
    """The name of a database of this engine where the migrations ran, and that nobody is connected to."""
    if engine == "sqlite":
        folder = Path(tempfile.mkdtemp(prefix="heddle-sqlite-", dir="/tmp"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        url = f"sqlite:///{folder / 'template.db'}"
    else:
        url = server(engine).new_database()
    store = Store(url)
    migrate.upgrade(store)
    store.close()
    return parts(url)[1]


def _fill_sqlite(path: str) -> None:
    with closing(sqlite3.connect(_template("sqlite"))) as old, closing(sqlite3.connect(path)) as new:
        old.backup(new)


def _fill_postgresql(name: str) -> None:
    made = server("postgresql")
    made.execute(made.drop.format(name), f"CREATE DATABASE {name} TEMPLATE {_template('postgresql')}")


@cache
def _mariadb_statements() -> tuple[str, ...]:
    """What makes the tables of the template and their rows in another database."""
    template = _template("mariadb")
    engine = sa.create_engine(server("mariadb").url.format(template))
    with engine.connect() as conn:
        names = sa.inspect(conn).get_table_names()
        tables = [conn.exec_driver_sql(f"SHOW CREATE TABLE {name}").one()[1] for name in names]
        full = [name for name in names if conn.exec_driver_sql(f"SELECT EXISTS (SELECT 1 FROM {name})").scalar()]
        charset, collation = conn.exec_driver_sql("SELECT @@character_set_database, @@collation_database").one()
    engine.dispose()
    rows = [f"INSERT INTO {name} SELECT * FROM {template}.{name}" for name in full]
    return (f"ALTER DATABASE CHARACTER SET {charset} COLLATE {collation}", *tables, *rows)


def _fill_mariadb(name: str) -> None:
    checks = "SET foreign_key_checks = {}"
    server("mariadb").execute(f"USE {name}", checks.format(0), *_mariadb_statements(), checks.format(1))


_FILLERS: dict[str, Callable[[str], None]] = {
    "sqlite": _fill_sqlite, "postgresql": _fill_postgresql, "mariadb": _fill_mariadb,
}  # fmt: skip
