"""Long lists take turns.

One list of all ports of a large cloud needs tens of megabytes while it is made, and the interpreter's lock lets one
thread work anyway: eight made at once are ready no sooner than one after the other, and the heap stays as large
as all of them.  A list is thought long when the last whole one of its collection was, so that small collections,
pages and filtered lists never wait.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LONG = 2000


class Turns:
    """Thread-safe, but for the lengths: those are guesses, and a late one only makes a list wait or not."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._lengths: dict[str, int] = {}

    @contextmanager
    def of(self, collection: str, *, whole: bool) -> Iterator[None]:
        """Alone while a long list is made."""
        if whole and self._lengths.get(collection, 0) >= LONG:
            with self._turn:
                yield
        else:
            yield

    def note(self, collection: str, length: int) -> None:
        """Say how long a whole list was."""
        self._lengths[collection] = length


TURNS = Turns()
