"""What the process warns of: a few lines a minute, for guests could make it many; the last one is told to the agent."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

A_MINUTE = 20
LATELY = 120.0


class Said(logging.Filter):
    """Lets `A_MINUTE` records a minute through.  `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last, self._at = "", 0.0
        self._minute, self._count = 0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        now = self._clock()
        self._last, self._at = record.getMessage(), now
        if int(now // 60) != self._minute:
            self._minute, self._count = int(now // 60), 0
        self._count += 1
        return self._count <= A_MINUTE

    def lately(self) -> str:
        """The last warning, "" when it is old."""
        return self._last if self._last and self._clock() - self._at < LATELY else ""


said = Said()
