"""An agent's calls that wait for their answers, whatever carries them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeVar

import msgspec

from heddle.bus.base import BusError
from heddle.view.types import FetchReply, ReportReply

Reply = TypeVar("Reply", FetchReply, ReportReply)
Body = bytes | msgspec.Raw


class Pending:
    """`timeout`: the seconds that a call waits; `late`: what is said of the other side when it did not answer."""

    def __init__(self, timeout: float, late: str) -> None:
        self._timeout, self._late = timeout, late
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[str, Future[Body]] = {}

    def call(self, method: str, send: Callable[[str], None], reply: type[Reply]) -> Reply:
        """`send` the call under an id, which its answer bears, and wait for that.  Raises `BusError`."""
        future: Future[Body] = Future()
        id = str(next(self._ids))
        with self._lock:
            self._waiting[id] = future
        try:
            send(id)
            return msgspec.msgpack.decode(future.result(self._timeout), type=reply)
        except FutureTimeout as error:
            raise BusError(f"{method}: {self._late} within {self._timeout:g} s") from error
        except msgspec.MsgspecError as error:
            raise BusError(f"{method}: the server's answer is not understood: {error}") from error
        finally:
            self._take(id)

    def answer(self, id: str, body: Body) -> None:
        """An answer came; it is dropped when nobody waits for it any more."""
        future = self._take(id)
        if future is not None:
            future.set_result(body)

    def fail(self, id: str, reason: str) -> None:
        future = self._take(id)
        if future is not None:
            future.set_exception(BusError(reason))

    def fail_all(self, reason: str) -> None:
        """The connection is gone, and with it the answers of all that wait."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            future.set_exception(BusError(reason))

    def _take(self, id: str) -> Future[Body] | None:
        with self._lock:
            return self._waiting.pop(id, None)
