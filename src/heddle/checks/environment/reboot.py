"""No machine waits for a reboot: what was updated would become another kernel in the middle of an upgrade.

Seen is what Debian and its descendants leave in /run/reboot-required, and on all others that a newer kernel of the same
kind is installed than runs, or that the modules of the running one are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from heddle.checks import nodes
from heddle.checks.base import Check, Finding, Level, unknown, warning, well
from heddle.checks.context import Context
from heddle.checks.told import Node, Nodes
from heddle.checks.words import counted


def check(context: Context) -> list[Finding]:
    return nodes.judged(_each_once(nodes.everywhere(context)), judge, _praise)


def _each_once(found: Nodes) -> Nodes:
    """The server's own machine is left out where an agent tells the same of it; one in a container sees less."""
    told: dict[str, set[str]] = {}
    for node in found.hosts:
        if node.name and node.facts.boot:
            told.setdefault(node.facts.boot, set()).update(node.facts.reboot or ())
    return Nodes(tuple(node for node in found.hosts if node.name or not _known(node, told)), found.unseen)


def _known(node: Node, told: Mapping[str, set[str]]) -> bool:
    return node.facts.boot in told and told[node.facts.boot].issuperset(node.facts.reboot or ())


def judge(node: Node) -> Iterable[Finding]:
    if node.facts.reboot is None:
        return [unknown(f"whether {node.where} waits for a reboot is not told by its agent", node=node.name)]
    reasons = node.facts.reboot
    return [warning(f"{node.where} waits for a reboot: {each}", each, node=node.name) for each in reasons]


def _praise(seen: list[Node]) -> Finding:
    return well(f"none of {counted(len(seen), 'machine')} waits for a reboot", ", ".join(node.where for node in seen))


CHECK = Check(
    id="environment-reboot",
    title="No machine waits for a reboot",
    reads="/run/reboot-required, and the kernels in /lib/modules, on this machine and on each host",
    severity=Level.WARNING,
    remedy="Restart that machine before the upgrade; of a host, move what it carries before.",
    check=check,
)
