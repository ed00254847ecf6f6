"""Whether a broker carries messages, and how the queue of calls is: for checks, beside the bus that works."""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from heddle.bus import amqp
from heddle.bus.base import BusError
from heddle.bus.brokers import Broker
from heddle.bus.link import BROKEN, reason_of

SECONDS = 3.0
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class CallQueue:
    """How many calls wait to be taken, and how many servers take them."""

    waiting: int
    servers: int


def round_trip(broker: Broker) -> float:
    """Publish a message and consume it; returns the seconds that it took.  Raises `BusError` with the reason."""
    with _open(broker) as (channel, blocked):
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
    with _open(broker) as (channel, _):
        try:
            declared = channel.queue_declare(amqp.CALLS, passive=True).method
        except ChannelClosedByBroker as error:
            if error.reply_code == 404:
                return None
            raise
        return CallQueue(declared.message_count, declared.consumer_count)


@contextmanager
def _open(broker: Broker) -> Iterator[tuple[BlockingChannel, list[str]]]:
    """A channel of a connection of its own, and why the broker holds up who publishes, as soon as it says so."""
    blocked: list[str] = []
    connection = None
    try:
        connection = pika.BlockingConnection(_hasty(broker.parameters))
        connection.add_on_connection_blocked_callback(lambda _, frame: blocked.append(str(frame.method.reason)))
        yield connection.channel(), blocked
    except BROKEN as error:
        raise BusError(f"{broker.shown}: {reason_of(broker, error)}") from error
    finally:
        if connection is not None and connection.is_open:
            with suppress(*BROKEN):
                connection.close()


def _hasty(parameters: pika.ConnectionParameters) -> pika.ConnectionParameters:
    found = copy.copy(parameters)
    found.socket_timeout = found.stack_timeout = found.blocked_connection_timeout = SECONDS
    return found


def _until(channel: BlockingChannel, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds() and time.monotonic() < end:
        channel.connection.process_data_events(time_limit=_LOOK)
