"""What a reconciliation comes upon and mends: it is drift too, and the next audit tells it.

Only what costs no look of its own is noticed here; whatever else was changed by hand the audit finds itself.
"""

from __future__ import annotations

from heddle.agent.policing import TABLE as LIMITS
from heddle.agent.roles.base import Drift
from heddle.agent.roles.plugs import Plugs
from heddle.host.layout import Change, Deviation, Layout

RULES = Deviation("table inet heddle", "changed by hand, or missing")


class SinceAudit:
    """What was mended since the last audit; `unplugged`: the ports whose device was there and not on the switch."""

    def __init__(self) -> None:
        self.drifts: list[Drift] = []
        self.unplugged: list[str] = []

    def told(self, found: list[Drift], plugs: Plugs, repair: bool) -> list[Drift]:
        """All that an audit tells which itself has `found` some; one that repairs plugs what is missing, and the next
        begins anew."""
        if not repair:
            return found + [_unplugged(id_) for id_ in plugs.missing()]
        lost = sorted({*plugs.commit(), *self.unplugged})
        before, self.drifts, self.unplugged = self.drifts, [], []
        return before + found + [_unplugged(id_) for id_ in lost]


def _unplugged(port_id: str) -> Drift:
    return Drift("port", port_id, "a port on br-int", "none")


def mended(kind: str, id_: str, name: str, current: bool, before: Layout, change: Change) -> list[Drift]:
    """Of an object in the namespace `name` that was last left like `before`, the namespace then being the same one
    (`current`) or not."""
    if not current:
        return [no_namespace(kind, id_, name)]
    lost = {each.name for each in before.interfaces} & set(change.made) - set(change.removed)
    return drifts(kind, id_, name, [Deviation(f"interface {each}", "missing") for each in sorted(lost)])


def drifts(kind: str, id_: str, name: str, found: list[Deviation]) -> list[Drift]:
    return [Drift(kind, id_, f"{name}: {each.expected}", each.found) for each in found]


def no_namespace(kind: str, id_: str, name: str) -> Drift:
    return Drift(kind, id_, f"namespace {name}", "none of that name, or another one")


def no_process(program: str, name: str) -> Deviation:
    return Deviation(f"{program} in {name}", "no process")


def limit_drifts(disturbed: bool) -> list[Drift]:
    """Of the table that limits what passes devices."""
    return [Drift("table", LIMITS, "as it was left", "limits changed by hand")] if disturbed else []
