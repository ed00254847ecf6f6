"""A bus in trouble: messages are lost, doubled, delayed, and overtake each other."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

from heddle.bus.base import AgentBus, BusError
from heddle.view.types import FetchReply, FetchRequest, ReportReply, ReportRequest, Wake

Reply = TypeVar("Reply")
LATE = 0.3


class TroubledBus:
    """An `AgentBus` before another one; `happened` counts what went wrong."""

    def __init__(self, inner: AgentBus, chance: random.Random) -> None:
        self._inner, self._chance = inner, chance
        self.happened: Counter[str] = Counter()

    def start(self, host: str, on_wake: Callable[[Wake], None]) -> None:
        def troubled(wake: Wake) -> None:
            if self._happens("wake lost", 0.4):
                return
            times = 2 if self._happens("wake doubled", 0.3) else 1
            for _ in range(times):
                if self._happens("wake late", 0.4):
                    self._later(lambda: on_wake(wake))
                else:
                    on_wake(wake)

        self._inner.start(host, troubled)

    def subscribe(self, scopes: Iterable[str]) -> None:
        self._inner.subscribe(scopes)

    def fetch(self, request: FetchRequest) -> FetchReply:
        return self._call("fetch", lambda: self._inner.fetch(request))

    def report(self, request: ReportRequest) -> ReportReply:
        return self._call("report", lambda: self._inner.report(request))

    def stop(self) -> None:
        self._inner.stop()

    def _call(self, name: str, call: Callable[[], Reply]) -> Reply:
        if self._happens(f"{name} lost", 0.15):
            raise BusError("lost on the way there")
        if self._happens(f"{name} late", 0.15):
            self._later(call)
            raise BusError("too late, and overtaken by those that follow")
        if self._happens(f"{name} doubled", 0.15):
            call()
        if self._happens(f"{name} slow", 0.2):
            time.sleep(self._chance.uniform(0, 0.05))
        reply = call()
        if self._happens(f"answer to {name} lost", 0.15):
            raise BusError("lost on the way back")
        return reply

    def _happens(self, what: str, chance: float) -> bool:
        if self._chance.random() >= chance:
            return False
        self.happened[what] += 1
        return True

    def _later(self, call: Callable[[], object]) -> None:
        def run() -> None:
            try:
                call()
            except BusError:
                self.happened["late and lost"] += 1

        timer = threading.Timer(self._chance.uniform(0, LATE), run)
        timer.daemon = True
        timer.start()
