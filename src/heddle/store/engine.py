"""The database: one short transaction per verb, retried as a whole when the database says so.

`Store.write(work)` runs `work(tx)` in a transaction.  A deadlock, a serialization failure, a busy database
or a race for a unique key ends the transaction and `work` runs anew, so it must have no effect outside.
What changed is noted with `tx.change`; as the transaction's last statements these notes are written
with a revision from a one-row counter, whose row lock makes revisions visible in the order of commits.
After the commit, `on_commit` hears of the scopes.

On SQLite a writing transaction begins as IMMEDIATE, and the threads of a process take turns, so that none sleeps on the
file's lock.  PostgreSQL and MariaDB write with READ COMMITTED.
The text of an error names no values, for it goes to the log and some values are secret.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from heddle.errors import Unavailable
from heddle.store.changes import ChangeNotes
from heddle.store.connections import make_engine
from heddle.store.dialect import is_mysql, reason_of
from heddle.store.marks import write_marks
from heddle.store.prepared import commit
from heddle.store.turn import Turn

log = logging.getLogger(__name__)
T = TypeVar("T")

FAILURES = (DBAPIError, PoolTimeout, sqlite3.Error)
_TAKEN_WORDS = ("unique", "duplicate")
ATTEMPTS = 12
_RETRY_WORDS = ("deadlock", "database is locked", "serializ", "try restarting transaction", "database table is locked")


class Tx:
    """A transaction: the connection (for `store` only), and the notes of what changed.

    `alone`: no other transaction writes meanwhile, so that locks on rows are needless; `held` are the ids of the
    subnets whose addresses nobody else takes or gives back until this one ends.  `viewer` is the project in whose eyes
    objects are read: whether one is shared depends on it.  `told`: what ports tell of networks that were read, by id.
    `marks`: what a DNS server may have to be told of, None where there is none.
    """

    __slots__ = ("alone", "conn", "held", "marks", "notes", "request_id", "told", "viewer")

    def __init__(self, conn: sa.Connection, request_id: str = "", viewer: str = "") -> None:
        self.conn = conn
        self.request_id = request_id
        self.viewer = viewer
        self.notes = ChangeNotes()
        self.alone = conn.dialect.name == "sqlite"
        self.held: set[str] = set()
        self.told: dict[str, Any] = {}
        self.marks: dict[str, str] | None = None

    def publish(self, kind: str, id: str) -> None:
        """Note that names of an object (a "port", "floating_ip" or "network") may be new, other, or gone."""
        if self.marks is not None:
            self.marks[id] = kind

    def change(self, kind: str, id: str, scopes: Iterable[str], gone: Iterable[str] = ()) -> None:
        """Note that an object is new or other than before in `scopes`, and no longer in `gone`."""
        self.notes.note(kind, id, scopes, gone)


class Store:
    """`on_commit(scopes, request_id)` is called after each commit that changed something.

    `together`: other processes write as much as this one, which matters with SQLite: their threads take turns too.
    `publishes`: there is a DNS server that is told of names.
    """

    def __init__(self, url: str, pool: int = 10, *, together: bool = False, publishes: bool = False) -> None:
        self.url, self.publishes = url, publishes
        self.on_commit: Callable[[list[str], str], None] = lambda scopes, request_id: None
        self.engine = make_engine(url, pool)
        self.sqlite = self.engine.dialect.name == "sqlite"
        self._psycopg = self.engine.dialect.name == "postgresql"
        self._mysql = is_mysql(self.engine.dialect.name)
        file = f"{self.engine.url.database}-turn" if together and self.sqlite else ""
        self._turn: Turn | nullcontext[None] = Turn(file) if self.sqlite else nullcontext()

    @contextmanager
    def read(self, viewer: str = "", *, once: bool = False) -> Iterator[Tx]:
        """A consistent snapshot for reading, in the eyes of a project.

        `once`: a single statement reads all that must fit together, so that PostgreSQL is spared a transaction: two
        round trips of the three that it would take.
        """
        with translated(), self.engine.connect() as conn:
            if self.sqlite:
                conn.exec_driver_sql("BEGIN")
            elif self._psycopg:
                conn = conn.execution_options(isolation_level="AUTOCOMMIT" if once else "REPEATABLE READ")
            yield Tx(conn, viewer=viewer)
            if self._psycopg:
                # A rollback makes the driver forget the statements that the server has planned.
                commit(conn)

    def write(self, work: Callable[[Tx], T], request_id: str = "", viewer: str = "") -> T:
        """Run `work` in a transaction, anew after a conflict.  Raises `Unavailable` when the database is gone."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._write_once(work, request_id, viewer)
            except FAILURES as error:
                if not _worth_retrying(error):
                    raise _unavailable(error) from error
                if attempt == ATTEMPTS:
                    log.error("transaction given up attempts=%d reason=%s", attempt, reason_of(error, 200))
                    raise Unavailable(
                        "ServiceUnavailable", "Others change the same objects all the time. Please try again later."
                    ) from error
                reason = reason_of(error, 200)
                log.info("transaction retried attempt=%d request_id=%s reason=%s", attempt, request_id, reason)
                time.sleep(random.uniform(0, 0.005 * 2 ** min(attempt, 6)))
        raise AssertionError("unreachable")

    def _write_once(self, work: Callable[[Tx], T], request_id: str, viewer: str) -> T:
        with self._turn, self.engine.connect() as conn:
            if self.sqlite:
                conn.exec_driver_sql("BEGIN IMMEDIATE")
            elif self._mysql:
                conn.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            tx = Tx(conn, request_id, viewer)
            tx.marks = {} if self.publishes else None
            result = work(tx)
            if tx.marks:
                write_marks(conn, tx.marks)
            scopes = tx.notes.write(conn)
            conn.commit()
        if scopes:
            self.on_commit(scopes, request_id)
        return result

    def connections(self) -> tuple[int, int]:
        """How many lie idle, and how many are in use."""
        pool = self.engine.pool
        assert isinstance(pool, sa.QueuePool)
        return pool.checkedin(), pool.checkedout()

    def close(self) -> None:
        self.engine.dispose()
        if isinstance(self._turn, Turn):
            self._turn.close()


@contextmanager
def translated() -> Iterator[None]:
    """What a database that cannot be used makes of a read is raised as `Unavailable`, and logged with its reason."""
    try:
        yield
    except FAILURES as error:
        raise _unavailable(error) from error


def _worth_retrying(error: Exception) -> bool:
    if isinstance(error, IntegrityError):
        return any(word in str(error.orig).lower() for word in _TAKEN_WORDS)
    return not isinstance(error, PoolTimeout) and any(word in reason_of(error, 200).lower() for word in _RETRY_WORDS)


def _unavailable(error: Exception) -> Exception:
    if isinstance(error, OperationalError | PoolTimeout | sqlite3.OperationalError):
        log.error("database unavailable reason=%s", reason_of(error, 200))
        return Unavailable("ServiceUnavailable", "The database cannot be used at the moment. Please try again later.")
    return error
