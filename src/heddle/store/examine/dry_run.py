"""The migrations that a database is waiting for, run on a copy of it: what they touch, and what is gone afterwards.

Whose migrations these are is for the caller to say: the copy and what is seen on it are always this program's.

A copy on a server has the rows of small tables first, and then all is known that does not depend on rows: what is
taken away, and which tables the migrations name.  Where large ones are among these, a second copy has them too: only
then is it told how long the migrations take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from heddle.store.dialect import reason_of
from heddle.store.engine import FAILURES, Store, Tx
from heddle.store.examine import is_current
from heddle.store.examine.rehearsal import Rehearsal, rehearse
from heddle.store.examine.scratch import Copy, Deadline, NoCopy, copied
from heddle.store.examine.storage import Table, storage
from heddle.store.tables import METADATA

Columns = dict[str, dict[str, bool]]  # of each table, with whether a value must be said
Migrations = Callable[[Store, Deadline], Rehearsal]
SMALL = 4 * 2**20  # bytes: the rows of such a table are always copied
_NO_ROOM = "disk is full", "No space left", "table is full", "could not extend"


@dataclass(frozen=True, slots=True)
class DryRun:
    """`seconds` for the migrations alone; `touched`: the rows that each table had which they altered or wrote to;
    `gone`: tables, and columns as "table.column", that were there before, on a database that fits this program only
    those that it reads; `wanted`: columns of tables that were there which want a value, and did not before; `locks`:
    what nobody else can do with a table then, by its name, "*" for all; `fault`: why they did not come to an end.

    `lacking`: tables that the migrations name and whose rows there was no time to copy, with about how many they have;
    `left_out`: how many others were not copied either.
    """

    seconds: float
    touched: dict[str, int]
    gone: list[str]
    wanted: list[str]
    locks: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    lacking: dict[str, int] = field(default_factory=dict)
    left_out: int = 0


def own(store: Store, deadline: Deadline) -> Rehearsal:
    """This program's migrations."""
    return rehearse(store, deadline.check)


def dry_run(tx: Tx, url: str, revision: str, seconds: float, migrate: Migrations = own) -> DryRun:
    """`migrate` runs the migrations on the copy.  Raises `NoCopy` where it cannot be tried."""
    deadline = Deadline(seconds)
    done = _tried(tx, url, revision, deadline, migrate, lambda table: table.whole <= SMALL)
    if not done.lacking or done.gone or done.wanted:
        return done
    try:
        return _tried(tx, url, revision, deadline, migrate,
                      lambda table: table.whole <= SMALL or table.name in done.lacking)  # fmt: skip
    except NoCopy:
        if deadline.passed:
            return done
        raise


def _tried(
    tx: Tx, url: str, revision: str, deadline: Deadline, migrate: Migrations, wanted: Callable[[Table], bool]
) -> DryRun:
    """On a copy with the rows of the tables that are wanted."""
    fits, rows = is_current(tx), {table.name: table.rows for table in storage(tx).tables}
    try:
        with copied(tx, url, revision, deadline, wanted) as copy:
            done = _migrated(copy, rows, deadline, migrate)
        return replace(done, gone=[name for name in done.gone if _is_read(name)]) if fits else done
    except FAILURES as error:
        deadline.check()
        raise NoCopy(f"the database cannot be copied: {reason_of(error)}", "Mend what is told.") from error


def _migrated(copy: Copy, about: Mapping[str, int], deadline: Deadline, migrate: Migrations) -> DryRun:
    """`about`: how many rows each table has, for those that the copy lacks."""
    store, missing = copy.store, set(copy.lacking)
    before = _columns(store)
    rows = _rows(store, list(before))
    done = migrate(store, deadline)
    if done.fault:
        deadline.check()
    if any(words in done.fault for words in _NO_ROOM):
        raise NoCopy(f"there is no room to migrate a copy: {done.fault}", "Free space, or enlarge the disk.")
    after = before if done.fault else _columns(store)
    altered = {name: rows[name] for name in done.touched if name in rows.keys() - missing}
    lacking = {name: about.get(name, 0) for name in copy.lacking if done.named is None or name in done.named}
    locks = {name: held for name, held in done.locks.items() if name in rows or name == "*"}
    return DryRun(done.seconds, altered, _gone(before, after), _wanted(before, after), locks, done.fault,
                  lacking, len(missing) - len(lacking))  # fmt: skip


def _is_read(name: str) -> bool:
    """Whether this program reads the table, or the column "table.column"."""
    table, _, column = name.partition(".")
    return table in METADATA.tables and (not column or column in METADATA.tables[table].columns)


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
