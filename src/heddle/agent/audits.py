"""Audits that were asked for: what differs on this host, role by role.

The same is done without being asked, and repaired, every `agent.audit_seconds`; one that is asked for may only look.
"""

from __future__ import annotations

from collections.abc import Iterable

from heddle.agent.mirror import Mirror
from heddle.agent.roles.base import Drift, Role
from heddle.view.types import AuditAnswer, Deviation

MOST = 200


class Audits:
    """Those that came and were not answered yet."""

    def __init__(self) -> None:
        self._answered: set[str] = set()

    def wanted(self, mirror: Mirror) -> set[str]:
        self._answered &= mirror.audits.keys()
        return mirror.audits.keys() - self._answered

    def answered(self, ids: Iterable[str]) -> None:
        self._answered.update(ids)


def answers(
    ids: Iterable[str], found: Iterable[tuple[Role, Drift]], problems: Iterable[tuple[Role, str]]
) -> list[AuditAnswer]:
    """One look at the host answers all who asked."""
    deviations = [
        Deviation(role=role.name, kind=each.kind, id=each.id, expected=each.expected, found=each.found)
        for role, each in found
    ]
    problem = "; ".join(f"{role.name}: {text}" for role, text in problems)
    return [
        AuditAnswer(id=id, deviations=deviations[:MOST], total=len(deviations), problem=problem) for id in sorted(ids)
    ]
