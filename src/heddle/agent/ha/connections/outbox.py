"""What one other host has still to be told of the connections of routers.  Pure, and bounded.

A connection that changes twice before it is told is told once, as it is then.  When the other host cannot keep up, what
it has not been told is forgotten, and a new beginning takes its place as soon as there is room: so the memory for a
slow host has a limit, and it misses nothing in the end.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from heddle.agent.ha.connections.wire import MOST_BYTES, Begin, Changes, End, encode, size_of
from heddle.host.carried import Connection, Name

MOST = 200_000
HIGH = 20_000
_ROOM = MOST_BYTES - 120


@dataclass(slots=True)
class _Lane:
    """Of one router.  `wants`: nothing is told until all is read anew; `begins`, `ends`: these words are due."""

    term: int
    wants: bool = True
    begins: bool = False
    filling: bool = False
    ends: bool = False
    run: int = 0
    number: int = 0
    due: dict[Name, Connection | None] = field(default_factory=dict)


class Outbox:
    """`most`: how many connections may wait, of all routers together."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lanes: dict[str, _Lane] = {}
        self.waiting = 0

    def routers(self) -> set[str]:
        return set(self._lanes)

    def carry(self, router: str, term: int) -> None:
        """The router is active here in this term, and the host has to be told all of it."""
        self.forget(router)
        self._lanes[router] = _Lane(term)

    def forget(self, router: str) -> None:
        """The router is not active here, or no business of the host."""
        lane = self._lanes.pop(router, None)
        self.waiting -= len(lane.due) if lane is not None else 0

    def again(self, router: str) -> None:
        """Begin anew: the host asks for it, or news were lost."""
        if router in self._lanes:
            self.carry(router, self._lanes[router].term)

    def wants(self, router: str) -> bool:
        """Whether all connections of the router have to be read for it."""
        return router in self._lanes and self._lanes[router].wants

    def begin(self, router: str) -> None:
        """All connections are being read from now on."""
        lane = self._lanes[router]
        lane.wants, lane.begins, lane.filling = False, True, True
        lane.run, lane.number = secrets.randbits(62), 0

    def is_filling(self, router: str) -> bool:
        return router in self._lanes and self._lanes[router].filling

    def end(self, router: str) -> None:
        """All connections have been read."""
        if self.is_filling(router):
            lane = self._lanes[router]
            lane.filling, lane.ends = False, True

    def change(self, router: str, name: Name, connection: Connection | None) -> None:
        """A connection is so now, or (None) is no longer."""
        lane = self._lanes.get(router)
        if lane is None or lane.wants:
            return
        before = len(lane.due)
        lane.due[name] = connection
        self.waiting += len(lane.due) - before
        if self.waiting > self._most:
            self.again(router)

    @property
    def is_due(self) -> bool:
        """Whether there is something to be told, or to be read for it."""
        return any(lane.wants or lane.begins or lane.ends or lane.due for lane in self._lanes.values())

    def take(self) -> bytes | None:
        """The next message, None when nothing is due."""
        for router, lane in self._lanes.items():
            if lane.begins:
                lane.begins = False
                return encode(Begin(router, lane.run, lane.term))
            if lane.due:
                return self._changes(router, lane)
            if lane.ends:
                lane.ends = False
                lane.number += 1
                return encode(End(router, lane.run, lane.number))
        return None

    def _changes(self, router: str, lane: _Lane) -> bytes:
        """The oldest first; no connection is told twice in one message."""
        changed: list[Connection] = []
        gone: list[Name] = []
        room = _ROOM
        while lane.due and room > 0:
            name = next(iter(lane.due))
            room -= size_of(name, lane.due[name])
            if room < 0:
                break
            connection = lane.due.pop(name)
            if connection is None:
                gone.append(name)
            else:
                changed.append(connection)
        self.waiting -= len(changed) + len(gone)
        lane.number += 1
        return encode(Changes(router, lane.run, lane.number, changed, gone))
