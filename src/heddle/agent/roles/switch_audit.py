"""How what an audit of the switch found is told: flows by their owners, bridges, and devices without their guard."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from heddle.agent.owners import INT, Owner
from heddle.agent.roles.base import Drift
from heddle.host.guard import Guard
from heddle.host.openflow import Difference, cookie_of


def flow_drifts(differences: Iterable[Difference], owners: Iterable[Owner], bridge: str) -> list[Drift]:
    names = {cookie_of(owner.id or owner.kind): owner for owner in owners}
    found = []
    for each in differences:
        owner = names.get(each.cookie)
        kind, label = (owner.kind, owner.id) if owner else ("flow", "")
        found.append(Drift(kind, label or bridge, each.expected or "no such flow", each.found or "missing"))
    return found


def bridge_drifts(missing: Iterable[str]) -> list[Drift]:
    found = [Drift("bridge", name, "there", "missing") for name in missing]
    return found or [Drift("bridge", INT, "patch ports and settings of the bridges", "missing or changed")]


def unguarded(guard: Guard, repair: bool, begin: Callable[[], None]) -> list[str]:
    """The devices whose chain somebody took away; `begin` starts to guard them again.  Raises `CommandError`."""
    before = set(guard.guarded)
    guard.load()
    lost = sorted(before - guard.guarded)
    if repair:
        begin()
    else:
        guard.guarded |= before
    return lost


def guard_drift(name: str) -> Drift:
    return Drift("device", name, "guarded by a drop chain", "no chain")
