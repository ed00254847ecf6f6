"""Audits that were asked for: what differs on this host, role by role.

The same is done without being asked, and repaired, every `agent.audit_seconds`; one that is asked for may only look.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from heddle.agent.mirror import Mirror
from heddle.agent.reconcile import Backoff
from heddle.agent.roles.base import Drift, Role
from heddle.view.types import AuditAnswer, Deviation

log = logging.getLogger(__name__)

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


def look(
    roles: Iterable[Role], mirror: Mirror, repair: bool,
    failing: Backoff[str], failed: Callable[[Role, Exception], None],
) -> tuple[list[tuple[Role, Drift]], list[tuple[Role, str]]]:  # fmt: skip
    """What each role finds, and why some could not look; those that wait for another try are not asked."""
    found: list[tuple[Role, Drift]] = []
    problems: list[tuple[Role, str]] = []
    for role in roles:
        if failing.next_of(role.name) is not None:
            problems.append((role, "it cannot work at the moment, the agent's log says why"))
            continue
        try:
            found += [(role, drift) for drift in role.audit(mirror, repair)]
        except Exception as error:
            failed(role, error)
            problems.append((role, str(error)))
    for role, drift in found if repair else ():
        log.warning(
            "drift role=%s kind=%s id=%s expected=[%s] found=[%s] repaired",
            role.name, drift.kind, drift.id, drift.expected, drift.found,
        )  # fmt: skip
    return found, problems


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
