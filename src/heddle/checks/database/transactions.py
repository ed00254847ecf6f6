"""No transaction has been open for long: a migration would wait for its locks, and everybody behind it."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, not_applicable, warning, well
from heddle.checks.context import Context
from heddle.store.examine.activity import long_transactions

SECONDS = 60


def check(context: Context) -> Finding:
    with context.reading() as tx:
        found = long_transactions(tx, SECONDS)
    if found is None:
        return not_applicable("SQLite does not tell of transactions; writers take turns")
    if not found:
        return well(f"no transaction is open for more than {SECONDS} s")
    texts = [f"connection {each.process} of {each.user}: {each.seconds} s, {each.state}" for each in found]
    return warning(f"open for long: {'; '.join(texts[:5])}", evidence="\n".join(texts))


CHECK = Check(
    id="database-transactions",
    title="No transaction is open for long",
    reads="pg_stat_activity of PostgreSQL, information_schema.innodb_trx of MariaDB",
    severity=Level.WARNING,
    remedy="Find out who it is and end it: pg_terminate_backend(PID) on PostgreSQL, KILL ID on MariaDB.",
    check=check,
)
