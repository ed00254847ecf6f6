"""The flows of a plan on the bridges: in one bundle for each, and owner by owner where that is refused.

So the owner that is wrong is found, and the others are wired.  What one owner gives up another may take, in a bundle by
itself, and owner by owner because nothing is deleted that another has taken by then.  What was refused is told and
planned again (`refused.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from heddle.agent.mirror import Mirror
from heddle.agent.owners import Owner, Plan
from heddle.agent.wiring import Wiring
from heddle.errors import HeddleError
from heddle.host.flow_watch import Watch
from heddle.host.openflow import Difference, FlowKey, Flows, FlowSet, changes, repairs, stated
from heddle.host.run import CommandError

log = logging.getLogger(__name__)


class SwitchFlows:
    """`flows` and `watches` are by bridge."""

    def __init__(self, wiring: Wiring, flows: Mapping[str, Flows], watches: Mapping[str, Watch]) -> None:
        self._wiring, self._flows, self._watches = wiring, flows, watches

    def apply(self, plan: Plan, mirror: Mirror) -> None:
        """Have on the bridges what a plan changes.  Raises `HeddleError` when one cannot be reached."""
        for bridge, flows in self._flows.items():
            owners = plan.owners(bridge)
            lines = self._lines(owners, plan)
            try:
                flows.apply(lines)
            except CommandError as error:
                log.warning("bridge=%s a bundle was refused, the flows are taken one by one: %s", bridge, error)
                self._one_by_one(bridge, plan, mirror)
                continue
            for owner in owners:
                self._wiring.settle(owner, plan)
            if lines:
                flows.warm_up()

    def adopt(self, plan: Plan, mirror: Mirror) -> int:
        """Compare the bridges with a plan of everything, and change what differs; tells how much that is."""
        differing = 0
        for bridge, flows in self._flows.items():
            wanted = {key: body for owner in plan.owners(bridge) for key, body in plan.flows[owner].items()}
            found: list[Difference] = []
            try:
                flows.match_first_fragments()
                found = flows.differences(wanted)
                flows.apply(repairs(found))
            except CommandError as error:
                log.warning("bridge=%s the flows are taken one by one: %s", bridge, error)
                differing += 1
                self._plan_strays(bridge, found, plan)
                self._one_by_one(bridge, plan, mirror)
                continue
            differing += len(found)
            for owner in plan.owners(bridge):
                self._wiring.settle(owner, plan)
        return differing

    def _lines(self, owners: Iterable[Owner], plan: Plan) -> list[str]:
        old: FlowSet = {}
        new: FlowSet = {}
        for owner in owners:
            was, becomes = self._wiring.installed.difference(owner, plan)
            old |= was
            new |= becomes
        return changes(old, new)

    def _plan_strays(self, bridge: str, found: Iterable[Difference], plan: Plan) -> None:
        """Flows that nobody wants have an owner for each cookie, which shall have none."""
        for each in found:
            if not each.expected:
                owner = Owner(bridge, "cookie", f"{each.cookie:#x}")
                key, actions = stated(each.found)
                self._wiring.installed.setdefault(owner, {})[key] = actions
                plan.flows[owner] = {}

    def _one_by_one(self, bridge: str, plan: Plan, mirror: Mirror) -> None:
        if not self._watches[bridge].connected:
            raise HeddleError(f"{bridge} cannot be reached")
        taken: set[FlowKey] = set()
        for owner in plan.owners(bridge):
            was, becomes = self._wiring.installed.difference(owner, plan)
            try:
                self._flows[bridge].apply(changes({key: was[key] for key in was if key not in taken}, becomes))
            except CommandError as error:
                self._wiring.refused.note(owner, plan, mirror, str(error))
            else:
                self._wiring.settle(owner, plan)
                taken |= becomes.keys()
