"""The file systems of state and logs have room, in bytes and in inodes."""

from __future__ import annotations

import os
from pathlib import Path

from heddle.checks.base import Check, Finding, Level, well
from heddle.checks.context import Context
from heddle.checks.limits import Fill, disk_fill, judged


def check(context: Context) -> list[Finding]:
    paths = context.settings.paths
    fills: dict[int, Fill] = {}
    for name in (paths.state, paths.log, paths.run):
        folder = _existing(Path(name))
        stat = os.statvfs(folder)
        device = folder.stat().st_dev
        fills.setdefault(device, disk_fill(str(folder), stat))
        if stat.f_files:
            fills.setdefault(-device, Fill(f"inodes of {folder}", stat.f_files - stat.f_ffree, stat.f_files))
    found = [*map(judged, fills.values())]
    bad = [each for each in found if each.level != Level.SUCCESS]
    return bad or [well("there is room where state and logs are", "; ".join(each.details for each in found))]


def _existing(path: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return path if path.exists() else _existing(path.parent)


CHECK = Check(
    id="environment-disk",
    title="There is room on disk",
    reads="bytes and inodes of the file systems of paths.state, paths.log and paths.run",
    severity=Level.FAILURE,
    remedy="Free space, or enlarge the file system; `heddle db backup` needs as much room again as the database has.",
    check=check,
    openstack="the files name no machine: look at the disks of each host there",
)
