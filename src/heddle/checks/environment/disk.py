"""The file systems of state and logs have room, in bytes and in inodes, on the server's machine and on hosts."""

from __future__ import annotations

from collections.abc import Iterable

from heddle.checks import nodes
from heddle.checks.base import Check, Finding, Level, unknown, well
from heddle.checks.context import Context
from heddle.checks.limits import Fill, judged
from heddle.checks.told import Node
from heddle.view.facts import Disk


def check(context: Context) -> list[Finding]:
    found = nodes.everywhere(context)
    once = set(each_once(found.hosts))
    return nodes.judged(found, lambda node: judge(node, once), lambda seen: _praise(seen, once))


def each_once(seen: Iterable[Node]) -> Iterable[tuple[str, Disk]]:
    """Each file system with whose it is: where several nodes are one machine, it is the first one's."""
    found: dict[tuple[str, int | str], tuple[str, Disk]] = {}
    for node in seen:
        for disk in node.facts.disks:
            key = (node.name, disk.folder) if disk.lack else (node.facts.boot or node.name, disk.device)
            found.setdefault(key, (node.name, disk))
    return found.values()


def judge(node: Node, once: set[tuple[str, Disk]]) -> list[Finding]:
    if not node.facts.disks:
        return [unknown(f"{node.where} does not tell of its file systems", node=node.name)]
    mine = [disk for disk in node.facts.disks if (node.name, disk) in once]
    bad = [each for disk in mine if not disk.lack for each in _fills(node, disk) if each.level != Level.SUCCESS]
    return [*bad, *(unknown(f"{node.where}: {disk.lack}", node=node.name) for disk in mine if disk.lack)]


def _fills(node: Node, disk: Disk) -> list[Finding]:
    at = f"{node.name}: " if node.name else ""
    fills = [Fill(f"{at}file system of {disk.folder}", disk.used, disk.size)]
    fills += [Fill(f"{at}inodes of {disk.folder}", disk.inodes_used, disk.inodes)] if disk.inodes else []
    return [judged(fill, node.name) for fill in fills]


def _praise(seen: list[Node], once: set[tuple[str, Disk]]) -> Finding:
    told = [each.details for node in seen for disk in node.facts.disks if (node.name, disk) in once
            for each in _fills(node, disk)]  # fmt: skip
    return well("there is room where state and logs are", "; ".join(told))


CHECK = Check(
    id="environment-disk",
    title="There is room on disk",
    reads="bytes and inodes of the file systems of paths.state (of hosts: paths.host), paths.log and paths.run",
    severity=Level.FAILURE,
    remedy="Free space, or enlarge the file system; `heddle db backup` needs as much room again as the database has.",
    check=check,
    openstack="the files name no machine: look at the disks of each host there",
)
