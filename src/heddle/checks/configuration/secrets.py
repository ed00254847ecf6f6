"""Secrets that hosts must share are the same on all that use them.  None of them travels: fingerprints are compared.

Hosts that ask a metadata server of Nova sign what they ask with metadata.shared_secret; with another one than Nova has,
the guests of that host get no metadata.  What Nova has is not seen here, only whether the hosts agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from heddle.checks import nodes
from heddle.checks.base import Check, Finding, Level, failure, not_applicable, well
from heddle.checks.context import Context
from heddle.checks.told import Node

Sharing = Mapping[str, list[list[str]]]


def check(context: Context) -> list[Finding]:
    return nodes.together(nodes.hosts(context), _all)


def _all(seen: Iterable[Node]) -> list[Finding]:
    shared = sharing(seen)
    return judge(shared) or [_praise(shared)]


def sharing(seen: Iterable[Node]) -> Sharing:
    """By setting, the hosts that have the same secret together, the most first."""
    found: dict[str, dict[str, list[str]]] = {}
    for node in seen:
        for each in node.facts.fingerprints:
            found.setdefault(each.setting, {}).setdefault(each.value, []).append(node.name)
    return {
        setting: sorted(groups.values(), key=lambda names: (-len(names), names)) for setting, groups in found.items()
    }  # fmt: skip


def judge(shared: Sharing) -> list[Finding]:
    return [_different(setting, groups) for setting, groups in shared.items() if len(groups) > 1]


def _different(setting: str, groups: list[list[str]]) -> Finding:
    most, *others = (", ".join(names) for names in groups)
    odd = groups[1][0] if len(groups) == 2 and len(groups[0]) > len(groups[1]) == 1 else ""
    return failure(f"{setting} is one on {most}, and another on {'; another on '.join(others)}",
                   f"{len(groups)} different", node=odd)  # fmt: skip


def _praise(shared: Sharing) -> Finding:
    if not shared:
        return not_applicable("no host uses a secret that others must have too: none asks a metadata server of Nova")
    told = [f"{setting} on {', '.join(groups[0])}" for setting, groups in shared.items()]
    return well("secrets are the same on all hosts that share them", "; ".join(told))


CHECK = Check(
    id="configuration-secrets",
    title="Shared secrets are the same on all hosts",
    reads="fingerprints of metadata.shared_secret, of each host that asks a metadata server of Nova",
    severity=Level.FAILURE,
    remedy="Write what Nova has as neutron.metadata_proxy_shared_secret on each host, and restart its agent.",
    check=check,
)
