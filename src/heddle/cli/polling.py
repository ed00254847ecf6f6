"""Asking the API until it has what one waits for: first often and then seldom, with a line on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from heddle.cli.meter import clear_line, replace_line

FIRST, LONGEST = 0.05, 1.0
Found = dict[str, Any]


def poll(found: Found, ask: Callable[[], Found], waits: Callable[[Found], str], end: float) -> Found:
    """The answer when nothing is waited for any more, or when it is time (`end`, monotonic seconds).

    `found` is the first answer; `waits` says how far it is, "" when it has come.
    """
    pause = FIRST
    while (text := waits(found)) and (left := end - time.monotonic()) > 0:
        replace_line(text)
        time.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST)
        found = ask()
    clear_line()
    return found
