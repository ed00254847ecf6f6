"""What the switch tells of objects: observed, and never before the flows are in."""

from __future__ import annotations

from heddle.agent.mirror import Mirror
from heddle.agent.owners import INT, Owner, Plan
from heddle.agent.refused import SWITCH
from heddle.agent.wiring import Wiring, card_of
from heddle.host.ovs import Ovs
from heddle.view.types import Ref, Status


class Observed:
    """Remembers which objects were at fault, so that their end is told too."""

    def __init__(self, ovs: Ovs, wiring: Wiring) -> None:
        self._ovs = ovs
        self._wiring = wiring
        self._errors: dict[Ref, str] = {}

    def statuses(self, mirror: Mirror, plan: Plan, changed: frozenset[Ref] | None) -> list[Status]:
        """The ports of an applied plan, and the groups, networks and bridges that are or were at fault."""
        found = [self._port(mirror, port_id, plan) for port_id in sorted(plan.ports) if port_id in mirror.ports]
        planned = {ref for ref in self._errors if Owner(INT, ref.kind, ref.id) in plan.flows}
        looked_at = set(plan.problems) | planned | {ref for ref in self._errors if changed is None or ref in changed}
        for ref in looked_at:
            item = mirror.get(ref)
            if ref.kind == "port" or (item is None and ref.kind != SWITCH):
                continue
            message, revision = plan.problems.get(ref, ""), item.revision if item else 0
            found.append(Status(
                kind=ref.kind, id=ref.id, revision=revision, state="error" if message else "up", message=message
            ))
            self._errors.pop(ref, None)
        self._errors |= {ref: text for ref, text in plan.problems.items() if ref.kind != "port"}
        return found

    def _port(self, mirror: Mirror, port_id: str, plan: Plan) -> Status:
        view = mirror.ports[port_id]
        state, message = "down", ""
        card = card_of(view)
        interface = self._ovs.plugged(card)
        if Ref("port", port_id) in plan.problems:
            state, message = "error", plan.problems[Ref("port", port_id)]
        elif not view.admin_state_up:
            message = "the port is administratively down"
        elif interface is None:
            message = f"no interface on br-int bears the {'port' if card == port_id else 'parent port'}'s id"
        elif not interface.ofport:
            message = interface.error or "the interface has no OpenFlow port yet"
        elif Owner(INT, "port", port_id) in self._wiring.installed:
            state = "up"
        return Status(kind="port", id=port_id, revision=view.revision, state=state, message=message)
