"""The bus inside one process, for tests: messages are encoded and decoded as on a wire."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

import msgspec

from heddle.bus.ask import GONE, Lack, Outcome, late
from heddle.bus.base import BusError, Handler, Questioned
from heddle.bus.connection import check_host
from heddle.bus.outbox import Outbox
from heddle.view.types import FetchReply, FetchRequest, ReportReply, ReportRequest, Wake

Message = TypeVar("Message", FetchRequest, FetchReply, ReportRequest, ReportReply)


class MemoryServerBus:
    """The server's side; agents are made with `MemoryAgentBus(server)`."""

    def __init__(self) -> None:
        self.handler: Handler | None = None
        self._lock = threading.Lock()
        self._agents: list[MemoryAgentBus] = []

    def start(self, handler: Handler) -> None:
        with self._lock:
            self.handler = handler
            agents = list(self._agents)
        for agent in agents:
            agent.put_wake(Wake(scopes=[]))

    def wake(self, scopes: Iterable[str], request_id: str = "") -> None:
        scopes = set(scopes)
        with self._lock:
            agents = list(self._agents) if self.handler else []
        for agent in agents:
            wanted = scopes & agent.scopes
            if wanted or not scopes:
                agent.put_wake(Wake(scopes=sorted(wanted), request_id=request_id))

    def hears(self) -> bool:
        return self.handler is not None

    def stop(self) -> None:
        self.handler = None

    def join(self, agent: MemoryAgentBus) -> None:
        with self._lock:
            self._agents.append(agent)
            running = self.handler is not None
        if running:
            agent.put_wake(Wake(scopes=[]))

    def questioned(self, host: str) -> Questioned | None:
        with self._lock:
            return next((agent.questioned for agent in self._agents if agent.host == host and agent.questioned), None)

    def leave(self, agent: MemoryAgentBus) -> None:
        with self._lock:
            self._agents = [other for other in self._agents if other is not agent]


class MemoryAgentBus:
    def __init__(self, server: MemoryServerBus) -> None:
        self.scopes: frozenset[str] = frozenset()
        self.host = ""
        self.questioned: Questioned | None = None
        self._server = server
        self._wakes: Outbox[Wake] = Outbox()

    def answer(self, questioned: Questioned) -> None:
        self.questioned = questioned

    def start(self, host: str, on_wake: Callable[[Wake], None]) -> None:
        self.host = host
        threading.Thread(target=self._hand_on, args=(on_wake,), daemon=True, name=f"wake-{host}").start()
        self._server.join(self)

    def subscribe(self, scopes: Iterable[str]) -> None:
        self.scopes = frozenset(scopes)

    def fetch(self, request: FetchRequest) -> FetchReply:
        check_host(self.host, request.host)
        return self._call("fetch", lambda handler: handler.fetch(_travel(request)))

    def report(self, request: ReportRequest) -> ReportReply:
        check_host(self.host, request.host)
        return self._call("report", lambda handler: handler.report(_travel(request)))

    def stop(self) -> None:
        self._server.leave(self)
        self._wakes.close()

    def put_wake(self, wake: Wake) -> None:
        self._wakes.put_wake(wake)

    def _call(self, method: str, work: Callable[[Handler], Message]) -> Message:
        handler = self._server.handler
        if handler is None:
            raise BusError("the server cannot be reached: it is stopped")
        try:
            return _travel(work(handler))
        except Exception as error:
            raise BusError(f"{method}: {error}") from error

    def _hand_on(self, on_wake: Callable[[Wake], None]) -> None:
        while (wake := self._wakes.take()) is not None:
            on_wake(wake)


class MemoryAsker:
    def __init__(self, server: MemoryServerBus) -> None:
        self._server = server

    def ask(self, questions: Mapping[str, bytes], seconds: float) -> dict[str, Outcome]:
        came: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        found: dict[str, Outcome] = {}
        began = time.monotonic()
        for host, question in questions.items():
            questioned = self._server.questioned(host)
            if questioned is None:
                found[host] = Outcome(lack=Lack.ABSENT, reason=GONE)
            else:
                questioned(question, partial(_put, came, host))
        while len(found) < len(questions) and (left := began + seconds - time.monotonic()) > 0:
            try:
                host, told = came.get(timeout=left)
            except queue.Empty:
                break
            found[host] = Outcome(told, time.monotonic() - began)
        return {host: found.get(host) or late(seconds) for host in questions}


def _put(came: queue.SimpleQueue[tuple[str, bytes]], host: str, told: bytes) -> None:
    came.put((host, told))


def _travel(message: Message) -> Message:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=type(message))
