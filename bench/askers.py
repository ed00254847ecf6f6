"""Somebody who asks again and again whether an address, or a port of it, leads to a guest, and notes what is answered.

The times are of the monotonic clock.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
import threading
import time
from typing import Protocol

from bench.guests import Guest
from bench.pings import Pinger


class Asker(Protocol):
    """`asked` has when the questions were sent that have been answered, `came` when their answers came."""

    asked: list[float]
    came: list[float]

    def ask(self) -> None:
        """Send one more."""

    def wait(self, seconds: float) -> None:
        """Until something comes, for that long at most."""

    def close(self) -> None: ...


class Pings:
    """Each ping has a number of its own, so that each is a new connection for who follows them."""

    def __init__(self, source: Guest, address: str) -> None:
        self._pinger, self._address, self._sent = Pinger(source), address, dict[tuple[int, int], float]()
        self.asked: list[float] = []
        self.came: list[float] = []
        self._number = 0

    def ask(self) -> None:
        self._number += 1
        name = (0x3000 + self._number % 0x8000, self._number & 0xFFFF)
        self._sent[name] = time.monotonic()
        self._pinger.send(self._address, *name)

    def wait(self, seconds: float) -> None:
        select.select([self._pinger.socket], [], [], seconds)
        for when, _, ident, number in self._pinger.replies():
            if (ident, number) in self._sent:
                self.asked.append(self._sent[ident, number])
                self.came.append(when)

    def close(self) -> None:
        self._pinger.close()


class Connections:
    """Connections are closed as soon as they are there; those that are refused or not answered count as no answer."""

    def __init__(self, source: Guest, address: str, port: int) -> None:
        self._source, self._to = source, (address, port)
        self._open: dict[int, tuple[socket.socket, float]] = {}
        self._poll = select.poll()
        self.asked: list[float] = []
        self.came: list[float] = []

    def ask(self) -> None:
        made = self._source.space.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        now = time.monotonic()
        if made.connect_ex(self._to) in (0, errno.EINPROGRESS):
            self._open[made.fileno()] = (made, now)
            self._poll.register(made, select.POLLOUT)
        else:
            made.close()

    def wait(self, seconds: float) -> None:
        for number, _ in self._poll.poll(1000 * seconds):
            made, asked = self._open.pop(number)
            self._poll.unregister(number)
            if made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                self.came.append(time.monotonic())
                self.asked.append(asked)
            made.close()

    def close(self) -> None:
        for made, _ in self._open.values():
            made.close()


class Listener:
    """Takes connections in a guest."""

    def __init__(self, guest: Guest, port: int) -> None:
        self._socket = guest.space.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.bind(("", port))
        self._socket.listen(4096)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._socket.accept()[0].close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
