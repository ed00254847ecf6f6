"""The migrations that a database is waiting for, run on a copy of it: what they touch, and what is gone afterwards."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from heddle.store import migrate
from heddle.store.engine import FAILURES, Store, Tx
from heddle.store.examine import reason_of
from heddle.store.examine.scratch import Deadline, NoCopy, copied

_TOUCHES = re.compile(
    r"""\s*(?:ALTER\s+TABLE|INSERT\s+INTO|UPDATE|DELETE\s+FROM|DROP\s+TABLE|CREATE\s+(?:UNIQUE\s+)?INDEX\s+\S+\s+ON)
    \s+["`]?(\w+)""",
    re.IGNORECASE | re.VERBOSE,
)
_NO_ROOM = "disk is full", "No space left", "table is full", "could not extend"


@dataclass(frozen=True, slots=True)
class DryRun:
    """`seconds` for the migrations alone; `touched`: the rows that each table had which they altered or wrote to;
    `gone`: tables, and columns as "table.column", that were there before; `fault`: why they did not come to an end.
    """

    seconds: float
    touched: dict[str, int]
    gone: list[str]
    fault: str = ""


def dry_run(tx: Tx, url: str, revision: str, seconds: float) -> DryRun:
    """Raises `NoCopy` where it cannot be tried."""
    deadline = Deadline(seconds)
    try:
        with copied(tx, url, revision, deadline) as store:
            return _migrated(store, deadline)
    except FAILURES as error:
        deadline.check()
        raise NoCopy(f"the database cannot be copied: {reason_of(error)}", "Mend what is told.") from error


def _migrated(store: Store, deadline: Deadline) -> DryRun:
    before = _columns(store)
    rows = _rows(store, list(before))
    touched: set[str] = set()

    def heard(conn: Any, cursor: Any, statement: str, *more: Any) -> None:
        deadline.check()
        if match := _TOUCHES.match(statement):
            touched.add(match[1])

    sa.event.listen(store.engine, "before_cursor_execute", heard)
    started, fault = time.monotonic(), ""
    try:
        migrate.upgrade(store)
    except NoCopy:
        raise
    except Exception as error:
        deadline.check()
        fault = reason_of(error)
        if any(words in fault for words in _NO_ROOM):
            raise NoCopy(f"there is no room to migrate a copy: {fault}", "Free space, or enlarge the disk.") from error
    took = time.monotonic() - started
    sa.event.remove(store.engine, "before_cursor_execute", heard)
    gone = [] if fault else _gone(before, _columns(store))
    return DryRun(took, {name: rows[name] for name in sorted(touched & rows.keys())}, gone, fault)


def _columns(store: Store) -> dict[str, set[str]]:
    with store.engine.connect() as conn:
        known = sa.inspect(conn).get_multi_columns()
    return {name: {column["name"] for column in columns} for (_, name), columns in known.items()
            if name != "alembic_version"}  # fmt: skip


def _rows(store: Store, names: list[str]) -> dict[str, int]:
    with store.engine.connect() as conn:
        count = sa.func.count()
        return {name: conn.execute(sa.select(count).select_from(sa.table(name))).scalar_one() for name in names}


def _gone(before: dict[str, set[str]], after: dict[str, set[str]]) -> list[str]:
    tables = before.keys() - after.keys()
    columns = {f"{name}.{column}" for name in before.keys() & after.keys() for column in before[name] - after[name]}
    return sorted(tables | columns)
