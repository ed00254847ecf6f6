"""Whether a broker carries messages, and how the queue of calls is: for checks, beside the bus that works."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from heddle.bus import amqp
from heddle.bus.base import BusError
from heddle.bus.brokers import Broker
from heddle.bus.hasty import SECONDS, opened

_LOOK = 0.05


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
            declared = channel.queue_declare(amqp.CALLS, passive=True).method
        except ChannelClosedByBroker as error:
            if error.reply_code == 404:
                return None
            raise
        return CallQueue(declared.message_count, declared.consumer_count)


def _until(channel: BlockingChannel, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds() and time.monotonic() < end:
        channel.connection.process_data_events(time_limit=_LOOK)
