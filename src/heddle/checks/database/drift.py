"""Tables, columns and indexes are there as the program declares them: the noted revision alone does not say so."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, failure, warning, well
from heddle.checks.context import Context
from heddle.store.examine.schema import differences

SHOWN = 5


def check(context: Context) -> Finding:
    with context.cloud() as tx:
        found = differences(tx)
    if not found:
        return well("every table is as declared")
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    text = "; ".join(found[:SHOWN]) + more
    extra = all(each.endswith("is not declared") for each in found)
    say = warning if extra else failure
    return say(f"the database is not as declared: {text}", evidence="\n".join(found))


CHECK = Check(
    id="database-drift",
    title="The tables are as they are declared",
    reads="tables, columns, types, indexes and keys of the database",
    severity=Level.FAILURE,
    remedy="Somebody changed the schema by hand: undo it, or restore the backup. An index or a table that was added "
    "does no harm now, but a migration may meet its name; a unique one, or a column that wants a value, "
    "refuses writes.",
    check=check,
    openstack="which tables a release of OpenStack declares is known to its own program",
    seconds=14,
)
