"""The agent: one thread that makes the host be as the view says, again and again.

What happens meanwhile becomes an event: a wake-up of the bus, a change of an interface, a role that asks for
an object, the clock.  Events carry no orders; they only say that it is time to look.  A cycle takes all that
have come, fetches the news, and has each role reconcile what changed; then it reports what was observed.

    wake        -> fetch the news of the scopes
    touched     -> reconcile these objects, though the view did not change
    resync      -> fetch, and reconcile everything (agent.resync_seconds); now and then the server compares
                   a digest of each scope (agent.digest_seconds)
    audit       -> each role compares the host itself with the view (agent.audit_seconds, and when somebody asked)
    heartbeat   -> report (agent.report_seconds)

What fails stays dirty: an object that a role reports as "error" is given to it again, and a role that raises
is given everything again, later and later.  Until the first whole view has come no role is called, so a
server that is away leaves the data plane as it is.  The end of the agent leaves it as well.
"""

from __future__ import annotations

import logging
import time

from heddle.agent.audits import Audits, answers, look
from heddle.agent.events import STOP, Events
from heddle.agent.mirror import Mirror
from heddle.agent.reconcile import Backoff
from heddle.agent.reporter import Reporter
from heddle.agent.roles.base import Foretelling, Role
from heddle.bus.base import AgentBus, BusError
from heddle.config import Settings
from heddle.errors import HeddleError
from heddle.view.types import FetchRequest, Ref, Status

log = logging.getLogger(__name__)


class Loop:
    """`run` until `events.stop()`."""

    def __init__(self, settings: Settings, bus: AgentBus, roles: list[Role], datapath: str, events: Events) -> None:
        self.events = events
        self.mirror = Mirror()
        self._settings = settings
        self._bus = bus
        self._roles = roles
        self._reporter = Reporter(settings, bus, datapath)
        self._backoff: Backoff[Ref] = Backoff()
        self._failed_roles: Backoff[str] = Backoff()
        self._pending: dict[str, set[Ref]] = {role.name: set() for role in roles}
        self._whole = {role.name for role in roles}
        self._erring: set[Ref] = set()
        self._faulty: dict[str, set[Ref]] = {role.name: set() for role in roles}
        self._audits = Audits()
        self._stopping = False
        self._server_away = False
        now = time.monotonic()
        self._fetch_at, self._resync_at = now, now + settings.agent.resync_seconds
        self._digest_at = now + settings.agent.digest_seconds
        self._audit_at = now + settings.agent.audit_seconds

    def run(self) -> None:
        while not self._stopping:
            try:
                self.cycle()
            except Exception:
                log.exception("a cycle failed")
                time.sleep(0.1)

    def cycle(self) -> None:
        """Wait for something to do, and do it."""
        touched, requests = self._collect()
        if self._stopping:
            return
        now = time.monotonic()
        if now >= self._resync_at:
            self._resync_at = now + self._settings.agent.resync_seconds
            self._fetch_at = now
            self._whole |= {role.name for role in self._roles}
        retried = self._backoff.due(now)
        touched |= retried
        if now >= self._fetch_at:
            touched |= self._fetch(requests)
        if self.mirror.complete:
            self._work({ref for ref in touched if ref.kind != "audit"}, retried, requests)
        applied = not (any(self._pending.values()) or self._whole)
        self._reporter.send(self.mirror.revision if applied else 0, self._roles, self.mirror, len(self._backoff))

    def _work(self, touched: set[Ref], retried: set[Ref], requests: set[str]) -> None:
        """Have each role reconcile, and audit when it is time."""
        self._erring.clear()
        for pending in self._pending.values():
            pending |= touched
        started = time.monotonic()
        for role in self._roles:
            if isinstance(role, Foretelling):
                self._foretell(role)
        worked = [self._reconcile(role) for role in self._roles]
        if requests and any(worked):
            took = 1000 * (time.monotonic() - started)
            log.info("reconciled objects=%d ms=%.1f request_id=%s", len(touched), took, ",".join(sorted(requests)))
        self._backoff.succeeded(retried - self._erring)
        asked = self._audits.wanted(self.mirror)
        if asked or time.monotonic() >= self._audit_at:
            self._audit(asked)

    def _collect(self) -> tuple[set[Ref], set[str]]:
        """Sleep until an event or the clock; returns what was touched, and the requests behind the wake-ups."""
        touched: set[Ref] = set()
        requests: set[str] = set()
        times = [self._fetch_at, self._resync_at, self._reporter.due]
        times += [self._audit_at] if self.mirror.complete else []
        times += [when for when in (self._backoff.next(), self._failed_roles.next()) if when is not None]
        for event in self.events.take(min(times) - time.monotonic()):
            if isinstance(event, str):
                self._stopping = self._stopping or event == STOP
            elif isinstance(event, frozenset):
                touched |= event
                if any(ref.kind == "bridge" for ref in event):
                    self._failed_roles.succeeded([role.name for role in self._roles])
            else:
                self._fetch_at = 0.0
                if not event.scopes:
                    self._reporter.repeat()
                if event.request_id:
                    requests.add(event.request_id)
        return touched, requests

    def _fetch(self, requests: set[str]) -> set[Ref]:
        """Take the news into the mirror; returns what changed.  A server that is away is asked again in a second."""
        known = sorted(self.mirror.scopes)
        host = self._settings.host
        try:
            me, revision, digests = self._reporter.instance, self.mirror.revision, self._digests()
            asked = FetchRequest(host=host, revision=revision, scopes=known, digests=digests, instance=me)
            reply = self._bus.fetch(asked)
        except BusError as error:
            if not self._server_away:
                log.warning("the server cannot be reached, the host stays as it is: %s", error)
            self._server_away = True
            self._fetch_at = time.monotonic() + 1.0
            return set()
        if self._server_away:
            log.info("the server is back")
        self._server_away = False
        self._fetch_at = float("inf")
        changed = self.mirror.apply(reply)
        if reply.scopes or reply.dropped:
            self._reporter.expect(reply.changed_at)
        if sorted(self.mirror.scopes) != known:
            self._bus.subscribe(self.mirror.scopes)
            self._fetch_at = 0.0
        for ref in changed & self.mirror.broken.keys():
            message = self.mirror.broken[ref]
            log.error("kind=%s id=%s cannot be read: %s", ref.kind, ref.id, message)
            self._reporter.note([Status(kind=ref.kind, id=ref.id, revision=0, state="error", message=message)])
        if changed:
            text = ",".join(sorted(requests)) or "-"
            log.debug("fetched revision=%d changed=%d request_id=%s", reply.revision, len(changed), text)
        return changed

    def _digests(self) -> dict[str, str]:
        """Now and then what the mirror has, so that a difference is noticed; else nothing."""
        now = time.monotonic()
        if now < self._digest_at:
            return {}
        self._digest_at = now + self._settings.agent.digest_seconds
        return self.mirror.digests()

    # The roles

    def _foretell(self, role: Foretelling) -> None:
        pending, whole = self._pending[role.name], role.name in self._whole
        if pending or whole:
            try:
                role.foretell(self.mirror, None if whole else frozenset(pending))
            except (OSError, HeddleError, ValueError) as error:
                log.warning("role=%s could not foretell: %s", role.name, error)

    def _reconcile(self, role: Role) -> bool:
        """Let a role work on what it has to; returns whether it had to."""
        pending, whole = self._pending[role.name], role.name in self._whole
        retry = self._failed_roles.next_of(role.name)
        if not (pending or whole) or (retry is not None and retry > time.monotonic()):
            return False
        changed, began = frozenset(pending), time.monotonic()
        pending.clear()
        self._whole.discard(role.name)
        try:
            statuses = role.reconcile(self.mirror, None if whole else changed)
        except Exception as error:
            self._role_failed(role, error)
            return True
        finally:
            self._reporter.timing.note(role.name, time.monotonic() - began)
        self._failed_roles.succeeded([role.name])
        self._note(role, statuses)
        return True

    def _role_failed(self, role: Role, error: Exception) -> None:
        self._whole.add(role.name)
        delay = self._failed_roles.failed(role.name, time.monotonic())
        expected = isinstance(error, HeddleError)
        log.error("role=%s failed, again in %.1f s: %s", role.name, delay, error, exc_info=not expected)

    def _note(self, role: Role, statuses: list[Status]) -> None:
        """Keep the statuses for the report, and what failed for another try.

        Two roles may serve one object, as the switch and DHCP a network: it is well when both say so.
        """
        now = time.monotonic()
        mine = self._faulty[role.name]
        for status in statuses:
            ref = Ref(status.kind, status.id)
            if status.state == "error":
                mine.add(ref)
                self._erring.add(ref)
                delay = self._backoff.failed(ref, now)
                text = "kind=%s id=%s cannot be realised, again in %.1f s: %s"
                log.error(text, ref.kind, ref.id, delay, status.message)
            else:
                mine.discard(ref)
                if self._is_faulty(ref):
                    continue
                self._backoff.succeeded([ref])
            self._reporter.note([status])

    def _is_faulty(self, ref: Ref) -> bool:
        """Whether a role has failed with an object that is there."""
        return self.mirror.get(ref) is not None and any(ref in refs for refs in self._faulty.values())

    def _audit(self, asked: set[str]) -> None:
        """Have the roles compare the host with the view; those who only `asked` to look get their answer from this."""
        due = time.monotonic() >= self._audit_at
        repair = due or any(self.mirror.audits[id].repair for id in asked)
        found, problems = look(self._roles, self.mirror, repair, self._failed_roles, self._role_failed)
        if repair:
            self._audit_at = time.monotonic() + self._settings.agent.audit_seconds
            self._reporter.count_drift(len(found))
        self._reporter.answer(answers(asked, found, problems))
        self._audits.answered(asked)
