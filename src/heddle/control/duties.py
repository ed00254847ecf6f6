"""What is done regularly, without a request, in one place at a time though there are several servers.

The first process of each server looks every few seconds whether it has the lease, a row that expires by the
database's clock; who has it does the duties that are due.  A holder that ends gives the lease back, and one that is
killed loses it within `LEASE_SECONDS`.  Each transaction of a duty renews the lease first, so that a holder that was
held up and has lost it changes nothing.

A process knows for how long it has been listening (`Term.heard`): since it started, could last not be reached by
agents, could last not reach its database, or was suspended.  Silence of others counts only for that time.

A new duty is a function that takes a `Term`, and a line in `DUTIES`.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TypeVar

from heddle.config import Settings
from heddle.control import failover
from heddle.control.context import Context
from heddle.control.identity import throttle
from heddle.errors import HeddleError
from heddle.model.caller import SYSTEM
from heddle.store import changes
from heddle.store.engine import Store, Tx
from heddle.store.query import leases

log = logging.getLogger(__name__)
T = TypeVar("T")

LEASE = "duties"
LEASE_SECONDS = 12
LOOK_SECONDS = 3.0
CHORE_SECONDS = 300.0
KEEP_REVISIONS = 100_000


class LeaseLost(HeddleError):
    """Another process does the duties now."""


@dataclass(frozen=True)
class Term:
    """What a duty is done with; `heard`: for how many seconds this process has been listening without a break."""

    store: Store
    settings: Settings
    holder: str
    heard: float
    lease: str = LEASE

    def write(self, work: Callable[[Context], T]) -> T:
        """Run `work` in a transaction in which this process has the lease.  Raises `LeaseLost`."""

        def held(tx: Tx) -> T:
            if not leases.hold(tx, self.lease, self.holder, LEASE_SECONDS):
                raise LeaseLost("the lease was lost")
            return work(Context(tx, SYSTEM, self.settings))

        return self.store.write(held)


@dataclass(frozen=True)
class Duty:
    """`seconds`: how often; the first time is that long after the process has started."""

    name: str
    seconds: float
    run: Callable[[Term], None]


def do_chores(store: Store, settings: Settings) -> None:
    """Forget old tombstones and failed logins; serve what could not be served when it was made.

    That was for want of a quota, an address or a host.
    """
    gone = store.write(lambda tx: changes.forget_tombstones(tx.conn, KEEP_REVISIONS))
    if gone:
        log.info("tombstones thrown away count=%d", gone)
    store.write(throttle.forget)
    store.write(lambda tx: failover.serve_unserved(Context(tx, SYSTEM, settings)))


def look_for_the_dead(term: Term) -> None:
    """Bury the agents that are silent for too long, a transaction for each host."""
    for host in failover.silent_hosts(term.store, term.settings, term.heard):
        term.write(partial(failover.bury, host=host))


DUTIES = (
    Duty("chores", CHORE_SECONDS, lambda term: do_chores(term.store, term.settings)),
    Duty("failover", LOOK_SECONDS, look_for_the_dead),
)


def boot_clock() -> float:
    """Seconds that go on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Keeper:
    """Does the duties of one process.  `hears`: whether agents can reach this process now.

    Duties that may take long have a lease of their own, another Keeper, and a thread.
    """

    def __init__(
        self, store: Store, settings: Settings, hears: Callable[[], bool], duties: Sequence[Duty] = DUTIES,
        clock: Callable[[], float] = boot_clock, *, lease: str = LEASE, look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._lease, self._look_seconds = lease, look_seconds
        self.holder = str(uuid.uuid4())
        self._store, self._settings, self._hears, self._duties, self._clock = store, settings, hears, duties, clock
        self._since = self._looked = clock()
        self._due = {duty.name: self._since + duty.seconds for duty in duties}
        self._held = False

    def run(self, stopping: Event) -> None:
        """Until `stopping` is set."""
        while not stopping.wait(self._look_seconds):
            try:
                self.look()
            except Exception as error:
                log.error("the duties wait: %s", error, exc_info=not isinstance(error, HeddleError))

    def look(self) -> bool:
        """Do what is due, if this process has the lease; returns whether it has."""
        now = self._clock()
        if not self._hears() or now - self._looked > LEASE_SECONDS:
            self._since = now
        if not self._hears():
            self._looked = now
            self.give_back()
            return False
        held = self._store.write(lambda tx: leases.take(tx, self._lease, self.holder, LEASE_SECONDS))
        self._looked = now
        if held != self._held:
            log.info("this process %s the %s of the cloud", "has" if held else "no longer has", self._lease)
        self._held = held
        if held:
            for duty in self._duties:
                self._do(duty, now)
        return held

    def _do(self, duty: Duty, now: float) -> None:
        if now < self._due[duty.name]:
            return
        self._due[duty.name] = now + duty.seconds
        try:
            duty.run(Term(self._store, self._settings, self.holder, now - self._since, self._lease))
        except LeaseLost:
            log.warning("the lease was lost during a duty name=%s", duty.name)
        except Exception as error:
            log.error("a duty failed name=%s: %s", duty.name, error, exc_info=not isinstance(error, HeddleError))

    def give_back(self) -> None:
        """Let another process do the duties at once."""
        if self._held:
            self._store.write(lambda tx: leases.release(tx, self._lease, self.holder))
        self._held = False
