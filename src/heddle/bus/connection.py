"""The server's end of one connection, of an agent or of who asks them, over any stream socket."""

from __future__ import annotations

import logging
import os
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from heddle.bus import frames
from heddle.bus.base import BusError, Handler
from heddle.bus.outbox import Outbox
from heddle.bus.passing import Passing
from heddle.errors import UserError
from heddle.view.types import PROTOCOL, FetchRequest, ReportRequest, Wake

log = logging.getLogger(__name__)
Done = TypeVar("Done")

MAX_CALLS = 16
HELLO_SECONDS = 5.0
SEND_SECONDS = 30


class Connection:
    """The server's end of one agent's connection."""

    def __init__(
        self, stream: socket.socket, handler: Handler, pool: ThreadPoolExecutor, passing: Passing
    ) -> None:
        self.host = "?"
        self.scopes: frozenset[str] = frozenset()
        self.questions = False
        self._passing = passing
        self._stream = stream
        self._handler = handler
        self._pool = pool
        self._outbox: Outbox[frames.Answer | frames.Asking] = Outbox()
        self._free = threading.Semaphore(MAX_CALLS)

    def greet(self) -> None:
        check_peer(self._stream)
        self._stream.settimeout(HELLO_SECONDS)
        hello = frames.receive_from_agent(self._stream)
        if not isinstance(hello, frames.Hello):
            raise BusError("the first message must be a hello")
        self.host, self.questions = hello.host, hello.questions
        if hello.version != PROTOCOL:
            reason = (
                f"the server speaks version {PROTOCOL} of the agents' protocol and the agent of host {hello.host} "
                f"version {hello.version}: install the same release of Heddle on both, and restart them"
            )
            frames.send(self._stream, frames.Refuse(reason=reason))
            raise BusError(reason)
        frames.send(self._stream, frames.Welcome())
        self._stream.settimeout(None)
        send_timeout(self._stream)
        if self.host:
            log.info("agent connected host=%s", self.host)
        thread("bus-write", self._write)

    def read(self) -> None:
        while True:
            frame = frames.receive_from_agent(self._stream)
            if isinstance(frame, frames.Subscribe):
                self.scopes = frozenset(frame.scopes)
            elif isinstance(frame, frames.Call):
                self._free.acquire()
                try:
                    self._pool.submit(self._answer, frame)
                except RuntimeError as error:
                    raise BusError("the server is stopping") from error
            elif isinstance(frame, frames.Reply):
                self._passing.replied(self, frame)
            elif isinstance(frame, frames.Ask) and not self.host:
                self._passing.ask(self, frame)
            else:
                raise BusError("a second hello, or a question of an agent")

    def put(self, frame: frames.Answer | frames.Asking) -> None:
        self._outbox.put(frame)

    def put_wake(self, wake: Wake) -> None:
        self._outbox.put_wake(wake)

    def close(self) -> None:
        self._outbox.close()
        close(self._stream)

    def _answer(self, call: frames.Call) -> None:
        body, error = attempt(self.host, call.method, lambda: work(self._handler, self.host, call.method, call.body))
        self._free.release()
        if body is None:
            self._outbox.put(frames.Answer(id=call.id, error=error))
        else:
            self._outbox.put(frames.Answer(id=call.id, body=body))

    def _write(self) -> None:
        try:
            while (item := self._outbox.take()) is not None:
                self._send(frames.WakeUp(wake=item) if isinstance(item, Wake) else item)
        except OSError as error:
            log.warning("cannot write to an agent host=%s reason=%s", self.host, error)
            self.close()

    def _send(self, frame: frames.FromServer) -> None:
        try:
            frames.send(self._stream, frame)
        except BusError as error:
            if isinstance(frame, frames.Answer):
                frames.send(self._stream, frames.Answer(id=frame.id, error=str(error)))


def attempt(host: str, method: str, does: Callable[[], Done]) -> tuple[Done | None, str]:
    """What comes of a call, or None and the text that the agent is told; a bug is told by its name alone."""
    try:
        return does(), ""
    except (BusError, UserError, msgspec.MsgspecError) as error:
        return None, f"{method}: {error}"
    except Exception as error:
        log.exception("a call of an agent failed host=%s method=%s", host, method)
        return None, f"{method}: the server failed: {type(error).__name__}"


def work(handler: Handler, host: str, method: str, body: msgspec.Raw) -> msgspec.Raw:
    """Do what the agent of a host calls for.  Raises `BusError`, also when it speaks for another host."""
    if method == "fetch":
        fetch = msgspec.msgpack.decode(body, type=FetchRequest)
        check_host(host, fetch.host)
        return msgspec.Raw(frames.encode(handler.fetch(fetch)))
    if method == "report":
        report = msgspec.msgpack.decode(body, type=ReportRequest)
        check_host(host, report.host)
        return msgspec.Raw(frames.encode(handler.report(report)))
    raise BusError(f"the server has no method {method!r}")


def check_host(caller: str, named: str) -> None:
    """Raises `BusError` when an agent speaks for another host than its own."""
    if caller != named:
        raise BusError(f"the agent of host {caller} may not speak for host {named}")


def check_peer(stream: socket.socket) -> None:
    """Raises `BusError` when somebody else than root and this process's user is at the other end."""
    uid = _peer_uid(stream)
    if uid not in (0, os.geteuid()):
        raise BusError(f"a process of user {uid} connected; only root and this server's user may")


def _peer_uid(stream: socket.socket) -> int:
    credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", credentials)[1]
    return uid


def listen(path: Path) -> socket.socket:
    """A listening socket at `path`, in the place of one that a killed server has left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(HELLO_SECONDS)
        if path.exists() and probe.connect_ex(str(path)) == 0:
            raise BusError(f"another server listens on {path}: stop it first (heddle stop)")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener


def send_timeout(stream: socket.socket) -> None:
    """Let a write fail when the other side reads nothing for `SEND_SECONDS`; reading waits for ever."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))


def close(stream: socket.socket) -> None:
    with suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)
    stream.close()


def thread(name: str, target: Callable[..., None], *args: object) -> None:
    threading.Thread(target=target, args=args, name=name, daemon=True).start()
