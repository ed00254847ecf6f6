"""Progress for somebody who waits: a line per step with the seconds since the start."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from heddle.errors import HeddleError


class DemoFailed(HeddleError):
    """A step of the demo failed; the text says what, and how to mend it."""


class Progress:
    """On a terminal a step is shown while it runs, and its line is replaced by the result."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._live = sys.stdout.isatty()

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Print `what` when the step is done, followed by what was put into the list."""
        notes: list[str] = []
        self.now(what)
        try:
            yield notes
        except BaseException:
            self._end(f"{what}: FAILED")
            raise
        self._end(f"{what}: {', '.join(notes)}" if notes else what)

    def now(self, what: str) -> None:
        """On a terminal, show what is being done; the end of the step replaces it."""
        if self._live:
            print(f"{self._elapsed()}  {what} …\033[K", end="\r", flush=True)

    def _end(self, text: str) -> None:
        clear = "\033[K" if self._live else ""
        print(f"{self._elapsed()}  {text}{clear}", flush=True)

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._began:6.1f}s"
