"""Asking agents over AMQP (`amqp.py`): questions and replies bear the seal of the host that is asked.

Where nobody takes the questions to a host, the broker sends them back at once.  What comes without the seal is no
reply, and the host's own is still waited for: whoever has an agent's account may send something.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from heddle.bus import amqp, hasty
from heddle.bus.ask import Lack, Outcome, late
from heddle.bus.base import BusError
from heddle.bus.brokers import Broker
from heddle.bus.seal import holds, seal

_LOOK = 0.05
ABSENT = Outcome(lack=Lack.ABSENT, reason="nobody takes questions to it at the broker")
KEYLESS = Outcome(lack=Lack.ABSENT, reason="it has no key: `heddle host add` makes one")
FORGED = Outcome(lack=Lack.REFUSED, reason="what came back does not bear the seal of its key: it has another one")


class AmqpAsker:
    """`keys` gives the secrets of those of the hosts that have one."""

    def __init__(self, brokers: Sequence[Broker], keys: Callable[[Collection[str]], Mapping[str, str]]) -> None:
        self._brokers, self._keys = brokers, keys

    def ask(self, questions: Mapping[str, bytes], seconds: float) -> dict[str, Outcome]:
        keys = self._keys(questions.keys())
        round = _Round({host: body for host, body in questions.items() if host in keys}, keys, seconds)
        with hasty.first(self._brokers) as (_, channel):
            try:
                round.go(channel)
            except ChannelClosedByBroker as error:
                if error.reply_code != 404:
                    raise
                raise BusError("no server or agent has ever connected to this broker") from error
        return {host: round.found.get(host) or (KEYLESS if host not in keys else late(seconds)) for host in questions}


class _Round:
    """One question to each host, and what has come back."""

    def __init__(self, questions: Mapping[str, bytes], keys: Mapping[str, str], seconds: float) -> None:
        self.found: dict[str, Outcome] = {}
        self._questions, self._keys, self._seconds = questions, keys, seconds
        self._asked = {secrets.token_hex(16): host for host in questions}
        self._open = set(questions)
        self._queue = amqp.asker_queue(secrets.token_hex(8))

    def go(self, channel: BlockingChannel) -> None:
        channel.queue_declare(self._queue, exclusive=True, auto_delete=True)
        channel.queue_bind(self._queue, amqp.CALL, self._queue)
        channel.add_on_return_callback(self._returned)
        channel.basic_consume(self._queue, self._came, auto_ack=True)
        self._began = time.monotonic()
        for id, host in self._asked.items():
            self._send(channel, id, host)
        while self._open and (left := self._began + self._seconds - time.monotonic()) > 0:
            channel.connection.process_data_events(time_limit=min(left, _LOOK))

    def _send(self, channel: BlockingChannel, id: str, host: str) -> None:
        properties = pika.BasicProperties(
            reply_to=self._queue, correlation_id=id, expiration=amqp.lasting(self._seconds), headers={}
        )
        body = self._questions[host]
        properties.headers["mac"] = seal(self._keys[host], amqp.question_parts(host, properties), body)
        channel.basic_publish(amqp.WAKE, amqp.ask_key(host), body, properties, mandatory=True)

    def _came(self, channel: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        id = properties.correlation_id or ""
        host = self._asked.get(id, "")
        if host not in self._open:
            return
        mac = str((properties.headers or {}).get("mac", ""))
        if holds(self._keys[host], mac, amqp.reply_parts(host, id), body):
            self.found[host] = Outcome(body, time.monotonic() - self._began)
            self._open.discard(host)
        else:
            self.found[host] = FORGED

    def _returned(self, channel: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        if host := self._asked.get(properties.correlation_id or ""):
            self.found[host] = ABSENT
            self._open.discard(host)
