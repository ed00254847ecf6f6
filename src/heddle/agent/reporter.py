"""What the agent tells the server: the heartbeat, and a status per object when it changed.

Statuses wait here until a report with them was answered; one that the server has already is not sent
again, unless the connection was lost meanwhile (`repeat`).  That everything up to a revision is applied is told when
the roles are through with the news.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable

from heddle import __version__
from heddle.agent import guarantees
from heddle.agent.mirror import Mirror
from heddle.agent.roles.base import Role
from heddle.agent.timing import Timing
from heddle.bus.base import AgentBus, BusError
from heddle.config import Settings
from heddle.view.types import AuditAnswer, Ref, ReportRequest, Status

log = logging.getLogger(__name__)


class Reporter:
    """`due` is when the next heartbeat is, on the monotonic clock; `drift` counts what audits found.

    `instance` names this process.
    """

    def __init__(self, settings: Settings, bus: AgentBus, datapath: str) -> None:
        self.due = 0.0
        self.drift = 0
        self._settings = settings
        self._bus = bus
        self._datapath = datapath
        self._guarantees = guarantees.of_settings(settings.agent, settings.host)
        self._reachable = True
        self._reason = ""
        self._started = time.time()
        self.instance = uuid.uuid4().hex
        self.timing = Timing()
        self._told: dict[Ref, Status] = {}
        self._waiting: dict[Ref, Status] = {}
        self._applied = 0
        self._answers: list[AuditAnswer] = []
        self._news = False
        self._changed_at = 0

    def expect(self, changed_at: int) -> None:
        """News came, the oldest of that time; that they are applied is worth a report."""
        self._news = True
        self._changed_at = self._changed_at or changed_at

    def note(self, statuses: Iterable[Status]) -> None:
        """Keep what is new of these for the next report."""
        for status in statuses:
            ref = Ref(status.kind, status.id)
            if self._told.get(ref) != status:
                self._waiting[ref] = status
            else:
                self._waiting.pop(ref, None)

    def repeat(self) -> None:
        """Tell everything again."""
        self._waiting = {**self._told, **self._waiting}
        self._told.clear()
        self.due = 0.0

    def answer(self, answers: Iterable[AuditAnswer]) -> None:
        """Tell the answers to audits with the next report."""
        self._answers += answers

    def count_drift(self, number: int) -> None:
        """Add to the count, and tell it with the next report."""
        if number:
            self.drift += number
            self.due = 0.0

    def send(self, revision: int, roles: Iterable[Role], mirror: Mirror, failed: int) -> None:
        """Report if there is something to tell or it is time; what cannot be told waits for the next time.

        `revision`: all up to it is applied; 0 while a role has work left.
        """
        now = time.monotonic()
        told = self._news and revision > 0
        if now < self.due and not ((self._waiting or self._answers or told) and self._reachable):
            return
        self._applied = revision or self._applied
        agent = self._settings.agent
        beat = now >= self.due
        request = ReportRequest(
            host=self._settings.host, started_at=self._started, tunnel_ip=agent.tunnel_ip,
            roles=[self.timing.told(role.name, role.state(mirror)) for role in roles] if beat else [],
            bridge_mappings=dict(text.partition(":")[::2] for text in agent.mappings),
            datapath=self._datapath, revision=self._applied, drift=self.drift, failed=failed,
            statuses=list(self._waiting.values()), availability_zone=agent.availability_zone,
            changed_at=self._changed_at if told else 0, audits=list(self._answers),
            instance=self.instance, clock=time.time(),
            guarantees=self._guarantees if beat else None, release=__version__,
        )
        try:
            reply = self._bus.report(request)
        except BusError as error:
            self._reachable = False
            self.due = now + 1.0
            if str(error) != self._reason:
                log.warning("a report with %d statuses waits: %s", len(self._waiting), error)
            self._reason = str(error)
            return
        self._reachable, self._reason = True, ""
        self._told |= self._waiting
        self._waiting.clear()
        self._answers.clear()
        if told:
            self._news, self._changed_at = False, 0
        if beat:
            self.due = now + agent.report_seconds
        if reply.repeat and self._told:
            self.repeat()
