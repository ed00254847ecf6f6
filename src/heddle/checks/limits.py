"""How full something is that has an end, and from when on that is told.  Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass

from heddle.checks.base import Finding, Level
from heddle.machine import room
from heddle.store.examine.storage import Storage, Table

WARN, FAIL = 0.70, 0.90
ISAM_BYTES = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Fill:
    """`used` of `limit`, in bytes, numbers or whatever `name` says."""

    name: str
    used: int
    limit: int

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit > 0 else 1.0

    def __str__(self) -> str:
        return f"{self.name} {100 * self.share:.0f} % full ({human(self.used)} of {human(self.limit)})"


def grade(fill: Fill, warn: float = WARN, fail: float = FAIL) -> Level:
    if fill.share >= fail:
        return Level.FAILURE
    return Level.WARNING if fill.share >= warn else Level.SUCCESS


def judged(fill: Fill, node: str = "") -> Finding:
    """As `grade` has it."""
    return Finding(grade(fill), str(fill), str(fill), node)


def human(number: int) -> str:
    """A large number with a binary prefix, as 3.2 G."""
    size = float(number)
    for unit in ("", "K", "M", "G", "T", "P"):
        if size < 1024:
            return f"{size:.0f}" if not unit else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} E"


def disk_fill(folder: str, stat: os.statvfs_result) -> Fill:
    """How full the file system of a folder is for those who are not root."""
    return Fill(f"file system of {folder}", *room(stat))


def table_fills(storage: Storage) -> list[Fill]:
    """How full each table is, or all together where they share a file."""
    limit = storage.page * storage.pages
    own = [table for table in storage.tables if table.engine.lower() in ("myisam", "aria", "isam")]
    fills = [Fill(f"table {table.name}", table.size, _own_limit(table)) for table in own]
    others = [table for table in storage.tables if table not in own]
    if storage.apart:
        return fills + [Fill(f"table {table.name}", table.size, limit) for table in others]
    return [*fills, Fill("the tables together", sum(table.size for table in others), limit)]


def _own_limit(table: Table) -> int:
    return ISAM_BYTES if table.engine.lower() == "isam" else table.longest or ISAM_BYTES
