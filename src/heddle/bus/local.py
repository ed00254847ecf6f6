"""The bus over a Unix socket, for a server and an agent on one machine.

The socket belongs to the server's user and is open to nobody else but root, and the server asks the kernel
who is at the other end.  A connection has a reader and a writer thread on the server's side; calls run in a
pool, so that a long `fetch` does not hold up a `report`.  Wake-ups wait in a bounded queue per connection
and are written by its own thread: `wake` never blocks on a slow agent.  When the queue is full it is
emptied into one wake-up without scopes, which means "anything may have changed"; nothing is lost and
nothing grows.

The agent's side keeps one connection, and makes it anew with growing pauses when it breaks.  Wake-ups are
handed on by a thread of their own, so `on_wake` may take its time, or call.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import msgspec

from heddle.bus import frames
from heddle.bus.base import BusError, Handler, Questioned
from heddle.bus.connection import HELLO_SECONDS, Connection, close, listen, send_timeout, thread
from heddle.bus.outbox import Outbox, hand_on
from heddle.bus.passing import Passing
from heddle.bus.pending import Pending
from heddle.view.types import FetchReply, FetchRequest, ReportReply, ReportRequest, Wake

log = logging.getLogger(__name__)

FIRST_CONNECT_SECONDS = 1.0
PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)


class LocalServerBus:
    """Listens on `path`.  `calls` is the number of calls that are worked on at once."""

    def __init__(self, path: Path, calls: int = 4) -> None:
        self._path = path
        self._calls = calls
        self._lock = threading.Lock()
        self._connections: set[Connection] = set()
        self._listener: socket.socket | None = None
        self._passing = Passing(self._now)

    def start(self, handler: Handler) -> None:
        """Raises `BusError` when another server listens there already, or the socket cannot be made."""
        try:
            self._listener = listen(self._path)
        except OSError as error:
            raise BusError(f"cannot listen on {self._path}: {error.strerror or error}") from error
        self._pool = ThreadPoolExecutor(self._calls, thread_name_prefix="bus-call")
        thread("bus-accept", self._accept, self._listener, handler)

    def wake(self, scopes: Iterable[str], request_id: str = "") -> None:
        scopes = set(scopes)
        for connection in self._now():
            wanted = scopes & connection.scopes
            if wanted or not scopes:
                connection.put_wake(Wake(scopes=sorted(wanted), request_id=request_id))

    def hears(self) -> bool:
        return self._listener is not None

    def stop(self) -> None:
        listener, self._listener = self._listener, None
        if listener is None:
            return
        close(listener)
        with suppress(OSError):
            self._path.unlink()
        for connection in self._now():
            connection.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _now(self) -> list[Connection]:
        with self._lock:
            return list(self._connections)

    def _accept(self, listener: socket.socket, handler: Handler) -> None:
        while self._listener is listener:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            thread("bus-read", self._serve, stream, handler)

    def _serve(self, stream: socket.socket, handler: Handler) -> None:
        """One connection, from its hello to its end."""
        connection = Connection(stream, handler, self._pool, self._passing)
        try:
            connection.greet()
            with self._lock:
                self._connections.add(connection)
            if self._listener is not None:
                connection.read()
        except frames.Closed:
            if connection.host:
                log.info("bus connection closed by the agent host=%s", connection.host)
        except (BusError, OSError) as error:
            log.warning("bus connection ended host=%s reason=%s", connection.host, error)
        finally:
            with self._lock:
                self._connections.discard(connection)
            self._passing.forget(connection)
            connection.close()


class LocalAgentBus:
    """Connects to the server's socket at `path`.  `timeout`: the seconds that a call waits for its answer."""

    def __init__(self, path: Path, timeout: float = 30.0) -> None:
        self._path = path
        self._pending = Pending(timeout, "the server did not answer")
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._scopes: list[str] = []
        self._stream: socket.socket | None = None
        self._connected = threading.Event()
        self._stopped = threading.Event()
        self._reason = "not connected yet"
        self._wakes: Outbox[Wake] = Outbox()
        self._questioned: Questioned | None = None

    def answer(self, questioned: Questioned) -> None:
        self._questioned = questioned

    def start(self, host: str, on_wake: Callable[[Wake], None]) -> None:
        thread("bus-agent", self._run, host)
        thread("bus-wake", hand_on, self._wakes, on_wake)
        self._connected.wait(FIRST_CONNECT_SECONDS)

    def subscribe(self, scopes: Iterable[str]) -> None:
        with self._lock:
            self._scopes = list(scopes)
            stream = self._stream
        if stream is not None:
            with suppress(OSError):
                self._send(stream, frames.Subscribe(scopes=self._scopes))

    def fetch(self, request: FetchRequest) -> FetchReply:
        body = frames.encode(request)
        return self._pending.call("fetch", lambda id: self._call("fetch", body, id), FetchReply)

    def report(self, request: ReportRequest) -> ReportReply:
        body = frames.encode(request)
        return self._pending.call("report", lambda id: self._call("report", body, id), ReportReply)

    def stop(self) -> None:
        self._stopped.set()
        self._wakes.close()
        with self._lock:
            stream = self._stream
        if stream is not None:
            close(stream)

    def _call(self, method: str, body: bytes, id: str) -> None:
        with self._lock:
            stream = self._stream
        if stream is None:
            raise BusError(f"the server cannot be reached at {self._path}: {self._reason}")
        try:
            self._send(stream, frames.Call(id=int(id), method=method, body=msgspec.Raw(body)))
        except OSError as error:
            raise BusError(f"{method}: the connection to the server broke: {error}") from error

    def _send(self, stream: socket.socket, frame: frames.FromAgent) -> None:
        with self._sending:
            frames.send(stream, frame)

    def _run(self, host: str) -> None:
        """Connect, read until it breaks, and again."""
        failures = 0
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                self._connection(host)
            except frames.Closed:
                self._lose("the server closed the connection")
            except (BusError, OSError) as error:
                self._lose(str(error))
            failures = 0 if time.monotonic() - began > PAUSES[-1] else failures + 1
            self._stopped.wait(PAUSES[min(failures, len(PAUSES) - 1)])

    def _connection(self, host: str) -> None:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(HELLO_SECONDS)
            stream.connect(str(self._path))
            frames.send(stream, frames.Hello(host=host, questions=self._questioned is not None))
            welcome = frames.receive_from_server(stream)
            if isinstance(welcome, frames.Refuse):
                raise BusError(welcome.reason)
            stream.settimeout(None)
            send_timeout(stream)
            with self._lock:
                self._stream = stream
                scopes = self._scopes
            self._send(stream, frames.Subscribe(scopes=scopes))
            log.info("connected to the server socket=%s", self._path)
            self._connected.set()
            self._wakes.put_wake(Wake(scopes=[]))
            if self._stopped.is_set():
                raise frames.Closed
            self._read(stream)

    def _read(self, stream: socket.socket) -> None:
        while True:
            frame = frames.receive_from_server(stream)
            if isinstance(frame, frames.WakeUp):
                self._wakes.put_wake(frame.wake)
            elif isinstance(frame, frames.Asking):
                self._asked(stream, frame)
            elif isinstance(frame, frames.Answer):
                if frame.error:
                    self._pending.fail(str(frame.id), frame.error)
                else:
                    self._pending.answer(str(frame.id), frame.body)

    def _asked(self, stream: socket.socket, asking: frames.Asking) -> None:
        def reply(told: bytes) -> None:
            try:
                self._send(stream, frames.Reply(id=asking.id, body=msgspec.Raw(told)))
            except (BusError, OSError) as error:
                log.warning("a question could not be replied to: %s", error)

        if self._questioned is not None:
            self._questioned(bytes(asking.question), reply)

    def _lose(self, reason: str) -> None:
        with self._lock:
            known, self._reason = self._reason == reason, reason
            self._stream = None
        if not known and not self._stopped.is_set():
            log.warning("no connection to the server socket=%s reason=%s", self._path, reason)
        self._pending.fail_all(f"the connection to the server broke: {reason}")
