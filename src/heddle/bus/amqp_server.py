"""The server's side of the bus over AMQP (`amqp.py`)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pika
from pika.adapters.blocking_connection import BlockingChannel

from heddle.bus import amqp, frames
from heddle.bus.base import BusError, Handler
from heddle.bus.brokers import Broker
from heddle.bus.connection import attempt, work
from heddle.bus.link import Link
from heddle.bus.outbox import Outbox
from heddle.bus.seal import holds, seal
from heddle.view.types import PROTOCOL, Wake

log = logging.getLogger(__name__)


class AmqpServerBus:
    """`calls` is the number of calls that are worked on at once; `timeout` how long an agent waits, in seconds."""

    def __init__(self, brokers: Sequence[Broker], timeout: float = 30.0, calls: int = 4) -> None:
        self._calls, self._timeout = calls, timeout
        self._wakes: Outbox[Wake] = Outbox()
        self._link = Link(brokers, self._up, lambda reason: None)

    def start(self, handler: Handler) -> None:
        self._handler = handler
        self._pool = ThreadPoolExecutor(self._calls, thread_name_prefix="bus-call")
        self._link.start()

    def wake(self, scopes: Iterable[str], request_id: str = "") -> None:
        self._wakes.put_wake(Wake(scopes=sorted(scopes), request_id=request_id))
        self._link.do(self._send_wakes)

    def hears(self) -> bool:
        return self._link.channel is not None

    def stop(self) -> None:
        self._link.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _up(self, channel: BlockingChannel) -> None:
        amqp.declare(channel)
        amqp.declare_calls(channel)
        channel.queue_bind(amqp.CALLS, amqp.CALL, amqp.CALLS)
        channel.basic_qos(prefetch_count=2 * self._calls)
        self._wakes.put_wake(Wake(scopes=[]))
        self._send_wakes(channel)
        channel.basic_consume(amqp.CALLS, self._called)

    def _send_wakes(self, channel: BlockingChannel) -> None:
        while len(self._wakes):
            wake = self._wakes.take()
            if wake is None:
                return
            first, *others = wake.scopes or [amqp.ALL]
            properties = pika.BasicProperties(
                expiration=amqp.lasting(amqp.WAKE_SECONDS), headers={"CC": others} if others else None
            )
            channel.basic_publish(amqp.WAKE, first, frames.encode(wake), properties)

    def _called(self, channel: BlockingChannel, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        self._pool.submit(self._answer, channel, method.delivery_tag, properties, body)

    def _answer(self, channel: BlockingChannel, tag: int, properties: pika.BasicProperties, body: bytes) -> None:
        headers: dict[str, Any] = dict(properties.headers or {})
        correlation_id, reply_to = properties.correlation_id or "", properties.reply_to or ""
        done, error = attempt(
            str(headers.get("host")), str(headers.get("method")),
            lambda: self._worked(headers, properties, body, correlation_id),
        )  # fmt: skip
        answer, mac = done or (b"", "")
        reply = pika.BasicProperties(
            correlation_id=correlation_id, expiration=amqp.lasting(self._timeout),
            headers={"error": error} if error else {"mac": mac},
        )  # fmt: skip

        def send(channel: BlockingChannel) -> None:
            if reply_to:
                channel.basic_publish("", reply_to, answer, reply)
            channel.basic_ack(tag)

        self._link.do(send, channel)

    def _worked(
        self, headers: dict[str, Any], properties: pika.BasicProperties, body: bytes, correlation_id: str
    ) -> tuple[bytes, str]:
        """The answer and its seal.  Raises `BusError` for a call that is refused."""
        host, method = str(headers.get("host", "")), str(headers.get("method", ""))
        if str(headers.get("version")) != str(PROTOCOL):
            raise BusError(
                f"the server speaks version {PROTOCOL} of the agents' protocol and the agent of host {host} version "
                f"{headers.get('version')}: install the same release of Heddle on both, and restart them"
            )
        key = self._handler.key(host)
        if not holds(key, str(headers.get("mac", "")), amqp.call_parts(headers, properties), body):
            log.warning("a call was refused, its seal is not that of the host host=%s method=%s", host[:255], method)
            raise BusError(
                f"the server does not know the key of host {host!r}: run `heddle host add {host}` on a server (or "
                f"`heddle host key {host}` if it is there) and write what it prints into the agent's key file"
            )
        answer = bytes(work(self._handler, host, method, msgspec.Raw(body)))
        if len(answer) > frames.MAX_FRAME:
            raise BusError(
                f"an answer of {len(answer)} bytes is longer than the {frames.MAX_FRAME} that the bus carries"
            )
        return answer, seal(key, amqp.answer_parts(correlation_id), answer)
