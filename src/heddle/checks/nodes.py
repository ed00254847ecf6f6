"""How checks go through what the agents of all hosts tell, asked once for all checks.

A host that does not answer, and one whose agent is of before there were questions, is unknown to each check that wants
to know of it.  Where nobody can be asked, what was seen of the server's own machine stands, beside that it is so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from heddle import machine
from heddle.checks.base import CannotSee, Finding, not_applicable, unknown
from heddle.checks.context import Context
from heddle.checks.heard import NOBODY
from heddle.checks.told import Node, Nodes


def own(context: Context) -> Node:
    """The machine that this runs on, which has a server."""
    paths = context.settings.paths
    now = time.monotonic()
    return Node("", machine.here(context.settings, (paths.state, paths.log, paths.run)), now, time.monotonic())


Judge = Callable[[Node], Iterable[Finding]]


def hosts(context: Context) -> Nodes:
    """The hosts alone.  Raises `CannotSee` where nobody can be asked."""
    return context.facts.get()


def everywhere(context: Context) -> Nodes:
    """The server's own machine, and the hosts; where nobody can be asked that is what is unseen."""
    mine = own(context)
    try:
        found = context.facts.get()
    except CannotSee as reason:
        return Nodes((mine,), (unknown(f"of hosts nothing is seen: {reason}"),))
    return Nodes((mine, *found.hosts), found.unseen)


def judged(
    nodes: Nodes, judge: Judge, praise: Callable[[list[Node]], Finding], concerned: Callable[[Node], bool] | None = None
) -> list[Finding]:
    """What there is to say of those that are `concerned`; `praise` says that all who were seen are well."""
    if nodes.nobody:
        return [NOBODY]
    seen = [node for node in nodes.hosts if concerned is None or concerned(node)]
    bad = [finding for node in seen for finding in _one(node, judge)]
    if not bad and (seen or not nodes.unseen):
        bad = [praise(seen) if seen else not_applicable("no host needs it")]
    return [*bad, *nodes.unseen]


def together(nodes: Nodes, judge: Callable[[tuple[Node, ...]], list[Finding]]) -> list[Finding]:
    """What there is to say of those that answered, by all of them beside each other; nothing where none did."""
    if nodes.nobody:
        return [NOBODY]
    return [*(judge(nodes.hosts) if nodes.hosts else []), *nodes.unseen]


def _one(node: Node, judge: Judge) -> list[Finding]:
    """What is odd of one host takes what is known of no other."""
    try:
        return list(judge(node))
    except (ValueError, ArithmeticError, OSError) as error:
        return [unknown(f"what {node.where} tells cannot be judged: {type(error).__name__}: {error}", node=node.name)]


def listed(values: Iterable[tuple[str, str]]) -> str:
    """(value, whose) as "A on host1, host2; B on host3"."""
    whose: dict[str, list[str]] = {}
    for value, name in values:
        whose.setdefault(value, []).append(name)
    return "; ".join(f"{value} on {', '.join(names)}" for value, names in whose.items())
