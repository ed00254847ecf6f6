"""How often and how long each role of the agent has worked on changes since the start, for its agent's record."""

from __future__ import annotations

from collections import defaultdict

import msgspec

from heddle.view.types import RoleState


class Timing:
    def __init__(self) -> None:
        self._times: defaultdict[str, int] = defaultdict(int)
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def note(self, role: str, seconds: float) -> None:
        self._times[role] += 1
        self._seconds[role] += seconds

    def told(self, role: str, state: RoleState) -> RoleState:
        """What a role shows, and how it worked."""
        told = {"reconciles": self._times[role], "reconcile_seconds": round(self._seconds[role], 3)}
        return msgspec.structs.replace(state, configuration={**state.configuration, **told})
