"""How checks judge the programs of hosts.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from heddle.checks import matrix, nodes
from heddle.checks.base import Finding, failure, well
from heddle.checks.told import Node
from heddle.checks.words import counted


def judge(key: str) -> Callable[[Node], Iterable[Finding]]:
    """By whether it is installed, and which version."""

    def one(node: Node) -> Iterable[Finding]:
        told = node.program(key)
        if told.missing:
            return [failure(f"{node.where} has no {matrix.NEEDS[key].name}: {told.lack}", node=node.name)]
        found = matrix.judged(key, told.version, node.where, node.name, told.lack)
        return [found] if found else []

    return one


def praise(key: str) -> Callable[[list[Node]], Finding]:
    def all_are_well(seen: list[Node]) -> Finding:
        told = nodes.listed((node.program(key).version, node.where) for node in seen)
        return well(f"{counted(len(seen), 'host has', 'hosts have')} {matrix.NEEDS[key].name} that is new enough", told)

    return all_are_well
