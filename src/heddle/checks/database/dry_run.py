"""The migrations that the database waits for run to their end on a copy, take nothing that older servers read, and want
nothing that these do not write.
"""

from __future__ import annotations

from heddle import __version__
from heddle.checks.base import CannotSee, Check, Finding, Level, failure, unknown, well
from heddle.checks.context import Context
from heddle.checks.releases import apart
from heddle.store import examine, migrate
from heddle.store.examine.dry_run import DryRun, dry_run
from heddle.store.examine.scratch import NoCopy

# What is left until the check's deadline is for a last statement, and to remove the copy.
SECONDS = 7.0


def check(context: Context) -> Finding:
    if apart(__version__, context.target) != 0:
        raise CannotSee(f"this program is {__version__}: the migrations of {context.target} come with that release; "
                        "run its program's check against this database")  # fmt: skip
    with context.reading() as tx:
        found = examine.revision(tx)
        if examine.is_current(tx):
            return well(f"there is nothing to do: the schema is at revision {found}")
        if found is None or found not in migrate.revisions():
            raise CannotSee("no migrations lead from this database to this program: database-schema says why")
        try:
            return _judge(found, dry_run(tx, context.settings.database_url, found, SECONDS))
        except NoCopy as reason:
            return unknown(str(reason), remedy=reason.remedy)


def _judge(revision: str, tried: DryRun) -> Finding:
    way = f"from {revision} to {migrate.HEAD}"
    rows = ", ".join(f"{name} {count}" for name, count in tried.touched.items())
    evidence = f"{tried.seconds:.2f} s; rows of the tables touched: {rows or 'none'}"
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
    return well(f"the migrations {way} took {tried.seconds:.2f} s on a copy, and take nothing away", evidence)


CHECK = Check(
    id="database-dry-run",
    title="The migrations run on a copy of the database, and take nothing away",
    reads="the whole database, into a copy that is removed again: below TMPDIR for SQLite, otherwise a database "
    "heddle_dry_run_… on the same server",
    severity=Level.FAILURE,
    remedy="Stop all servers of the old version before `heddle db migrate`: this is no upgrade for which they can go "
    "on.",
    check=check,
    seconds=14,
    doctor=False,
)
