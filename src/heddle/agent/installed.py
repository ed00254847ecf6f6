"""The flows that are in, by owner, and what a plan makes of them."""

from __future__ import annotations

from heddle.agent.owners import Owner, Plan
from heddle.host.openflow import FlowSet


class Installed(dict[Owner, FlowSet]):
    def of_bridge(self, bridge: str) -> FlowSet:
        """All flows of a bridge."""
        return {key: body for owner, flows in self.items() if owner.bridge == bridge for key, body in flows.items()}

    def difference(self, owner: Owner, plan: Plan) -> tuple[FlowSet, FlowSet]:
        """What a plan makes of the flows of an owner: those that are not to stay as they are, before and after."""
        installed = self.get(owner, {})
        if owner in plan.flows:
            new = plan.flows[owner]
            return ({}, {}) if installed == new else (installed, new)
        changed = plan.changes[owner]
        old = {key: installed[key] for key in changed if key in installed}
        return old, {key: body for key, body in changed.items() if body is not None}

    def settle(self, owner: Owner, plan: Plan) -> None:
        """What was planned of an owner is in."""
        if owner in plan.flows:
            flows = plan.flows[owner]
        else:
            flows = self.get(owner, {})
            for key, body in plan.changes[owner].items():
                if body is None:
                    flows.pop(key, None)
                else:
                    flows[key] = body
        if flows:
            self[owner] = flows
        else:
            self.pop(owner, None)
