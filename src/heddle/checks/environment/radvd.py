"""Hosts that carry routers have a radvd with which Heddle is tested; the table of docs/checks.md says which."""

from __future__ import annotations

from heddle.checks import nodes, programs
from heddle.checks.base import Check, Finding, Level
from heddle.checks.context import Context
from heddle.checks.told import Node


def check(context: Context) -> list[Finding]:
    return nodes.judged(nodes.hosts(context), programs.judge("radvd"), programs.praise("radvd"), concerned)


def concerned(node: Node) -> bool:
    return node.serves("router")


CHECK = Check(
    id="environment-radvd",
    title="radvd is there, and new enough",
    reads="`radvd --version` on each host with the role router",
    severity=Level.FAILURE,
    remedy="Install or upgrade the package radvd on that host.",
    check=check,
)
