"""Hosts have one version of QEMU: a guest that runs moves to a host with the same or a newer one, and not back.

Heddle starts no guests by itself; hosts without QEMU are left out. What libvirt they have is told beside it.
"""

from __future__ import annotations

from heddle.checks import matrix, nodes
from heddle.checks.base import Check, Finding, Level, not_applicable, unknown, warning, well
from heddle.checks.context import Context
from heddle.checks.told import Node
from heddle.checks.words import counted


def check(context: Context) -> list[Finding]:
    return nodes.together(nodes.hosts(context), judge)


def judge(seen: tuple[Node, ...]) -> list[Finding]:
    told = [(node, each) for node in seen for each in node.facts.programs if each.name == "qemu"]
    if not told:
        return [not_applicable("no host has QEMU")]
    lacks = [unknown(f"the version of QEMU on {node.where} is not known: {each.lack}", node=node.name)
             for node, each in told if not each.version]  # fmt: skip
    known = [(node, each.version) for node, each in told if each.version]
    shown = nodes.listed((_with_libvirt(node, version), node.where) for node, version in known)
    if len({matrix.numbers(version)[:2] for _, version in known}) > 1:
        return [warning(f"hosts have different versions of QEMU: {shown}", shown), *lacks]
    return lacks or [well(f"{counted(len(known), 'host has', 'hosts have')} one version of QEMU", shown)]


def _with_libvirt(node: Node, version: str) -> str:
    libvirt = next((each.version for each in node.facts.programs if each.name == "libvirt" and each.version), "")
    return f"{version} (libvirt {libvirt})" if libvirt else version


CHECK = Check(
    id="environment-qemu",
    title="Hosts have one version of QEMU",
    reads="`qemu-system-… --version` and `libvirtd --version` on each host that has them",
    severity=Level.WARNING,
    remedy="Upgrade QEMU on the hosts with the older one, and move guests only from older to newer until then.",
    check=check,
)
