"""Backups: the content of a database as a file that is restored on any engine.

A backup is gzip-compressed lines of JSON.  The first tells the format, the revision of the schema and how many rows
each table has; then comes a line for each table with its columns, followed by lines of up to `CHUNK` rows; the last
one counts all rows, so that a file that was cut short is known as one.  Values are as the database keeps them: text,
whole numbers, truth values and null; structured values are the JSON text that they are stored as.

`write` reads one snapshot, so that servers may go on writing meanwhile.  `restore` fills an empty database in one
transaction, with the schema of the backup's revision, and brings that up to date afterwards.  A database that was
restored may have a shorter history than the one that hosts last heard of: its revision takes a leap, below which all
news count as forgotten, so that each host compares all that it has with what it should have.
"""

from __future__ import annotations

import gzip
import itertools
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

import sqlalchemy as sa

from heddle.errors import HeddleError
from heddle.store import migrate, tables
from heddle.store.admin import count, every_table, version
from heddle.store.engine import Store
from heddle.store.tables.kit import JsonText

FORMAT = 1
CHUNK = 500
LEAP = 1_000_000
VERSION_TABLE = "alembic_version"
# A new schema has rows of its own in these.
SEEDED = ("counters", "default_security_group_rules")
# Who has a backup must not be able to make tokens.
LEFT_OUT = ("token_keys",)
UNREADABLE = (EOFError, gzip.BadGzipFile, zlib.error, ValueError)
Progress = Callable[[str, int, int], None]


class BackupError(HeddleError):
    """A backup cannot be written, read or restored; the text says why, and what to do."""


@dataclass(frozen=True)
class Header:
    """The first line: `schema` is the revision of the schema, `rows` how many each table has."""

    schema: str
    made: str
    engine: str
    rows: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.rows.values())


def write(store: Store, file: IO[bytes], made: str, progress: Progress) -> Header:
    """Write all rows to a file; `made`: the time, as the API writes it.

    `progress(table, done, total)` is called with the rows written so far.  Raises `BackupError` for a database without
    the schema that this program knows.
    """
    found = migrate.current(store)
    if found is None or not migrate.EXPANDED <= found <= migrate.HEAD:
        raise BackupError(
            f"the database is {'empty' if found is None else f'at revision {found}'}, this program expects "
            f"{migrate.HEAD}: run `heddle db migrate` first, or use the program that made it"
        )
    with store.read() as tx, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6) as out:
        rows_of = {table.name: count(tx.conn, table) for table in _backed_up()}
        header = Header(found, made, version(store), rows_of)
        _line(out, {"heddle_backup": FORMAT, "schema": found, "made": made, "engine": header.engine, "rows": rows_of})
        done = 0
        for table in _backed_up():
            _line(out, {"table": table.name, "columns": [column.name for column in table.columns]})
            for rows in _chunks(_rows(tx.conn, table)):
                _line(out, rows)
                done += len(rows)
                progress(table.name, done, header.total)
        _line(out, {"end": done})
    return header


def _backed_up() -> list[sa.Table]:
    return [table for table in every_table() if table.name not in LEFT_OUT]


def _rows(conn: sa.Connection, table: sa.Table) -> Iterator[list[Any]]:
    columns = [sa.type_coerce(c, sa.Text) if isinstance(c.type, JsonText) else c for c in table.columns]
    result = conn.execute(sa.select(*columns), execution_options={"yield_per": CHUNK})
    return (list(row) for row in result)


def _chunks(rows: Iterable[list[Any]]) -> Iterator[list[list[Any]]]:
    waiting = iter(rows)
    while chunk := list(itertools.islice(waiting, CHUNK)):
        yield chunk


def _line(out: gzip.GzipFile, value: Any) -> None:
    out.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


# Reading


class Reader:
    """A backup that is read from its beginning.  Raises `BackupError` for what is none, or not whole."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._name = name
        self._lines = iter(gzip.GzipFile(fileobj=file, mode="rb"))
        first = self._next()
        if not isinstance(first, dict) or "heddle_backup" not in first:
            raise BackupError(f"{name} is not a backup that `heddle db backup` wrote")
        if first["heddle_backup"] != FORMAT:
            raise BackupError(
                f"{name} has the format {first['heddle_backup']}, this program reads {FORMAT}: use a newer one"
            )
        try:
            self.header = Header(first["schema"], first["made"], first["engine"], dict(first["rows"]))
        except (KeyError, TypeError, ValueError) as error:
            raise self._broken("its first line is not one") from error

    def chunks(self) -> Iterator[tuple[str, list[str], list[list[Any]]]]:
        """Some rows at a time: their table, the columns, and the rows."""
        seen: Counter[str] = Counter()
        table, columns = "", list[str]()
        while True:
            match self._next():
                case list() as rows:
                    if any(not isinstance(row, list) or len(row) != len(columns) for row in rows):
                        raise self._broken(f"a row of {table} has not the columns of its table")
                    seen[table] += len(rows)
                    yield table, columns, rows
                case {"table": str() as table, "columns": list() as columns}:
                    pass
                case {"end": end}:
                    break
                case _:
                    raise self._broken("there is a line that is none of its kinds")
        if seen != Counter(self.header.rows) or end != self.header.total:
            raise self._broken(f"{seen.total()} rows instead of {self.header.total}")
        self._finish()

    def _next(self) -> Any:
        try:
            return json.loads(next(self._lines))
        except StopIteration:
            raise self._broken("its end is missing") from None
        except UNREADABLE as error:
            raise self._broken(str(error)) from error

    def _finish(self) -> None:
        """The checksum of all that was read comes after the last line, and is compared when the end is met."""
        try:
            more = next(self._lines, None)
        except UNREADABLE as error:
            raise self._broken(str(error)) from error
        if more is not None:
            raise self._broken("there is more after its end")

    def _broken(self, why: str) -> BackupError:
        return BackupError(f"{self._name} is not a whole backup of Heddle ({why}); nothing was restored")


def verify(file: IO[bytes], name: str) -> Header:
    """Read all of a backup, and go back to its beginning.  Raises `BackupError`."""
    reader = Reader(file, name)
    for _ in reader.chunks():
        pass
    file.seek(0)
    return reader.header


def restore(store: Store, file: IO[bytes], name: str, progress: Progress) -> Header:
    """Fill an empty database with a backup, and bring its schema up to date.

    Raises `BackupError` for a database that is not empty, a backup that is not whole, or one of a newer program; the
    database is empty then as it was.
    """
    header = verify(file, name)
    if header.schema not in migrate.revisions():
        raise BackupError(
            f"{name} was made at revision {header.schema} of the schema, which this program does not know: restore it "
            f"with the version of Heddle that made it, or a newer one"
        )
    _make_empty(store)
    filled = False
    try:
        migrate.upgrade(store, header.schema)
        _fill(store, Reader(file, name), progress)
        filled = True
        migrate.upgrade(store)
    except BaseException:
        if filled:
            migrate.downgrade(store, "base")
        else:
            with suppress(BackupError):  # what others wrote meanwhile is theirs
                _make_empty(store)
        raise
    return header


def _make_empty(store: Store) -> None:
    """Take away a schema that holds nothing.  Raises `BackupError` where there is something."""
    with store.engine.connect() as conn:
        names = sa.inspect(conn).get_table_names()
        if VERSION_TABLE not in names and names:
            raise BackupError(f"the database has tables that are not Heddle's ({names[0]}, …): use an empty one")
        for name in sorted(set(names) - {VERSION_TABLE, *SEEDED}):
            if conn.execute(sa.select(sa.literal(1)).select_from(sa.table(name)).limit(1)).first() is not None:
                raise BackupError(
                    f"the database is not empty (there is something in {name}), and a restore overwrites nothing: make "
                    f"an empty database and name it in database.url"
                )
    if not names:
        return
    found = migrate.current(store)
    if found is not None and found not in migrate.revisions():
        raise BackupError(
            f"the database holds nothing, but its schema has the revision {found}, which this program does not know: "
            f"make an empty database and name it in database.url"
        )
    migrate.downgrade(store, "base")


def _fill(store: Store, reader: Reader, progress: Progress) -> None:
    done = 0
    with store.engine.connect() as conn:
        if store.sqlite:
            conn.exec_driver_sql("BEGIN IMMEDIATE")
        known = sa.MetaData()
        known.reflect(conn)
        for name in set(SEEDED) & known.tables.keys():
            conn.execute(sa.delete(known.tables[name]))
        for name, columns, rows in reader.chunks():
            table = known.tables.get(name)
            if table is None or set(columns) - set(table.columns.keys()):
                raise BackupError(f"the backup has columns of {name} that its schema {reader.header.schema} has not")
            values = [dict(zip(columns, row, strict=True)) for row in rows]
            conn.execute(sa.insert(sa.table(name, *map(sa.column, columns))), values)
            done += len(rows)
            progress(name, done, reader.header.total)
        _expect_only(conn, known, reader.header)
        _leap(conn)
        conn.commit()


def _expect_only(conn: sa.Connection, known: sa.MetaData, header: Header) -> None:
    """Raises `BackupError` when somebody else wrote into the database meanwhile, or something was not kept."""
    for name, table in known.tables.items():
        if name != VERSION_TABLE and (found := count(conn, table)) != header.rows.get(name, 0):
            raise BackupError(
                f"{name} has {found} rows instead of {header.rows.get(name, 0)}, so the restore was undone: does a "
                f"server of Heddle use this database? Stop all of them, and run this again with an empty database"
            )


def _leap(conn: sa.Connection) -> None:
    """What hosts heard of before is forgotten."""
    counters = tables.counters
    current = conn.execute(sa.select(counters.c.value).where(counters.c.name == "revision")).scalar_one()
    names = counters.c.name.in_(("revision", "forgotten"))
    conn.execute(sa.update(counters).where(names).values(value=current + LEAP))
