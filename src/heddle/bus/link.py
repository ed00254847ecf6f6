"""One connection to one of several brokers, kept by a thread of its own and made anew for ever.

The client library's connection belongs to one thread.  All that is to be done with it is handed over with `do` and
done in that order; what was handed over for a channel that is gone is dropped, for its user hears of the end.
When a broker cannot be reached the next one is tried, with growing pauses.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.utils.connection_workflow import AMQPConnectorException, AMQPConnectorStackTimeout
from pika.exceptions import AMQPError, ProbableAccessDeniedError, ProbableAuthenticationError

from heddle.bus.brokers import Broker
from heddle.bus.connection import thread
from heddle.bus.local import PAUSES

log = logging.getLogger(__name__)
logging.getLogger("pika").setLevel(logging.CRITICAL)

LOOK_SECONDS = 5.0
Work = Callable[[BlockingChannel], None]
# What comes of a connection that cannot be made, or breaks.
BROKEN = (AMQPError, AMQPConnectorException, OSError)


class Link:
    """`up(channel)` prepares each new channel before anything else; `down(reason)` hears of its end."""

    def __init__(self, brokers: Sequence[Broker], up: Work, down: Callable[[str], None]) -> None:
        self._brokers, self._up, self._down = list(brokers), up, down
        self._lock = threading.Lock()
        self._work: deque[tuple[BlockingChannel, Work]] = deque()
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None
        self._stopped = threading.Event()
        self._ended = threading.Event()
        self._connected = threading.Event()

    def start(self) -> None:
        """Returns at once."""
        thread("bus-link", self._run)

    def wait(self, seconds: float) -> bool:
        """Until the first connection, or that many seconds; whether there was one."""
        return self._connected.wait(seconds)

    @property
    def channel(self) -> BlockingChannel | None:
        """The channel of the moment, only to be handed to `do`; None without a connection."""
        return self._channel

    def do(self, work: Work, channel: BlockingChannel | None = None) -> bool:
        """Have something done with a channel, that of the moment if none is named; False when it is gone."""
        with self._lock:
            connection, current = self._connection, self._channel
            if connection is None or current is None or (channel is not None and channel is not current):
                return False
            self._work.append((current, work))
        with suppress(AMQPError):
            connection.add_callback_threadsafe(_nothing)
        return True

    def stop(self, seconds: float = 1.0) -> None:
        """Close the connection; what was handed over before is done first, as far as the time suffices."""
        self.do(lambda channel: self._stopped.set())
        if not self._connected.is_set() or not self._stopped.wait(seconds):
            self._stopped.set()
        with self._lock:
            connection = self._connection
        if connection is not None:
            with suppress(AMQPError):
                connection.add_callback_threadsafe(_nothing)
            self._ended.wait(seconds)

    def _run(self) -> None:
        failures, reason = 0, ""
        while not self._stopped.is_set():
            broker = self._brokers[failures % len(self._brokers)]
            began = time.monotonic()
            try:
                self._connection_to(broker)
            except BROKEN as error:
                reason = self._lose(broker, reason_of(broker, error), reason)
            except Exception as error:
                log.exception("the connection to the broker failed")
                reason = self._lose(broker, type(error).__name__, reason)
            if time.monotonic() - began > PAUSES[-1]:
                failures, reason = 0, ""
            rounds = failures // len(self._brokers)
            failures += 1
            self._stopped.wait(PAUSES[min(rounds, len(PAUSES) - 1)])
        self._ended.set()

    def _connection_to(self, broker: Broker) -> None:
        connection = pika.BlockingConnection(broker.parameters)
        try:
            channel = connection.channel()
            self._up(channel)
            with self._lock:
                self._connection, self._channel = connection, channel
            log.info("connected to the broker url=%s", broker.shown)
            self._connected.set()
            while not self._stopped.is_set():
                self._do_all()
                connection.process_data_events(time_limit=LOOK_SECONDS)
        finally:
            with self._lock:
                self._connection = self._channel = None
                self._work.clear()
            with suppress(*BROKEN):
                connection.close()

    def _do_all(self) -> None:
        while self._work:
            channel, work = self._work.popleft()
            work(channel)

    def _lose(self, broker: Broker, reason: str, known: str) -> str:
        if reason != known and not self._stopped.is_set():
            log.warning("no connection to the broker url=%s reason=%s", broker.shown, reason)
        self._down(reason)
        return reason


def _nothing() -> None:
    pass


def reason_of(broker: Broker, error: BaseException) -> str:
    """What went wrong, and how to mend it where that is known."""
    if isinstance(error, ProbableAuthenticationError):
        return f"the broker refuses the user {broker.user!r}: check the user and the password in {broker.setting}"
    if isinstance(error, ProbableAccessDeniedError):
        return (f"the broker refuses the virtual host to the user {broker.user!r}: check {broker.setting} and "
                "set_permissions")  # fmt: skip
    if isinstance(error, socket.gaierror):
        return f"the name of the broker cannot be resolved: {error.strerror}"
    if isinstance(error, AMQPConnectorStackTimeout):
        return "it takes the connection and then does not answer: is it a broker?"
    causes = [str(part) for part in (error, *getattr(error, "exceptions", ())) if str(part)]
    return causes[0] if causes else _cause(error)


def _cause(error: BaseException) -> str:
    """The text of the first cause that has one."""
    seen: BaseException | None = error
    while seen is not None:
        inside = (*seen.args[:1], getattr(seen, "exception", None))
        inner = next((each for each in inside if isinstance(each, BaseException)), None)
        if str(seen):
            return str(seen)
        seen = inner or seen.__cause__ or seen.__context__
    return type(error).__name__
