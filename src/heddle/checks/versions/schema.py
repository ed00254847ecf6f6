"""The target knows the schema that the database has, and the migrations from there on."""

from __future__ import annotations

from heddle.checks.base import CannotSee, Check, Finding, Level, failure, well
from heddle.checks.context import Context
from heddle.checks.target.coming import compared
from heddle.checks.target.description import Description
from heddle.store import examine, migrate


@compared
def check(context: Context, target: Description) -> Finding:
    with context.reading() as tx:
        found = examine.revision(tx)
    if found is None:
        raise CannotSee("the database has no revision of a schema: database-schema says more")
    pending = target.pending(found)
    last = target.steps[-1].revision if target.steps else "none"
    if pending is None:
        return failure(f"the schema is at revision {found}, which {target.release} does not know: it knows {last} as "
                       "its last", f"{found}, {last}")  # fmt: skip
    if target.pending(migrate.HEAD) is None:
        return failure(f"{target.release} does not know revision {migrate.HEAD}, which this program needs", last)
    later = sum(step.phase == "contract" for step in target.steps)
    much = f"{len(pending)} migrations lead from {found} to {pending[-1]}" if pending else f"{found} needs no migration"
    return well(f"{target.release} knows the schema: {much}", f"{', '.join(pending)}; {later} contract later")


CHECK = Check(
    id="versions-schema",
    title="The target knows the database's schema",
    reads="the table alembic_version, and the target's migrations",
    severity=Level.FAILURE,
    remedy="This target is no successor of the program that made the database: take the release that is.",
    check=check,
    seconds=14,
    doctor=False,
)
