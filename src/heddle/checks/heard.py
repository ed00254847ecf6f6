"""Which hosts' word is of now: what one said before it fell silent tells nothing of today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from heddle.checks.base import CannotSee, Finding, not_applicable
from heddle.model.agent import Agent
from heddle.store import clock
from heddle.store.engine import Tx
from heddle.store.query import hosts

if TYPE_CHECKING:
    from heddle.checks.context import Context

NOBODY: Finding = not_applicable("no agent has ever reported")


@dataclass(frozen=True, slots=True)
class Heard:
    """`agents` that have reported of late, the `silent` ones, and the names of the `hosts` of the first."""

    agents: list[Agent]
    silent: list[Agent]

    @property
    def hosts(self) -> set[str]:
        return {agent.host for agent in self.agents}

    @property
    def beside(self) -> str:
        """What has to be said beside something that is well: which hosts are left out."""
        names = sorted({agent.host for agent in self.silent} - self.hosts)
        return f"; not of now, for they are silent: {', '.join(names)}" if names else ""


def since(context: Context, tx: Tx) -> int:
    """Whoever was last heard before that moment of the database's clock is silent."""
    return clock.now(tx) - context.settings.server.agent_down_seconds


def heard(context: Context, tx: Tx) -> Heard | None:
    """None where no agent has ever reported.  Raises `CannotSee` where all are silent."""
    agents = hosts.AGENTS.find(tx)
    if not agents:
        return None
    before = since(context, tx)
    found = Heard([each for each in agents if each.alive and each.heartbeat >= before],
                  [each for each in agents if not each.alive or each.heartbeat < before])  # fmt: skip
    if not found.agents:
        raise CannotSee("no host reports: network-agents says since when")
    return found
