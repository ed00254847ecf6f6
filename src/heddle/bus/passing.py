"""Between who asks and the agents of a server's socket: each question goes to the agent of its host, its reply back.

A reply counts only from the connection that was asked.  Nothing waits here for longer than both connections last.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from heddle.bus import frames
from heddle.bus.ask import GONE, TOO_OLD


class End(Protocol):
    """A connection of an agent or of an asker; `questions`: it takes some."""

    host: str
    questions: bool

    def put(self, frame: frames.Answer | frames.Asking) -> None:
        """Never blocks."""


@dataclass(frozen=True, slots=True)
class _Open:
    asker: End
    id: int
    agent: End


class Passing:
    """`ends`: the connections of the moment."""

    def __init__(self, ends: Callable[[], Iterable[End]]) -> None:
        self._ends = ends
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._open: dict[int, _Open] = {}

    def ask(self, asker: End, ask: frames.Ask) -> None:
        agents = [end for end in self._ends() if end.host == ask.host]
        agent = next((end for end in agents if end.questions), None)
        if agent is None:
            asker.put(frames.Answer(id=ask.id, error=TOO_OLD if agents else GONE))
            return
        with self._lock:
            number = next(self._ids)
            self._open[number] = _Open(asker, ask.id, agent)
        agent.put(frames.Asking(id=number, question=ask.question))

    def replied(self, agent: End, reply: frames.Reply) -> None:
        with self._lock:
            found = self._open.get(reply.id)
            if found is None or found.agent is not agent:
                return
            del self._open[reply.id]
        found.asker.put(frames.Answer(id=found.id, body=reply.body))

    def forget(self, end: End) -> None:
        """A connection has ended; who waits for its reply is told."""
        with self._lock:
            gone = {number: each for number, each in self._open.items() if end in (each.asker, each.agent)}
            for number in gone:
                del self._open[number]
        for each in gone.values():
            if each.agent is end:
                each.asker.put(frames.Answer(id=each.id, error=GONE))
