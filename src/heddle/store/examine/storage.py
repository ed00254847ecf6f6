"""How the engine keeps the tables: of which kind each is, how large, in what encoding, and where its numbers are."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import sqlalchemy as sa

from heddle.store.dialect import is_mysql
from heddle.store.engine import Tx

_MARIADB_TABLES = """
SELECT table_name, engine, COALESCE(data_length, 0) + COALESCE(index_length, 0), COALESCE(table_collation, ''),
       COALESCE(max_data_length, 0), COALESCE(table_rows, 0)
FROM information_schema.tables WHERE table_schema = database() AND table_type = 'BASE TABLE' ORDER BY table_name
"""
_MARIADB_TEXTS = """
SELECT collation_name, table_name, column_name FROM information_schema.columns
WHERE table_schema = database() AND collation_name IS NOT NULL ORDER BY table_name, ordinal_position
"""
_POSTGRESQL_TABLES = """
SELECT c.relname, '', pg_relation_size(c.oid), '', 0, GREATEST(0, c.reltuples::bigint), pg_total_relation_size(c.oid)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = ANY(current_schemas(false)) ORDER BY c.relname
"""
_MARIADB_NUMBERS = """
SELECT t.table_name, t.auto_increment - 1, c.column_type
FROM information_schema.tables AS t
JOIN information_schema.columns AS c ON c.table_schema = t.table_schema AND c.table_name = t.table_name
WHERE t.table_schema = database() AND c.extra LIKE '%auto_increment%' AND t.auto_increment IS NOT NULL
"""
_POSTGRESQL_NUMBERS = """
SELECT sequencename, COALESCE(last_value, 0), max_value FROM pg_sequences
WHERE schemaname = ANY(current_schemas(false)) AND NOT cycle ORDER BY sequencename
"""
_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}


@dataclass(frozen=True, slots=True)
class Table:
    """`size` in bytes, of what has an end by itself; `longest`: what the engine says that its file may grow to, 0 where
    it says nothing; `rows`: about how many it has, 0 where the engine does not say.

    `apart`: bytes of all that belongs to it and is kept in files with ends of their own (PostgreSQL's indexes and long
    values), with `size`; 0 where there is no such thing.
    """

    name: str
    engine: str
    size: int
    collation: str = ""
    longest: int = 0
    rows: int = 0
    apart: int = 0

    @property
    def whole(self) -> int:
        """The bytes of a copy."""
        return max(self.size, self.apart)


@dataclass(frozen=True, slots=True)
class Storage:
    """`kind` is "sqlite", "postgresql" or "mariadb"; `page` in bytes; `pages`: so many a file may have.

    `apart`: each table has a file of its own; `folder`: where the files are, "" where that is not told or not on this
    machine; `encoding` of text; `texts`: the columns of each collation as "table.column", where tables have them.
    """

    kind: str
    page: int
    pages: int
    encoding: str
    apart: bool = True
    folder: str = ""
    tables: list[Table] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers that a table or sequence gives out by itself: the last one, and the largest that there is."""

    name: str
    last: int
    largest: int


def storage(tx: Tx) -> Storage:
    dialect = tx.conn.dialect.name
    if dialect == "sqlite":
        return _of_sqlite(tx.conn)
    return _of_mariadb(tx.conn) if is_mysql(dialect) else _of_postgresql(tx.conn)


def numbers(tx: Tx) -> list[Numbers]:
    conn, dialect = tx.conn, tx.conn.dialect.name
    if dialect == "sqlite":
        if not sa.inspect(conn).has_table("sqlite_sequence"):
            return []
        return [Numbers(name, seq, 2**63 - 1) for name, seq in conn.exec_driver_sql("SELECT * FROM sqlite_sequence")]
    if is_mysql(dialect):
        rows = conn.execute(sa.text(_MARIADB_NUMBERS))
        return [Numbers(name, int(last), _largest(kind)) for name, last, kind in rows]
    return [Numbers(name, int(last), int(most)) for name, last, most in conn.execute(sa.text(_POSTGRESQL_NUMBERS))]


def _of_sqlite(conn: sa.Connection) -> Storage:
    def pragma(name: str) -> int:
        return int(conn.exec_driver_sql(f"PRAGMA {name}").scalar_one())

    page, file = pragma("page_size"), conn.engine.url.database or ""
    tables = [Table(os.path.basename(file), "SQLite", page * pragma("page_count"))]
    encoding = str(conn.exec_driver_sql("PRAGMA encoding").scalar_one())
    return Storage("sqlite", page, pragma("max_page_count"), encoding, False, _here(os.path.dirname(file)), tables)


def _of_postgresql(conn: sa.Connection) -> Storage:
    page = int(conn.exec_driver_sql("SHOW block_size").scalar_one())
    encoding = str(conn.exec_driver_sql("SHOW server_encoding").scalar_one())
    folder = conn.exec_driver_sql("SELECT setting FROM pg_settings WHERE name = 'data_directory'").scalar()
    tables = [Table(*row) for row in conn.execute(sa.text(_POSTGRESQL_TABLES))]
    return Storage("postgresql", page, 2**32, encoding, True, _local(conn, folder or ""), tables)


def _of_mariadb(conn: sa.Connection) -> Storage:
    page, apart, folder, encoding = conn.exec_driver_sql(
        "SELECT @@innodb_page_size, @@innodb_file_per_table, @@datadir, @@character_set_database"
    ).one()
    tables = [Table(row[0], row[1] or "", int(row[2]), row[3], int(row[4]), int(row[5])) for row in
              conn.execute(sa.text(_MARIADB_TABLES))]  # fmt: skip
    texts: dict[str, list[str]] = {}
    for collation, table, column in conn.execute(sa.text(_MARIADB_TEXTS)):
        texts.setdefault(str(collation), []).append(f"{table}.{column}")
    return Storage("mariadb", int(page), 2**32, str(encoding), bool(apart), _local(conn, str(folder)), tables, texts)


def _largest(column_type: str) -> int:
    """The largest number of a column's type, as `int(10) unsigned`."""
    bits = _BITS[column_type.partition("(")[0].split()[0]]
    return int(2**bits - 1 if "unsigned" in column_type else 2 ** (bits - 1) - 1)


def _local(conn: sa.Connection, folder: str) -> str:
    """The folder, if the server is on this machine."""
    url = conn.engine.url
    near = (url.host or "localhost") in ("localhost", "127.0.0.1", "::1")
    return _here(folder) if near else ""


def _here(folder: str) -> str:
    return folder if os.path.isdir(folder) else ""
