"""The migrations that a database is waiting for, run on a copy of it: what they touch, and what is gone afterwards."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from heddle.store import migrate
from heddle.store.dialect import reason_of
from heddle.store.engine import FAILURES, Store, Tx
from heddle.store.examine.scratch import Deadline, NoCopy, copied

_TOUCHES = re.compile(
    r"""\s*(?:ALTER\s+TABLE|INSERT\s+INTO|UPDATE|DELETE\s+FROM|DROP\s+TABLE|CREATE\s+(?:UNIQUE\s+)?INDEX\s+\S+\s+ON)
    \s+["`]?(\w+)""",
    re.IGNORECASE | re.VERBOSE,
)
Columns = dict[str, dict[str, bool]]  # of each table, with whether a value must be said
_NO_ROOM = "disk is full", "No space left", "table is full", "could not extend"


@dataclass(frozen=True, slots=True)
class DryRun:
    """`seconds` for the migrations alone; `touched`: the rows that each table had which they altered or wrote to;
    `gone`: tables, and columns as "table.column", that were there before; `wanted`: columns of tables that were there
    which want a value, and did not before; `fault`: why they did not come to an end.
    """

    seconds: float
    touched: dict[str, int]
    gone: list[str]
    wanted: list[str]
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
    after = before if fault else _columns(store)
    altered = {name: rows[name] for name in sorted(touched & rows.keys())}
    return DryRun(took, altered, _gone(before, after), _wanted(before, after), fault)


def _columns(store: Store) -> Columns:
    with store.engine.connect() as conn:
        known = sa.inspect(conn).get_multi_columns()
    return {name: {column["name"]: _wants(column) for column in columns} for (_, name), columns in known.items()
            if name != "alembic_version"}  # fmt: skip


def _wants(column: Any) -> bool:
    """Whether who writes a row must say a value."""
    filled = column.get("default") is not None or column.get("identity") or column.get("computed")
    return not column["nullable"] and not filled and column.get("autoincrement") is not True


def _rows(store: Store, names: list[str]) -> dict[str, int]:
    with store.engine.connect() as conn:
        count = sa.func.count()
        return {name: conn.execute(sa.select(count).select_from(sa.table(name))).scalar_one() for name in names}


def _gone(before: Columns, after: Columns) -> list[str]:
    tables = before.keys() - after.keys()
    columns = {f"{name}.{column}" for name in before.keys() & after.keys()
               for column in before[name].keys() - after[name].keys()}  # fmt: skip
    return sorted(tables | columns)


def _wanted(before: Columns, after: Columns) -> list[str]:
    both = before.keys() & after.keys()
    return sorted(f"{name}.{column}" for name in both for column, wants in after[name].items()
                  if wants and not before[name].get(column))  # fmt: skip
