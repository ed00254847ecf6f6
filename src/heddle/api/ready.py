"""Whether this process can serve: its database answers in time.

Anybody may ask, so asking is cheap and bounded: one probe at a time asks the database, whoever comes meanwhile waits
for the same, what it found holds for a second, and nobody waits for longer than two.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from heddle.errors import Unavailable
from heddle.store.changes import current_revision
from heddle.store.engine import Store

log = logging.getLogger(__name__)

DEADLINE, FRESH = 2.0, 1.0
OK, UNREACHABLE, TIMEOUT, FAILS = "ok", "unreachable", "timeout", "fails"


class Readiness:
    """`bus`: whether agents reach this process by it; None where another process has it."""

    def __init__(self, store: Store, bus: Callable[[], bool] | None = None) -> None:
        self._store, self.bus = store, bus
        self._lock = threading.Lock()
        self._probe: threading.Event | None = None
        self._began, self._ended = 0.0, -FRESH
        self._found = OK

    def database(self) -> str:
        """`OK`, or why not."""
        with self._lock:
            now = time.monotonic()
            if self._probe is None and now - self._ended < FRESH:
                return self._found
            if self._probe is None:
                self._probe, self._began = threading.Event(), now
                threading.Thread(target=self._look, args=(self._probe,), name="ready", daemon=True).start()
            probe, left = self._probe, self._began + DEADLINE - now
        return self._found if probe.wait(max(left, 0.0)) else TIMEOUT

    def _look(self, done: threading.Event) -> None:
        try:
            with self._store.read(once=True) as tx:
                current_revision(tx.conn)
            found = OK
        except Unavailable:
            found = UNREACHABLE
        except Exception as error:
            log.error("the database fails: %s", error)
            found = FAILS
        with self._lock:
            self._found, self._ended, self._probe = found, time.monotonic(), None
        done.set()
