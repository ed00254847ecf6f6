"""Whether brokers carry messages, and how what is shared at them is: for checks, beside the bus that works."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from heddle.bus import amqp
from heddle.bus.base import BusError
from heddle.bus.brokers import Broker
from heddle.bus.hasty import SECONDS, opened

_LOOK = 0.05
_SHARED: dict[str, Callable[..., object]] = {
    f"the exchange {amqp.WAKE}": partial(amqp.declare_exchange, name=amqp.WAKE),
    f"the exchange {amqp.CALL}": partial(amqp.declare_exchange, name=amqp.CALL),
    f"the queue {amqp.CALLS}": amqp.declare_calls,
}


@dataclass(frozen=True, slots=True)
class CallQueue:
    """How many calls wait to be taken, and how many servers take them."""

    waiting: int
    servers: int


def round_trip(broker: Broker) -> float:
    """Publish a message and consume it; returns the seconds that it took.  Raises `BusError` with the reason."""
    with opened(broker) as (channel, blocked):
        queue, came = f"heddle.probe.{secrets.token_hex(8)}", []
        channel.queue_declare(queue, exclusive=True, auto_delete=True)
        channel.basic_consume(queue, lambda *parts: came.append(parts[3]), auto_ack=True)
        started, sent = time.monotonic(), secrets.token_bytes(16)
        channel.basic_publish("", queue, sent)
        _until(channel, lambda: bool(came or blocked))
        if blocked:
            raise BusError(f"{broker.shown} holds up who publishes: {blocked[0]}")
        if came != [sent]:
            raise BusError(f"{broker.shown} did not bring back a message within {SECONDS:g} s")
        return time.monotonic() - started


def call_queue(broker: Broker) -> CallQueue | None:
    """How the queue is that the calls of agents go through; None where no server has made it yet.

    Raises `BusError` with the reason.
    """
    with opened(broker) as (channel, _):
        try:
            declared = amqp.declare_calls(channel, passive=True)
        except ChannelClosedByBroker as error:
            if error.reply_code == 404:
                return None
            raise
        return CallQueue(declared.message_count, declared.consumer_count)


def reach(broker: Broker) -> float:
    """The seconds until it takes a connection and gives a channel.  Raises `BusError` with the reason."""
    started = time.monotonic()
    with opened(broker):
        return time.monotonic() - started


def declarations(broker: Broker) -> dict[str, str]:
    """What the broker says against each exchange and queue that is shared, when it is declared as programs do it.

    "" for nothing; those that are not there are left out, for to declare them would make them.  Raises `BusError`.
    """
    found: dict[str, str] = {}
    with opened(broker) as (channel, _):
        for name, declare in _SHARED.items():
            against = _refused(channel.connection, partial(declare, passive=True), 404)
            if against is None:
                found[name] = _refused(channel.connection, declare, 406) or ""
    return found


def _refused(
    connection: pika.BlockingConnection, declare: Callable[[BlockingChannel], object], code: int
) -> str | None:
    """The broker's text when it closes the channel with this code; None when the declaration is well."""
    channel = connection.channel()
    try:
        declare(channel)
    except ChannelClosedByBroker as error:
        if error.reply_code != code:
            raise
        return str(error.reply_text)
    channel.close()
    return None


def across(here: Broker, there: Broker) -> float:
    """Publish a message at one broker to a queue of the other; the seconds until it came.  Raises `BusError`."""
    with opened(here) as (mine, _), opened(there) as (other, blocked):
        queue, came, back = f"heddle.probe.{secrets.token_hex(8)}", [], []
        mine.queue_declare(queue, exclusive=True, auto_delete=True)
        mine.basic_consume(queue, lambda *parts: came.append(parts[3]), auto_ack=True)
        other.add_on_return_callback(lambda *parts: back.append(parts))
        started, sent = time.monotonic(), secrets.token_bytes(16)
        other.basic_publish("", queue, sent, mandatory=True)
        _until(mine, lambda: bool(came or back or blocked), other)
        if came != [sent]:
            why = "it knows no queue of the other" if back else (blocked or [f"nothing came within {SECONDS:g} s"])[0]
            raise BusError(f"{there.shown} does not bring a message to {here.shown}: {why}")
        return time.monotonic() - started


def _until(channel: BlockingChannel, holds: Callable[[], bool], *others: BlockingChannel) -> None:
    end = time.monotonic() + SECONDS
    while not holds() and time.monotonic() < end:
        for each in (*others, channel):
            each.connection.process_data_events(time_limit=_LOOK / (1 + len(others)))
