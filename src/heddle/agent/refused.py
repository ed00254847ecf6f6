"""Flows that a bridge refused: whose they are, where that is told, and when they are planned again.  Pure.

It is told on the object that the flows are for, and the agent's loop gives that object back, later and later.  One
that is gone has no place to tell it, and neither have those that users do not know: for them it is told on the switch
itself, `on_switch`.  Whoever is given back has its owners planned anew, be it that the flows shall go or that they
shall come; what has gone from the plans meanwhile and is still on the bridge, shall go.

A flow that an owner could not give up may have been taken over by another since.  Then it is that one's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heddle.agent.installed import Installed
from heddle.agent.mirror import Mirror
from heddle.agent.owners import INT, Owner, Plan
from heddle.view.types import Ref

SWITCH = "switch"
SHOWN = 3
_OBJECTS = {"port": "port", "network": "network", "local_ips": "network", "routed": "router"}


@dataclass(frozen=True)
class _Refusal:
    """`told` are the objects that say it; `removal`: the owner shall have no flows any more."""

    told: frozenset[Ref]
    reason: str
    removal: bool


class Refused:
    def __init__(self, installed: Installed) -> None:
        self._installed = installed
        self._known: dict[Owner, _Refusal] = {}

    def note(self, owner: Owner, plan: Plan, mirror: Mirror, reason: str) -> None:
        """What was planned of an owner was refused; the plan's problems tell it."""
        told = {ref for ref in _users_objects(owner) if mirror.get(ref) is not None}
        on_switch = Ref(SWITCH, owner.bridge)
        self._known[owner] = _Refusal(frozenset(told or {on_switch}), reason, plan.flows.get(owner) == {})
        for other in plan.owners(owner.bridge):
            if other not in self._known:
                self._hand_over(owner, other)
        plan.problems |= dict.fromkeys(told, reason)
        if not told:
            plan.problems[on_switch] = self._told_on(on_switch)

    def settled(self, owner: Owner) -> None:
        """What was planned of an owner is in."""
        self._known.pop(owner, None)
        for other in self._known:
            self._hand_over(other, owner)

    def ports(self) -> set[str]:
        """The ports of which a bridge has other flows than were planned."""
        return {owner.id for owner in self._known if owner.kind == "port"}

    def _hand_over(self, owner: Owner, taker: Owner) -> None:
        held, taken = self._installed.get(owner), self._installed.get(taker, {})
        if held and owner.bridge == taker.bridge and not held.keys().isdisjoint(taken):
            self._installed[owner] = {key: body for key, body in held.items() if key not in taken}

    def _told_on(self, ref: Ref) -> str:
        found = [f"{owner.kind} {owner.id}".strip() + f": {refusal.reason}"
                 for owner, refusal in self._known.items() if ref in refusal.told]  # fmt: skip
        more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return "flows of " + "; ".join(found[:SHOWN] + more)

    def due(self, changed: Iterable[Ref] | None) -> set[Owner]:
        """The owners that a change gives back."""
        if changed is None or not self._known:
            return set(self._known)
        given = set(changed)
        return {owner for owner, refusal in self._known.items() if refusal.told & given}

    def plan(self, due: Iterable[Owner], plan: Plan) -> None:
        """All that is due is planned, but for owners that have nothing to be planned of any more."""
        for owner in due:
            if owner in plan.flows or owner in plan.changes:
                continue
            if self._known[owner].removal and owner in self._installed:
                plan.flows[owner] = {}
            else:
                del self._known[owner]


def objects_of(owners: Iterable[Owner]) -> set[Ref]:
    """The objects from which the flows of owners are worked out, as far as they are not profiles."""
    return {
        Ref(_OBJECTS[owner.kind], owner.id.partition("/")[0]) for owner in owners if owner.kind in _OBJECTS and owner.id
    }


def tell_on_switch(plan: Plan, problem: str, bridge: str = INT) -> None:
    """Something of the switch itself is not as it should be, and is tried again."""
    ref = Ref(SWITCH, bridge)
    plan.problems[ref] = "; ".join(each for each in (plan.problems.get(ref), problem) if each)


def _users_objects(owner: Owner) -> list[Ref]:
    """The objects behind an owner on which users and operators look for what is wrong."""
    if owner.kind == "profile":
        return [Ref("group", group) for group in owner.id.split("+")]
    return [] if owner.kind == "routed" else list(objects_of([owner]))
