"""Hosts that serve DHCP have a dnsmasq with which Heddle is tested; the table of docs/checks.md says which.

Some versions, 2.90 among them, crash when they read again lines of hosts that set a tag: Heddle writes no such lines.
"""

from __future__ import annotations

from heddle.checks import nodes, programs
from heddle.checks.base import Check, Finding, Level
from heddle.checks.context import Context
from heddle.checks.told import Node


def check(context: Context) -> list[Finding]:
    return nodes.judged(nodes.hosts(context), programs.judge("dnsmasq"), programs.praise("dnsmasq"), concerned)


def concerned(node: Node) -> bool:
    return node.serves("dhcp")


CHECK = Check(
    id="environment-dnsmasq",
    title="dnsmasq is there, and new enough",
    reads="`dnsmasq --version` on each host with the role dhcp",
    severity=Level.FAILURE,
    remedy="Install or upgrade the package dnsmasq-base on that host; what runs goes on as it is until it is "
    "started again.",
    check=check,
)
