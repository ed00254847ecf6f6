"""The bus inside one process, for tests: messages are encoded and decoded as on a wire."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from heddle.bus.base import BusError, Handler
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

    def leave(self, agent: MemoryAgentBus) -> None:
        with self._lock:
            self._agents = [other for other in self._agents if other is not agent]


class MemoryAgentBus:
    def __init__(self, server: MemoryServerBus) -> None:
        self.scopes: frozenset[str] = frozenset()
        self._host = ""
        self._server = server
        self._wakes: Outbox[Wake] = Outbox()

    def start(self, host: str, on_wake: Callable[[Wake], None]) -> None:
        self._host = host
        threading.Thread(target=self._hand_on, args=(on_wake,), daemon=True, name=f"wake-{host}").start()
        self._server.join(self)

    def subscribe(self, scopes: Iterable[str]) -> None:
        self.scopes = frozenset(scopes)

    def fetch(self, request: FetchRequest) -> FetchReply:
        check_host(self._host, request.host)
        return self._call("fetch", lambda handler: handler.fetch(_travel(request)))

    def report(self, request: ReportRequest) -> ReportReply:
        check_host(self._host, request.host)
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


def _travel(message: Message) -> Message:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=type(message))
