"""The migrations that the database waits for run to their end on a copy, take nothing that older servers read, and want
nothing that these do not write.

With `--target` these are the migrations of that release, run by its own program on the copy.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from heddle.checks.base import CannotSee, Check, Finding, Level, failure, unknown, well
from heddle.checks.context import Context
from heddle.checks.target.coming import Coming
from heddle.store import examine, migrate
from heddle.store.engine import Store, Tx
from heddle.store.examine.dry_run import DryRun, dry_run, own
from heddle.store.examine.rehearsal import Rehearsal
from heddle.store.examine.scratch import TOO_LONG, Deadline, NoCopy

# From the check's beginning; what is left until its deadline is for a last statement, and to remove the copy.
SECONDS = 11.5


def check(context: Context) -> Finding:
    started = time.monotonic()
    with context.reading() as tx:
        found = examine.revision(tx)
        way = _way(context, tx, found)
        if way == "":
            return well(f"there is nothing to do: the schema is at revision {found}")
        if way is None or found is None:
            raise CannotSee("no migrations lead from this database to the target: database-schema says why")
        try:
            left = max(1.0, SECONDS - (time.monotonic() - started))
            tried = dry_run(tx, context.settings.database_url, found, left, _migrations(context.coming))
        except NoCopy as reason:
            return unknown(str(reason), remedy=reason.remedy)
    return _judge(f"from {found} to {way}", tried)


def _way(context: Context, tx: Tx, found: str | None) -> str | None:
    """The revision that migrations lead to, "" where there is none to run, None where they do not begin here."""
    if not context.coming.same:
        pending = context.described.get().pending(found or "")
        return None if pending is None else "".join(pending[-1:])
    if examine.is_current(tx):
        return ""
    return migrate.EXPANDED if found in migrate.revisions() else None


def _migrations(coming: Coming) -> Callable[[Store, Deadline], Rehearsal]:
    """Those of the target."""

    def run(store: Store, deadline: Deadline) -> Rehearsal:
        try:
            return coming.rehearse(store.url, lambda: deadline.passed)
        except CannotSee:
            deadline.check()
            raise

    return own if coming.same else run


def _judge(way: str, tried: DryRun) -> Finding:
    rows = ", ".join(f"{name} {count}" for name, count in tried.touched.items())
    locks = ", ".join(f"{'all tables' if name == '*' else name}: {held}" for name, held in tried.locks.items())
    evidence = (f"{tried.seconds:.2f} s; rows of the tables touched: {rows or 'none'}; "
                f"meanwhile for others: {locks or 'no table is locked'}")  # fmt: skip
    if tried.lacking and not tried.gone and not tried.wanted:
        return _unseen(way, tried)
    if tried.fault:
        return failure(f"the migrations {way} fail on a copy of the database: {tried.fault}", evidence,
                       remedy="Do not upgrade. Is database-drift's or somebody's change by hand the cause? Undo it; "
                       "otherwise report the text as a fault of Heddle.")  # fmt: skip
    if tried.gone:
        return failure(f"the migrations {way} take away what servers of the old version read: {', '.join(tried.gone)}",
                       evidence)  # fmt: skip
    if tried.wanted:
        return failure(f"the migrations {way} make columns that want a value, which servers of the old version do not "
                       f"write: {', '.join(tried.wanted)}", evidence)  # fmt: skip
    others = f"; {tried.left_out} tables that they do not name were not copied" if tried.left_out else ""
    return well(f"the migrations {way} took {tried.seconds:.2f} s on a copy, and take nothing away{others}", evidence)


def _unseen(way: str, tried: DryRun) -> Finding:
    """There was no time to copy rows that the migrations may change."""
    tables = ", ".join(f"{name} (about {count} rows)" if count else name for name, count in tried.lacking.items())
    said = f"fail: {tried.fault}" if tried.fault else "run to their end and take nothing away"
    return unknown(f"on a copy without the rows of {tables}, for which there was no time, the migrations {way} {said}; "
                   "how long they take with them was not seen", remedy=TOO_LONG)  # fmt: skip


CHECK = Check(
    id="database-dry-run",
    title="The migrations run on a copy of the database, and take nothing away",
    reads="the database, into a copy that is removed again: below TMPDIR for SQLite, otherwise a database "
    "heddle_dry_run_… on the same server",
    severity=Level.FAILURE,
    remedy="Stop all servers of the old version before `heddle db migrate`: this is no upgrade for which they can go "
    "on.",
    check=check,
    openstack="OpenStack's migrations come with its own programs",
    seconds=14,
    doctor=False,
)
