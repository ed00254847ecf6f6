"""Copies on a database's server that nobody will remove any more: whoever made them was killed.

Who makes a copy holds a lock of the server's for as long as the copy is there, from before it is made until it is gone.
The server gives the lock back when its holder's connection ends, however that happens.  So a copy without a holder is
one that was left; which it is, any user sees that sees the copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from heddle.store.dialect import is_mysql
from heddle.store.engine import FAILURES, Tx

PREFIX = "heddle_dry_run_"
_NAME = re.compile(rf"{PREFIX}[0-9a-f]{{12}}")
_KIND = 0x48444452  # of PostgreSQL's locks that two numbers name: all of copies
_LOCKS = """
SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = :kind
"""


@contextmanager
def claimed(tx: Tx, name: str) -> Iterator[None]:
    """Meanwhile the copy of this name is known to have somebody who removes it.  PostgreSQL's locks are of the server
    as a whole for who looks, and of the transaction for who holds them."""
    if is_mysql(tx.conn.dialect.name):
        tx.conn.execute(sa.text("SELECT GET_LOCK(:name, 0)"), {"name": name})
        try:
            yield
        finally:
            with suppress(*FAILURES):  # with its connection the lock is gone as well
                tx.conn.execute(sa.text("SELECT RELEASE_LOCK(:name)"), {"name": name})
    else:
        tx.conn.execute(sa.text("SELECT pg_advisory_xact_lock_shared(:kind, :number)"),
                        {"kind": _KIND, "number": _number(name)})  # fmt: skip
        yield


def left_behind(tx: Tx) -> list[str]:
    """The names of copies whose makers are gone."""
    known = _copies(tx)
    held = _held(tx, known)
    return sorted(known & _copies(tx) - held)  # who ends meanwhile removes the copy before it gives the lock back


def _copies(tx: Tx) -> set[str]:
    mysql = is_mysql(tx.conn.dialect.name)
    names = tx.conn.exec_driver_sql("SHOW DATABASES" if mysql else "SELECT datname FROM pg_database").scalars()
    return {name for name in names if _NAME.fullmatch(name)}


def _held(tx: Tx, names: set[str]) -> set[str]:
    if is_mysql(tx.conn.dialect.name):
        used = sa.text("SELECT IS_USED_LOCK(:name)")
        return {name for name in names if tx.conn.execute(used, {"name": name}).scalar() is not None}
    locks = set(tx.conn.execute(sa.text(_LOCKS), {"kind": _KIND}).scalars())
    return {name for name in names if _number(name) in locks}


def _number(name: str) -> int:
    """Of a copy, as PostgreSQL's locks have it."""
    return int(name.removeprefix(PREFIX)[:7], 16)
