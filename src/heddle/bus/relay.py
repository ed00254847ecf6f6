"""Between the processes of one server: the wake-ups of those that no agent is connected to.

One process, the first, has the bus; the others pass on what they committed, over a Unix socket that belongs to the
server's user.  A wake-up waits in an outbox and is sent by a thread of its own, so a commit never waits for the first
process.  Whoever has lost the connection tries again with growing pauses.  With each connection it says once that
anything may have changed: wake-ups may have been lost with the one before, or with a process that was killed between
a commit and its wake-up.  Agents ask anew by themselves when the first process was away.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from heddle.bus import frames
from heddle.bus.base import BusError, Handler
from heddle.bus.connection import check_peer, close, listen, send_timeout, thread
from heddle.bus.local import PAUSES
from heddle.bus.outbox import Outbox
from heddle.view.types import Wake

log = logging.getLogger(__name__)


class Relay:
    """The first process's end: hands on to `wake` what the others send to `path`."""

    def __init__(self, path: Path, wake: Callable[[Iterable[str], str], None]) -> None:
        self._path, self._wake = path, wake
        self._listener: socket.socket | None = None
        self._lock = threading.Lock()
        self._streams: set[socket.socket] = set()

    def start(self) -> None:
        """Raises `BusError` when another first process listens there already, or the socket cannot be made."""
        try:
            self._listener = listen(self._path)
        except OSError as error:
            raise BusError(f"cannot listen on {self._path}: {error.strerror or error}") from error
        thread("relay-accept", self._accept, self._listener)

    def stop(self) -> None:
        listener, self._listener = self._listener, None
        if listener is None:
            return
        close(listener)
        with suppress(OSError):
            self._path.unlink()
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            close(stream)

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            thread("relay-read", self._read, stream)

    def _read(self, stream: socket.socket) -> None:
        with self._lock:
            self._streams.add(stream)
        try:
            check_peer(stream)
            while self._listener is not None:
                frame = frames.receive_from_server(stream)
                if isinstance(frame, frames.WakeUp):
                    self._wake(frame.wake.scopes, frame.wake.request_id)
        except frames.Closed:
            log.info("a worker has left")
        except (BusError, OSError) as error:
            log.warning("the connection of a worker ended reason=%s", error)
        finally:
            with self._lock:
                self._streams.discard(stream)
            close(stream)


class RelayBus:
    """The bus of a process that no agent is connected to: a `ServerBus` whose wake-ups the first process tells."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outbox: Outbox[Wake] = Outbox()
        self._stopped = threading.Event()
        self._connected = threading.Event()

    def start(self, handler: Handler | None) -> None:
        """`handler` is not asked: agents do not call this process."""
        thread("relay-send", self._run)

    def wait(self, seconds: float) -> None:
        """Until the first process is there.  Raises `BusError` when it does not come."""
        if not self._connected.wait(seconds):
            raise BusError(f"the first server process did not open {self._path} within {seconds:g} s: see its log")

    def wake(self, scopes: Iterable[str], request_id: str = "") -> None:
        self._outbox.put_wake(Wake(scopes=list(scopes), request_id=request_id))

    def hears(self) -> bool:
        """Agents call the first process, not this one."""
        return False

    def stop(self) -> None:
        self._stopped.set()
        self._outbox.close()

    def _run(self) -> None:
        """Connect, send until it breaks, and again."""
        failures = 0
        while not self._stopped.is_set():
            began = time.monotonic()
            with socket.socket(socket.AF_UNIX) as stream:
                try:
                    stream.connect(str(self._path))
                    send_timeout(stream)
                    self._send(stream)
                except OSError as error:
                    if self._connected.is_set():
                        log.warning("no connection to the first process socket=%s reason=%s", self._path, error)
            failures = 0 if time.monotonic() - began > PAUSES[-1] else failures + 1
            self._stopped.wait(PAUSES[min(failures, len(PAUSES) - 1)])

    def _send(self, stream: socket.socket) -> None:
        self._outbox.put_wake(Wake(scopes=[]))
        self._connected.set()
        while (wake := self._outbox.take()) is not None:
            frames.send(stream, frames.WakeUp(wake=wake))
