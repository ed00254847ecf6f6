"""A fake of the metadata process, as the agent sees it: it knows guests as the real one does, and hears nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from heddle.agent.metadata.guests import Guests
from heddle.errors import HeddleError
from heddle.host.metadata import Place
from heddle.host.metadata_wire import Close, Configure, Holding, Look, News, Told


class FakeProcess:
    """The process as the agent sees it, with the knowledge of a real one.  `broken`: interfaces that are not there.

    `slow`: it does not start at once, but with `come`; `dead`: why it does not start then.
    """

    def __init__(self) -> None:
        self.guests, self.listeners, self.broken = Guests(), dict[str, str](), set[str]()
        self.news: list[News] = []
        self.opened: list[str] = []
        self.connected = self.running = self.slow = self.starting = False
        self.starts, self.dead = 0, ""
        self._ready: Callable[[], None] | None = None

    def __call__(self, folder: Path) -> FakeProcess:
        self.connected = False
        return self

    def connect(self, configuration: Configure, ready: Callable[[], None]) -> bool:
        if self.slow and not self.running:
            self.starting, self._ready = True, ready
            return False
        if self.dead:
            reason, self.dead = self.dead, ""
            raise HeddleError(reason)
        if not self.running:
            self._start()
        self.connected = True
        return True

    def _start(self) -> None:
        self.guests, self.listeners, self.starts = Guests(), {}, self.starts + 1
        self.running = True

    def come(self, dead: str = "") -> None:
        """The start ends."""
        assert self.starting and self._ready is not None
        self.slow = self.starting = False
        self.dead = dead
        if not dead:
            self._start()
        self._ready()

    def stamp(self, place: Place) -> str:
        return "" if place.device in self.broken else f"{place}"

    def listen(self, place: Place) -> None:
        self._check()
        if place.device in self.broken:
            raise OSError(f"there is no interface {place.device}")
        self.listeners[place.key] = self.stamp(place)
        self.opened.append(place.key)

    def say(self, message: Told) -> None:
        self._check()
        assert isinstance(message, News)
        decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=News)
        self.news.append(decoded)
        self.guests.take(decoded)

    def ask(self, message: Look | Close) -> Holding:
        self._check()
        if isinstance(message, Close):
            self.listeners.pop(message.key, None)
            return Holding(version="")
        digests = self.guests.digests() if message.digests else {}
        return Holding(version="", listeners=dict(self.listeners), digests=digests)

    def is_there(self) -> bool:
        return self.running or self.starting

    def stop(self) -> bool:
        self.connected = self.running = self.starting = False
        return True

    def disconnect(self) -> None:
        self.connected = False

    def killed(self) -> None:
        self.running = False

    def _check(self) -> None:
        if not self.running:
            self.connected = False
            raise HeddleError("it has ended")
