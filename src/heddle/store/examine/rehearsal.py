"""The migrations of this program, run on a copy: how long they take, what they touch, and which locks they hold.

PostgreSQL tells the locks of each migration when it is about to be committed.  MariaDB and SQLite do not: there they
follow from the statements.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from heddle.store import migrate
from heddle.store.dialect import is_mysql, reason_of
from heddle.store.engine import Store

_TOUCHES = re.compile(
    r"""\s*(ALTER\s+TABLE|INSERT\s+INTO|UPDATE|DELETE\s+FROM|DROP\s+TABLE|CREATE\s+(?:UNIQUE\s+)?INDEX\s+\S+\s+ON)
    \s+["`]?(\w+)""",
    re.IGNORECASE | re.VERBOSE,
)
_WORD = re.compile(r"\w+")
_HELD = """
SELECT c.relname, l.mode FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE l.pid = pg_backend_pid() AND c.relkind = 'r' AND n.nspname = ANY(current_schemas(false)) AND l.granted
"""
_STOPS = {
    "AccessExclusiveLock": "no reads, no writes", "ExclusiveLock": "no writes", "ShareRowExclusiveLock": "no writes",
    "ShareLock": "no writes",
}  # fmt: skip
_WORST = ("no reads, no writes", "no writes")


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """`touched`: tables that are altered or written to; `locks`: what nobody else can do with a table meanwhile, by its
    name, "*" for all together; `fault`: why the migrations did not come to an end.  `named`: tables that any of the
    statements names, None where that is not told.
    """

    seconds: float
    touched: list[str] = field(default_factory=list)
    locks: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    named: list[str] | None = None


def rehearse(store: Store, heard: Callable[[], None] = lambda: None) -> Rehearsal:
    """`heard` is called before each statement, and what it raises ends the migrations and is raised."""
    touched: set[str] = set()
    words: set[str] = set()
    with store.engine.connect() as conn:
        tables = set(sa.inspect(conn).get_table_names())
    locks: dict[str, str] = {"*": "no writes"} if store.sqlite else {}
    stopped: list[Exception] = []

    def before(conn: Any, cursor: Any, statement: str, *more: Any) -> None:
        try:
            heard()
        except Exception as error:
            stopped.append(error)
            raise
        words.update(_WORD.findall(statement))
        if match := _TOUCHES.match(statement):
            touched.add(match[2])
            if is_mysql(store.engine.dialect.name) and not match[1].upper().startswith(("I", "U", "DE")):
                locks[match[2]] = _WORST[0]

    def committed(conn: sa.Connection) -> None:
        for name, mode in conn.exec_driver_sql(_HELD).all() if store.engine.dialect.name == "postgresql" else ():
            if mode in _STOPS:
                locks[name] = min(locks.get(name, _STOPS[mode]), _STOPS[mode], key=_WORST.index)

    sa.event.listen(store.engine, "before_cursor_execute", before)
    sa.event.listen(store.engine, "commit", committed)
    started, fault = time.monotonic(), ""
    try:
        migrate.upgrade(store)
    except Exception as error:
        if stopped:
            raise stopped[0] from error
        fault = reason_of(error)
    finally:
        sa.event.remove(store.engine, "before_cursor_execute", before)
        sa.event.remove(store.engine, "commit", committed)
    return Rehearsal(time.monotonic() - started, sorted(touched), dict(sorted(locks.items())), fault,
                     sorted(words & tables))  # fmt: skip
