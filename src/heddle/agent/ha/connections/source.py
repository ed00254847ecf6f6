"""The connections of a router that is active here, read from its namespace into the outboxes of other hosts.

Events tell what changes; all is read when a host has to begin, and when the kernel had more to tell than was read.
What an event has told of a connection while all is being read is newer than what the reading finds.  The kernel is
silent on a stream that only goes on, so that those that would be forgotten in minutes are read again now and then; all
is, less often, for a standby whose table somebody has touched.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from heddle.agent.ha.connections.outbox import HIGH, Outbox
from heddle.host.carried import LIVING_TCP, SCTP, TCP, UDP, Connection, Name, worth
from heddle.host.carried_events import Dump, Events, Overrun

log = logging.getLogger(__name__)

REFRESH, WHOLE = 45.0, 600.0
_SHORT = 900
_PIECES = 16
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_OURS = frozenset({TCP, UDP, SCTP})


class Source:
    """Raises `OSError` where the namespace is not there."""

    def __init__(self, router: str, namespace: str, now: float) -> None:
        self.router, self.namespace = router, namespace
        self.events = Events(namespace)
        self._dump: Dump | None = None
        self._reading = False
        self._touched: set[Name] = set()
        self._not_before, self._pause = now, _PAUSE
        self._refresh_at, self._whole_at = now + REFRESH, now + WHOLE
        self.overruns = 0

    def close(self) -> None:
        self.events.close()
        self._end_reading()

    @property
    def is_reading(self) -> bool:
        return self._reading

    def hear(self, now: float, outboxes: Collection[Outbox], most: int = 4000) -> None:
        """Pass on what the kernel has told."""
        try:
            for gone, each in self.events.read(most):
                if each.protocol in _OURS:
                    self._pass_on(gone, each, outboxes)
        except Overrun:
            self._begin_anew(now, outboxes)

    def _begin_anew(self, now: float, outboxes: Iterable[Outbox]) -> None:
        """Not at once, and later each time that it comes to nothing: a flood is still going on."""
        self.overruns += 1
        self._end_reading()
        for outbox in outboxes:
            outbox.again(self.router)
        if now < self._not_before:
            return
        self._not_before, self._pause = now + self._pause, min(2 * self._pause, _LONGEST_PAUSE)
        log.warning("router=%s news of connections were lost, all are read anew", self.router)

    def _pass_on(self, gone: bool, each: Connection, outboxes: Iterable[Outbox]) -> None:
        if gone and each.protocol == TCP and each.state[0] not in LIVING_TCP:
            return
        name = each.name
        if self._reading:
            self._touched.add(name)
        told = None if gone or not worth(each) else each
        for outbox in outboxes:
            outbox.change(self.router, name, told)

    def read(self, now: float, outboxes: Collection[Outbox]) -> None:
        """Begin to read all where that is due, and go on with it where there is room."""
        if not self._reading:
            self._begin(now, outboxes)
        filled = [outbox for outbox in outboxes if outbox.is_filling(self.router)] or outboxes
        for _ in range(_PIECES):
            if not self._reading or any(outbox.waiting > HIGH for outbox in filled):
                return
            assert self._dump is not None
            found, done = self._dump.next()
            self._take(found, outboxes)
            if done:
                self._pause = _PAUSE
                self._end_reading()
                for outbox in outboxes:
                    outbox.end(self.router)

    def _begin(self, now: float, outboxes: Collection[Outbox]) -> None:
        if now < self._not_before or not outboxes:
            return
        if now >= self._whole_at:
            self._whole_at = now + WHOLE
            for outbox in outboxes:
                outbox.again(self.router)
        wanting = [outbox for outbox in outboxes if outbox.wants(self.router)]
        if not wanting and now < self._refresh_at:
            return
        self._refresh_at = now + REFRESH
        for outbox in wanting:
            outbox.begin(self.router)
        self._dump = Dump(self.namespace)
        self._dump.begin()
        self._reading = True

    def _take(self, found: Iterable[Connection], outboxes: Collection[Outbox]) -> None:
        """To those that begin all that is worth it, to the others what would be forgotten."""
        begun = [outbox for outbox in outboxes if outbox.is_filling(self.router)]
        others = [outbox for outbox in outboxes if not outbox.is_filling(self.router)]
        for each in found:
            if each.protocol not in _OURS or not worth(each) or each.name in self._touched:
                continue
            for outbox in begun:
                outbox.change(self.router, each.name, each)
            for outbox in others if each.timeout < _SHORT else ():
                outbox.change(self.router, each.name, each)

    def _end_reading(self) -> None:
        self._reading = False
        self._touched = set()
        if self._dump is not None:
            self._dump.close()
            self._dump = None
