"""Tables are far from the end that their engine sets, and the file system below them has room.

InnoDB ends at 2^32 pages of a tablespace (64 TB with pages of 16 KB), PostgreSQL at 2^32 pages of a table (32 TB with
8 KB), SQLite at its page size times its largest number of pages, MyISAM where its pointers end, ISAM at 4 GB.
"""

from __future__ import annotations

import os

from heddle.checks.base import Check, Finding, Level, OnOpenStack, well
from heddle.checks.context import Context
from heddle.checks.limits import disk_fill, judged, table_fills
from heddle.checks.openstack.context import OpenStack
from heddle.store.examine.storage import Storage, storage


def check(context: Context) -> list[Finding]:
    with context.reading() as tx:
        found = storage(tx)
    return _judged(found)


def openstack(cloud: OpenStack) -> list[Finding]:
    return cloud.each(lambda database, tx: _judged(storage(tx)))


def _judged(found: Storage) -> list[Finding]:
    fills = sorted(table_fills(found), key=lambda fill: fill.share, reverse=True)
    if found.folder:
        fills.append(disk_fill(found.folder, os.statvfs(found.folder)))
    bad = [each for each in map(judged, fills) if each.level != Level.SUCCESS]
    seen = "" if found.folder else "; the file system of the database's server is not seen from here"
    fullest = f"the fullest: {fills[0]}" if fills else "no tables"
    many = f"{len(found.tables)} tables are within their limits"
    what = "the file of all tables is within its limit" if found.kind == "sqlite" else many
    return bad or [well(f"{what}{seen}", fullest)]


CHECK = Check(
    id="database-sizes",
    title="Tables are far from their limits",
    reads="sizes of all tables, page sizes, and the file system of the database's files where it is on this machine",
    severity=Level.FAILURE,
    remedy="Enlarge the file system, or make the table smaller: rows that are gone leave room only after OPTIMIZE "
    "TABLE (MariaDB) or VACUUM FULL (PostgreSQL).",
    check=check,
    openstack=OnOpenStack(
        openstack, "sizes of all tables, page sizes, and the file system of the database's files where it is here",
        "Enlarge the file system, or remove old rows: `nova-manage db archive_deleted_rows`, `nova-manage db purge`; "
        "room is free only after OPTIMIZE TABLE (MariaDB) or VACUUM FULL (PostgreSQL).",
    ),
)
