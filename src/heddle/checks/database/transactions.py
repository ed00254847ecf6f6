"""No transaction has been open for long: a migration would wait for its locks, and everybody behind it."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, OnOpenStack, not_applicable, unknown, warning, well
from heddle.checks.context import Context
from heddle.checks.openstack.context import OpenStack
from heddle.store.engine import Tx
from heddle.store.examine.activity import long_transactions

SECONDS = 60
GRANT = (
    "Let the user of the connection see them: GRANT pg_read_all_stats TO … on PostgreSQL, GRANT PROCESS ON *.* TO … on "
    "MariaDB."
)


def check(context: Context) -> list[Finding]:
    with context.reading() as tx:
        return _judged(tx)


def openstack(cloud: OpenStack) -> list[Finding]:
    return cloud.each(lambda database, tx: _judged(tx))


def _judged(tx: Tx) -> list[Finding]:
    told = long_transactions(tx, SECONDS)
    if told is None:
        return [not_applicable("SQLite does not tell of transactions; writers take turns")]
    found, unseen = told
    said = [unknown(unseen, remedy=GRANT)] if unseen else []
    texts = [f"connection {each.process} of {each.user}: {each.seconds} s, {each.state}" for each in found]
    if texts:
        said.append(warning(f"open for long: {'; '.join(texts[:5])}", evidence="\n".join(texts)))
    return said or [well(f"no transaction is open for more than {SECONDS} s")]


CHECK = Check(
    id="database-transactions",
    title="No transaction is open for long",
    reads="pg_stat_activity of PostgreSQL, information_schema.innodb_trx of MariaDB, and whether "
    "this user is shown all of it",
    severity=Level.WARNING,
    remedy="Find out who it is and end it: pg_terminate_backend(PID) on PostgreSQL, KILL ID on MariaDB.",
    check=check,
    openstack=OnOpenStack(
        openstack, "pg_stat_activity of PostgreSQL, information_schema.innodb_trx of MariaDB and MySQL",
        "Find out who it is and end it: pg_terminate_backend(PID) on PostgreSQL, KILL ID on MariaDB.",
    ),
)
