"""Numbers that the database gives out by itself are far from the largest of their column's type."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, OnOpenStack, not_applicable, well
from heddle.checks.context import Context
from heddle.checks.limits import Fill, judged
from heddle.checks.openstack.context import OpenStack
from heddle.store.engine import Tx
from heddle.store.examine.storage import numbers


def check(context: Context) -> list[Finding]:
    with context.reading() as tx:
        return _judged(tx)


def openstack(cloud: OpenStack) -> list[Finding]:
    return cloud.each(lambda database, tx: _judged(tx))


def _judged(tx: Tx) -> list[Finding]:
    fills = [Fill(each.name, each.last, each.largest) for each in numbers(tx)]
    if not fills:
        return [not_applicable("no table numbers its rows by itself")]
    fills.sort(key=lambda fill: fill.share, reverse=True)
    bad = [each for each in map(judged, fills) if each.level != Level.SUCCESS]
    return bad or [well(f"{len(fills)} counters have numbers left", f"the fullest: {fills[0]}")]


CHECK = Check(
    id="database-numbers",
    title="Automatic numbers do not run out",
    reads="AUTO_INCREMENT of tables, sequences",
    severity=Level.FAILURE,
    remedy="Give the column a larger type (BIGINT); on PostgreSQL also ALTER SEQUENCE … AS bigint.",
    check=check,
    openstack=OnOpenStack(
        openstack, "AUTO_INCREMENT of tables, sequences",
        "Ask the project that made the table: a larger type is a migration of its own, and shadow tables follow.",
    ),
)
