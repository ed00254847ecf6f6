"""The agent's side of the bus over AMQP (`amqp.py`)."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import pika
from pika.adapters.blocking_connection import BlockingChannel

from heddle.bus import amqp, frames
from heddle.bus.base import BusError, Questioned
from heddle.bus.brokers import Broker
from heddle.bus.connection import thread
from heddle.bus.link import Link
from heddle.bus.local import FIRST_CONNECT_SECONDS
from heddle.bus.outbox import Outbox, hand_on
from heddle.bus.pending import Pending
from heddle.bus.seal import holds, seal
from heddle.view.types import PROTOCOL, FetchReply, FetchRequest, ReportReply, ReportRequest, Wake

log = logging.getLogger(__name__)

_wake_up = msgspec.msgpack.Decoder(Wake)


class AmqpAgentBus:
    """`key` is the host's secret; `timeout` the seconds that a call waits for its answer."""

    def __init__(self, brokers: Sequence[Broker], key: str, timeout: float = 30.0) -> None:
        self._key, self._timeout = key, timeout
        self._lock = threading.Lock()
        self._pending = Pending(timeout, "no server answered")
        self._scopes: frozenset[str] = frozenset()
        self._bound: frozenset[str] = frozenset()
        self._host = self._queue = ""
        self._reason = "not connected yet"
        self._wakes: Outbox[Wake] = Outbox()
        self._questioned: Questioned | None = None
        self._link = Link(brokers, self._up, self._lost)

    def answer(self, questioned: Questioned) -> None:
        self._questioned = questioned

    def start(self, host: str, on_wake: Callable[[Wake], None]) -> None:
        self._host = host
        thread("bus-wake", hand_on, self._wakes, on_wake)
        self._link.start()
        self._link.wait(FIRST_CONNECT_SECONDS)

    def subscribe(self, scopes: Iterable[str]) -> None:
        with self._lock:
            self._scopes = frozenset(scopes)
        self._link.do(self._bind)

    def fetch(self, request: FetchRequest) -> FetchReply:
        body = frames.encode(request)
        return self._pending.call("fetch", lambda id: self._call("fetch", body, id), FetchReply)

    def report(self, request: ReportRequest) -> ReportReply:
        body = frames.encode(request)
        return self._pending.call("report", lambda id: self._call("report", body, id), ReportReply)

    def stop(self) -> None:
        self._wakes.close()
        self._link.stop()

    # Calls

    def _call(self, method: str, body: bytes, id: str) -> None:
        if not self._link.do(lambda channel: self._send(channel, method, id, body)):
            raise BusError(f"the broker cannot be reached: {self._reason}")

    def _send(self, channel: BlockingChannel, method: str, correlation_id: str, body: bytes) -> None:
        headers = {"version": PROTOCOL, "host": self._host, "method": method}
        properties = pika.BasicProperties(
            reply_to=self._queue, correlation_id=correlation_id, expiration=amqp.lasting(self._timeout), headers=headers
        )
        headers["mac"] = seal(self._key, amqp.call_parts(headers, properties), body)
        channel.basic_publish(amqp.CALL, amqp.CALLS, body, properties, mandatory=True)

    def _answered(self, properties: pika.BasicProperties, body: bytes) -> None:
        correlation_id, headers = properties.correlation_id or "", properties.headers or {}
        if error := headers.get("error"):
            self._pending.fail(correlation_id, str(error))
        elif not holds(self._key, str(headers.get("mac", "")), amqp.answer_parts(correlation_id), body):
            text = "the answer does not bear the seal of this host's key: it is not a server's"
            self._pending.fail(correlation_id, text)
        else:
            self._pending.answer(correlation_id, body)

    def _returned(self, channel: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        self._pending.fail(properties.correlation_id or "", "no server listens at the broker")

    # Questions

    def _asked(self, properties: pika.BasicProperties, body: bytes) -> None:
        """Hand on what bears this host's seal; whoever has another key for it hears that much."""
        correlation_id, asker = properties.correlation_id or "", properties.reply_to or ""

        def reply(told: bytes) -> None:
            mac = seal(self._key, amqp.reply_parts(self._host, correlation_id), told)
            self._link.do(lambda channel: _send_reply(channel, asker, correlation_id, told, mac))

        found = str((properties.headers or {}).get("mac", ""))
        if self._questioned is None or not holds(self._key, found, amqp.question_parts(self._host, properties), body):
            log.warning("a question was refused, its seal is not that of this host's key")
            self._link.do(lambda channel: _send_reply(channel, asker, correlation_id, b"", ""))
        else:
            self._questioned(body, reply)

    # The connection

    def _up(self, channel: BlockingChannel) -> None:
        amqp.declare(channel)
        self._queue = amqp.agent_queue(self._host, secrets.token_hex(8))
        channel.queue_declare(self._queue, exclusive=True, auto_delete=True)
        channel.queue_bind(self._queue, amqp.WAKE, amqp.ALL)
        if self._questioned is not None:
            channel.queue_bind(self._queue, amqp.WAKE, amqp.ask_key(self._host))
        channel.add_on_return_callback(self._returned)
        self._bound = frozenset()
        self._bind(channel)
        channel.basic_consume(self._queue, self._came, auto_ack=True)
        self._wakes.put_wake(Wake(scopes=[]))

    def _bind(self, channel: BlockingChannel) -> None:
        with self._lock:
            wanted = self._scopes
        for scope in wanted - self._bound:
            channel.queue_bind(self._queue, amqp.WAKE, scope)
        for scope in self._bound - wanted:
            channel.queue_unbind(self._queue, amqp.WAKE, scope)
        self._bound = wanted

    def _came(self, channel: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        if method.exchange == amqp.WAKE and method.routing_key == amqp.ask_key(self._host):
            self._asked(properties, body)
            return
        if properties.correlation_id:
            self._answered(properties, body)
            return
        try:
            wake = _wake_up.decode(body)
        except msgspec.MsgspecError as error:
            log.warning("not a wake-up: %s", error)
            return
        scopes = sorted(self._bound.intersection(wake.scopes))
        if scopes or not wake.scopes:
            self._wakes.put_wake(Wake(scopes=scopes, request_id=wake.request_id))

    def _lost(self, reason: str) -> None:
        self._reason = reason
        self._pending.fail_all(f"the connection to the broker broke: {reason}")


def _send_reply(channel: BlockingChannel, asker: str, correlation_id: str, told: bytes, mac: str) -> None:
    lasting = amqp.lasting(amqp.WAKE_SECONDS)
    properties = pika.BasicProperties(correlation_id=correlation_id, expiration=lasting, headers={"mac": mac})
    channel.basic_publish(amqp.CALL, asker, told, properties)
