"""No check that was killed has left a copy of the database, or a target that was unpacked.

Copies have all that the cloud has.  A check removes its own also where it is told to end; where it is killed (SIGKILL,
or the machine stops) nobody does.  One that a check still works on is not told: on a server it is held by a lock, and
folders count when they are older than any check becomes.
"""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

from heddle.checks.base import Check, Finding, Level, warning, well
from heddle.checks.context import Context
from heddle.checks.target.coming import PREFIX as TARGET
from heddle.store.examine import file_of
from heddle.store.examine.left import PREFIX, left_behind

OLD = 120.0  # seconds
_FOLDER = re.compile(rf"({PREFIX}|{TARGET})[a-z0-9_]{{8}}")


def check(context: Context) -> list[Finding]:
    databases: list[str] = []
    if not file_of(context.settings.database_url):
        with context.reading() as tx:
            databases = left_behind(tx)
    folder = Path(tempfile.gettempdir())
    folders = sorted(str(each) for each in folder.iterdir() if _is_left(each))
    found = _told("databases", databases, "DROP DATABASE {};") + _told("folders", folders, "rm -r {};")
    return found or [well("no check has left a copy", f"looked at: the database's server, {folder}")]


def _is_left(folder: Path) -> bool:
    if not _FOLDER.fullmatch(folder.name):
        return False
    try:
        return time.time() - folder.lstat().st_ctime > OLD
    except FileNotFoundError:
        return False


def _told(what: str, names: list[str], way: str) -> list[Finding]:
    if not names:
        return []
    remedy = f"Remove them: {' '.join(way.format(name) for name in names)}"
    return [warning(f"checks that were killed have left {what}: {', '.join(names)}", remedy=remedy)]


CHECK = Check(
    id="database-copies",
    title="No check has left a copy of the database",
    reads="the names of databases on the server and their locks, and the names of folders below TMPDIR",
    severity=Level.WARNING,
    remedy="Remove it: the database by DROP DATABASE, the folder by rm -r.",
    check=check,
    openstack="no copy is made of OpenStack's databases",
)
