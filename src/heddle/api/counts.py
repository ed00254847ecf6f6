"""How many requests were answered, with which status and in what time, by all processes of this server.

Times are told by route, method and kind of status ("2xx"); a request that has no route is of the route "".
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from heddle.api.shared import Numbers
from heddle.store.engine import Store

_STATUSES = 600
BOUNDS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)  # milliseconds, and then more
_KINDS = ("2xx", "3xx", "4xx", "5xx")
_WIDTH = len(BOUNDS) + 2
# What a process tells of itself: when it started, its connections to the database, whether the bus reaches it.
STARTED, IDLE, IN_USE, BUS = range(4)
NO_BUS = 2
TELL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Times:
    """`buckets`: how many took up to each of `BOUNDS`, and longer; not cumulated."""

    method: str
    route: str
    status: str
    buckets: Sequence[int]
    seconds: float


class Counts:
    """`routes`: (method, path) of each, in the order in which they are told by number; -1 is a request without one."""

    def __init__(self, folder: Path | None = None, number: int = 1, routes: Sequence[tuple[str, str]] = ()) -> None:
        self._routes = (*routes, ("", ""))
        self._statuses = Numbers(folder, "requests", number, _STATUSES)
        size = len(self._routes) * len(_KINDS) * _WIDTH
        self._times = Numbers(folder, "times", number, size, repr((self._routes, BOUNDS)))
        self._state = Numbers(folder, "process", number, 4)
        self._state.put(STARTED, int(time.time()))
        self._state.put(BUS, NO_BUS)

    def add(self, status: int, route: int = -1, seconds: float = 0.0) -> None:
        """One more answer with an HTTP status below 600."""
        self._statuses.add((status, 1))
        kind = min(max(status // 100 - 2, 0), len(_KINDS) - 1)
        place = (route % len(self._routes) * len(_KINDS) + kind) * _WIDTH
        bucket = bisect_left(BOUNDS, 1000 * seconds)
        self._times.add((place + bucket, 1), (place + _WIDTH - 1, int(1_000_000 * seconds)))

    def tell(self, store: Store, bus: Callable[[], bool] | None) -> None:
        """What this process is like now."""
        idle, used = store.connections()
        for place, value in ((IDLE, idle), (IN_USE, used), (BUS, NO_BUS if bus is None else int(bus()))):
            self._state.put(place, value)

    def keep_telling(self, store: Store, bus: Callable[[], bool] | None, stopping: threading.Event) -> None:
        while not stopping.wait(TELL_SECONDS):
            self.tell(store, bus)

    def by_status(self) -> dict[int, int]:
        return {status: count for status, count in enumerate(self._statuses.sums()) if count}

    def times(self) -> Iterator[Times]:
        """Of what has been asked for."""
        sums = self._times.sums()
        for index in range(0, len(sums), _WIDTH):
            if any(buckets := sums[index : index + _WIDTH - 1]):
                route, kind = divmod(index // _WIDTH, len(_KINDS))
                yield Times(*self._routes[route], _KINDS[kind], buckets, sums[index + _WIDTH - 1] / 1_000_000)

    def processes(self, most: int) -> dict[int, tuple[int, ...]]:
        """What each of `most` processes is like."""
        return {number: state for number, state in self._state.by_process().items() if number <= most}
