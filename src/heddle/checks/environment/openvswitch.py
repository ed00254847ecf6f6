"""Open vSwitch of hosts is new enough (the table of docs/checks.md says how new), and the one that is installed runs.

The switch goes on as what it was when its package is updated: flows are then written by programs of another version.
"""

from __future__ import annotations

from collections.abc import Iterable

from heddle.checks import matrix, nodes, programs
from heddle.checks.base import Check, Finding, Level, unknown, warning
from heddle.checks.context import Context
from heddle.checks.told import Node

KEY = "openvswitch"


def check(context: Context) -> list[Finding]:
    return nodes.judged(nodes.hosts(context), judge, programs.praise(KEY), concerned)


def concerned(node: Node) -> bool:
    return node.facts.settings is None or node.facts.settings.data_plane == KEY


def judge(node: Node) -> Iterable[Finding]:
    installed = list(programs.judge(KEY)(node))
    return installed or _running(node)


def _running(node: Node) -> Iterable[Finding]:
    told = node.program(KEY)
    if not told.running:
        return [unknown(f"which Open vSwitch runs on {node.where} is not known: {told.running_lack}", node=node.name)]
    if found := matrix.judged(KEY, told.running, node.where, node.name):
        return [found]
    if matrix.numbers(told.running) != matrix.numbers(told.version):
        text = f"on {node.where} Open vSwitch {told.running} runs, and {told.version} is installed"
        return [warning(text, f"{told.running}, {told.version}", node=node.name, remedy=RESTART)]
    return []


RESTART = "Restart Open vSwitch on that host (traffic stops for some seconds), best when it carries little."
CHECK = Check(
    id="environment-openvswitch",
    title="Open vSwitch is new enough, and the one that is installed",
    reads="`ovs-vsctl --version`, and the version of the ovs-vswitchd that runs, on each host with that data plane",
    severity=Level.FAILURE,
    remedy="Upgrade the package openvswitch-switch on that host.",
    check=check,
)
