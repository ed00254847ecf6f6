"""What an audit of the switch finds, and how it is told: flows by their owners, bridges, devices without guard."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from heddle.agent.installed import Installed
from heddle.agent.owners import INT, Owner
from heddle.agent.roles.base import Drift
from heddle.host.flow_watch import Watch
from heddle.host.guard import Guard
from heddle.host.openflow import Difference, Flows, cookie_of, repairs

FRAGMENTS = "the ports of first fragments matched (nx-match)"


def audit_flows(flows: Flows, watch: Watch, installed: Installed, repair: bool) -> list[Drift]:
    """What differs on a bridge from what was installed there.  Raises `CommandError`."""
    found = []
    flows.cool_down()
    if watch.matches_first_fragments() is False:
        found.append(Drift("bridge", flows.bridge, FRAGMENTS, "fragments taken otherwise"))
        if repair:
            flows.match_first_fragments()
    differences = flows.differences(installed.of_bridge(flows.bridge))
    if differences and repair:
        flows.apply(repairs(differences))
    return found + _flow_drifts(differences, installed, flows.bridge)


def _flow_drifts(differences: Iterable[Difference], owners: Iterable[Owner], bridge: str) -> list[Drift]:
    if not differences:
        return []
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
