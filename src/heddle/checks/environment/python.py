"""Servers and agents run with a Python that Heddle is written for; the table of docs/checks.md says which."""

from __future__ import annotations

from collections.abc import Iterable

from heddle.checks import matrix, nodes
from heddle.checks.base import Check, Finding, Level, well
from heddle.checks.context import Context
from heddle.checks.told import Node
from heddle.checks.words import counted


def check(context: Context) -> list[Finding]:
    return nodes.judged(nodes.everywhere(context), judge, _praise)


def judge(node: Node) -> Iterable[Finding]:
    found = matrix.judged("python", node.facts.python, node.where, node.name)
    return [found] if found else []


def _praise(seen: list[Node]) -> Finding:
    told = nodes.listed((node.facts.python, node.where) for node in seen)
    return well(f"Python is new enough on {counted(len(seen), 'machine')}", told)


CHECK = Check(
    id="environment-python",
    title="Python is new enough",
    reads="the Python that runs this program, and that of each host's agent",
    severity=Level.FAILURE,
    remedy="Install a newer Python there, and make the virtual environment of Heddle anew with it.",
    check=check,
)
