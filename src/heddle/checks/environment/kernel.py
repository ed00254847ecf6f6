"""Hosts run a kernel that has what Heddle asks of it; the table of docs/checks.md says which.

A kernel is what runs, which after an update is not the one that is installed: `environment-reboot` tells of that. Those
of RHEL 9 and its rebuilds keep their number and get much of later ones: of them an old number is only warned of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from heddle.checks import matrix, nodes
from heddle.checks.base import Check, Finding, Level, warning, well
from heddle.checks.context import Context
from heddle.checks.told import Node
from heddle.checks.words import counted

_KEEPS_ITS_NUMBER = re.compile(r"\.el9[._]")
TRY = "Set a limit on what a port of that host receives (docs/qos.md): where nft refuses it, install a newer kernel."


def check(context: Context) -> list[Finding]:
    return nodes.judged(nodes.hosts(context), judge, _praise)


def judge(node: Node) -> Iterable[Finding]:
    found = matrix.judged("kernel", node.facts.kernel, node.where, node.name)
    if found and found.level == Level.FAILURE and _KEEPS_ITS_NUMBER.search(node.facts.kernel):
        text = f"{found.details}, unless its distribution has added it"
        return [warning(text, found.evidence, node=node.name, remedy=TRY)]
    return [found] if found else []


def _praise(seen: list[Node]) -> Finding:
    kernels = nodes.listed((node.facts.kernel, node.where) for node in seen)
    return well(f"{counted(len(seen), 'host runs', 'hosts run')} a kernel that is new enough", kernels)


CHECK = Check(
    id="environment-kernel",
    title="Kernels of hosts are new enough",
    reads="the kernel that runs on each host, as its agent tells",
    severity=Level.FAILURE,
    remedy="Install a newer kernel and restart the host: move what it carries before.",
    check=check,
)
