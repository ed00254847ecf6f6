"""How far long work is: a line on a terminal that is replaced as it goes on, elsewhere one every few seconds."""

from __future__ import annotations

import sys
import time

QUIET_SECONDS = 5.0


class Meter:
    """Writes to standard error, so that what a command prints stays apart."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._next = time.monotonic() + (0.2 if self._live else QUIET_SECONDS)
        self._shown = False

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._live and self._shown:
            clear_line()

    def show(self, what: str, done: int, total: int) -> None:
        """`done` of `total` is behind; `what` is worked on."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (0.1 if self._live else QUIET_SECONDS)
        self._shown = True
        text = f"{done:,} of {total:,} rows ({100 * done // max(total, 1)} %): {what}"
        if self._live:
            replace_line(text)
        else:
            print(text, file=sys.stderr, flush=True)


def replace_line(text: str) -> None:
    """Progress, where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)


def clear_line() -> None:
    replace_line("")
