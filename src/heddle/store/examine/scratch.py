"""A copy of a database on which something is tried, and which is gone afterwards whatever happened.

SQLite's goes into a folder of its own below the folder for temporary files (TMPDIR), readable for its owner only.  On
PostgreSQL and MariaDB it is another database on the same server: the schema of the copied revision made by its
migrations, and the rows of the tables that are wanted, as many as there is time for (`filling.py`).  No program of the
server's makers is needed.

Room is asked for before anything is written, for a full disk stops the cloud; where the server's disk is not seen from
here only small databases are copied.  All ends by a deadline, and a program that is told to end removes the copy first.
"""

from __future__ import annotations

import atexit
import os
import secrets
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from heddle.errors import HeddleError
from heddle.store import migrate
from heddle.store.dialect import is_mysql, reason_of, with_driver
from heddle.store.engine import FAILURES, Store, Tx
from heddle.store.examine import file_of, hasty
from heddle.store.examine.filling import fill
from heddle.store.examine.left import PREFIX, claimed
from heddle.store.examine.storage import Table, storage

ROOM = 3  # the copy, its write-ahead log, and a table that is written anew
CHUNK = 1000
PATIENCE = 3
GRACE = 2.0
RESERVED = 0.25  # of the time, for the migrations
UNSEEN = 256 * 2**20  # as much is copied to a disk whose room is not seen
_ELSEWHERE = ("dbname", "database", "db")  # words of a URL's query by which drivers name another database
_CONNECTED = "SELECT id FROM information_schema.processlist WHERE db = :name"
_NO_RIGHT = (
    f"Let the user of database.url make databases while the check runs: ALTER ROLE … CREATEDB on PostgreSQL, GRANT ALL "
    f"ON `{PREFIX}%`.* TO … on MariaDB. Or restore a copy of the database on another server, name that with --set "
    f"database.url=…, and run the check there."
)
_FAR = (
    "Run the check on the database's server, or restore a copy of the database on another server, name that with --set "
    "database.url=…, and run the check there."
)
_DIRECT = "Run the check with a database.url that leads to the database's server itself, without a pooler between."
TOO_LONG = (
    "Restore a copy of the database on another server, and take the time of `heddle db migrate` there: the upgrade "
    "takes as long."
)


class NoCopy(HeddleError):
    """It could not be tried; `remedy` says what to do for it to be."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


class Deadline:
    """Until when all must be done."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self._end = seconds, time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._end

    def left(self, later: float = 0.0) -> float:
        """The seconds until then, less `later`, which are for what comes after."""
        return self._end - later - time.monotonic()

    def end(self) -> None:
        """It has passed, as of now."""
        self._end = 0.0

    def check(self) -> None:
        """Raises `NoCopy` when it has passed."""
        if self.passed:
            took = f"longer than {self.seconds:.0f} s"
            raise NoCopy(f"copying the database and migrating the copy takes {took}", TOO_LONG)


def is_copy(url: str) -> bool:
    """Whether the database is one that `copied` has made, by its name."""
    if file := file_of(url):
        return file.parent.name.startswith(PREFIX)
    return (with_driver(url).database or "").startswith(PREFIX)


def expect_copy(store: Store) -> None:
    """Raises `NoCopy` where the server says that the connection is to another database: a URL's query or a pooler
    between may lead to the one that is copied, whatever name was asked for."""
    if store.sqlite:
        return
    ask = sa.text(f"SELECT {'database' if is_mysql(store.engine.dialect.name) else 'current_database'}()")
    with store.engine.connect() as conn:
        found = str(conn.execute(ask).scalar())
    if not found.startswith(PREFIX):
        raise NoCopy(f"the connection to the copy leads to the database {found}, so nothing was tried there", _DIRECT)


@dataclass(frozen=True, slots=True)
class Copy:
    """`lacking`: tables whose rows are not there: they were not wanted, or time was short."""

    store: Store
    lacking: list[str] = field(default_factory=list)


@contextmanager
def copied(
    tx: Tx, url: str, revision: str, deadline: Deadline, wanted: Callable[[Table], bool] = bool
) -> Iterator[Copy]:
    """A copy of the database, which is at `revision`.  `wanted`: whether it is to have the rows of a table; a file has
    all.  Raises `NoCopy`; the copy is removed at the end.
    """
    if file := file_of(url):
        with _copied_file(file, deadline) as store:
            yield Copy(store)
    else:
        with _copied_on_server(tx, url, revision, deadline, wanted) as copy:
            yield copy


@contextmanager
def _copied_file(file: Path, deadline: Deadline) -> Iterator[Store]:
    folder = tempfile.gettempdir()
    wal = file.with_name(f"{file.name}-wal")
    _expect_room(folder, file.stat().st_size + (wal.stat().st_size if wal.exists() else 0))
    gone_at_exit = _removed_at_exit(deadline, lambda: None)  # by the folder itself
    with gone_at_exit, tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as own:
        target = Path(own) / "copy.db"
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy, pages=CHUNK, progress=lambda status, left, total: deadline.check())
        store = Store(f"sqlite:///{target}", 2)
        sa.event.listen(store.engine, "connect",
                        lambda conn, record: conn.set_progress_handler(lambda: deadline.passed, 10_000))  # fmt: skip
        try:
            yield store
        finally:
            store.close()


@contextmanager
def _copied_on_server(
    tx: Tx, url: str, revision: str, deadline: Deadline, wanted: Callable[[Table], bool]
) -> Iterator[Copy]:
    found = storage(tx)
    tables = sorted(filter(wanted, found.tables), key=lambda table: table.whole)
    size = sum(table.whole for table in tables)
    if found.folder:
        _expect_room(found.folder, size)
    elif size > UNSEEN:
        raise NoCopy(f"a copy needs {ROOM * size // 2**20} MiB of the database's server, whose disk is not seen from "
                     "here", _FAR)  # fmt: skip
    name = PREFIX + secrets.token_hex(6)
    with claimed(tx, name), _removed_at_exit(deadline, partial(_drop, url, name)):
        _create(url, name)
        try:
            with _connected(url, name, deadline) as store:
                deadline.check()
                migrate.upgrade(store, revision)
                names, reserved = [table.name for table in tables], RESERVED * deadline.seconds
                yield Copy(store, fill(tx.conn, store.engine, names, lambda: deadline.left(reserved)))
        finally:
            _drop(url, name)


@contextmanager
def _removed_at_exit(deadline: Deadline, remove: Callable[[], None]) -> Iterator[None]:
    """Where the program ends meanwhile whoever works with the copy hears that time is over, and removes it; should
    that take too long, `remove` does."""
    removed = threading.Event()

    def at_exit() -> None:
        deadline.end()
        if not removed.wait(GRACE):
            remove()

    atexit.register(at_exit)
    try:
        yield
    finally:
        removed.set()
        atexit.unregister(at_exit)


@contextmanager
def _connected(url: str, name: str, deadline: Deadline) -> Iterator[Store]:
    """To the copy.  A statement may take until the deadline has passed for certain, and little longer."""
    there = with_driver(url).set(database=name).difference_update_query(_ELSEWHERE)
    store = Store(hasty(there.render_as_string(hide_password=False), PATIENCE, int(max(1.0, deadline.left())) + 1), 2)
    sa.event.listen(store.engine, "before_cursor_execute", lambda *statement: deadline.check())
    try:
        expect_copy(store)
        yield store
    finally:
        store.close()


def _create(url: str, name: str) -> None:
    try:
        _execute(url, f"CREATE DATABASE {name}")
    except FAILURES as error:
        raise NoCopy(f"the database's server lets no copy be made: {reason_of(error)}", _NO_RIGHT) from error


def _drop(url: str, name: str) -> None:
    """Whoever is connected to it."""
    forced = " WITH (FORCE)" if with_driver(url).get_backend_name() == "postgresql" else ""
    statement = f"DROP DATABASE IF EXISTS {name}{forced}"
    try:
        _execute(url, statement, ends="" if forced else name)
    except FAILURES as error:
        raise NoCopy(f"the copy could not be removed: {reason_of(error)}", f"Remove it: {statement}") from error


def _execute(url: str, statement: str, ends: str = "") -> None:
    """Outside of a transaction, on the database that is copied; `ends`: MariaDB's connections to this one before."""
    server = Store(hasty(url, PATIENCE), 1)
    try:
        with server.engine.connect() as conn:
            conn = conn.execution_options(isolation_level="AUTOCOMMIT")
            for process in conn.execute(sa.text(_CONNECTED), {"name": ends}).scalars().all() if ends else ():
                with suppress(*FAILURES):  # it has ended by itself
                    conn.exec_driver_sql(f"KILL {process}")
            conn.exec_driver_sql(statement)
    finally:
        server.close()


def _expect_room(folder: str, size: int) -> None:
    """Raises `NoCopy` where the file system has no room for a copy of so many bytes and what migrating it takes."""
    stat = os.statvfs(folder)
    free, needed = stat.f_bavail * stat.f_frsize, ROOM * size
    if free < needed:
        raise NoCopy(
            f"a copy of the database needs {needed // 2**20 + 1} MiB, and {folder} has {free // 2**20} MiB free",
            "Free space there; for SQLite, TMPDIR names another folder.",
        )
