"""What wakes the agent's loop."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue

from heddle.view.types import Ref, Wake

STOP = "stop"


class Events:
    """What has come since the last cycle.  Filled from any thread, taken by the loop's."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Wake | frozenset[Ref] | str] = SimpleQueue()

    def wake(self, wake: Wake) -> None:
        self._queue.put(wake)

    def touch(self, refs: Iterable[Ref]) -> None:
        self._queue.put(frozenset(refs))

    def stop(self) -> None:
        self._queue.put(STOP)

    def take(self, timeout: float) -> Iterator[Wake | frozenset[Ref] | str]:
        """Wait for the first, and give all that are there."""
        with contextlib.suppress(Empty):
            yield self._queue.get(timeout=max(timeout, 0))
            while True:
                yield self._queue.get_nowait()
