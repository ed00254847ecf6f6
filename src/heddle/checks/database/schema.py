"""The schema has the revision that this program expects."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, OnOpenStack, failure, warning, well
from heddle.checks.context import Context
from heddle.checks.openstack.context import OpenStack
from heddle.checks.openstack.schema import judge
from heddle.store import examine, migrate


def check(context: Context) -> Finding:
    with context.reading() as tx:
        found, fits = examine.revision(tx), examine.is_current(tx)
    if found is not None and fits:
        return _fitting(found)
    if found is None:
        return failure("the database has no revision of a schema: it is empty, or the note of it is lost",
                       remedy="An empty one: `heddle db migrate`. One with content whose alembic_version is lost: "
                       "restore the backup.")  # fmt: skip
    if found not in migrate.revisions():
        return failure(f"the schema is at revision {found}, which this program does not know: a newer one made it",
                       evidence=f"expected {migrate.HEAD}", remedy="Run the newer version, or restore the backup.")
    return failure(f"the schema is at revision {found}, and this program expects {migrate.HEAD}",
                   evidence=f"alembic_version {found}")  # fmt: skip


def _fitting(found: str) -> Finding:
    evidence = f"alembic_version {found}"
    if found > migrate.HEAD:
        return warning(f"a newer version has expanded the schema to revision {found}; this program knows "
                       f"{migrate.HEAD}, and works on it", evidence,
                       remedy="Finish the upgrade: exchange all servers, then the agents.")  # fmt: skip
    rest = "" if found == migrate.HEAD else f"; `heddle db migrate --contract` leads to {migrate.HEAD}"
    return well(f"the schema is at revision {found}{rest}", evidence=evidence)


def openstack(cloud: OpenStack) -> list[Finding]:
    return cloud.each(judge)


CHECK = Check(
    id="database-schema",
    title="The schema is the one of this program",
    reads="the table alembic_version",
    severity=Level.FAILURE,
    remedy="`heddle db backup FILE`, then `heddle db migrate`.",
    check=check,
    openstack=OnOpenStack(
        openstack, "alembic_version, migrate_version, and which tables and columns there are",
        "Find out who stamped or restored it. Where a migration was interrupted: `neutron-db-manage upgrade heads`, "
        "`nova-manage db sync`, `nova-manage api_db sync` of the release that runs, after a backup.",
    ),
)
