"""Connections to brokers for who only looks: they give up soon, and each is closed by who opened it."""

from __future__ import annotations

import copy
import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pika
from pika.adapters.blocking_connection import BlockingChannel

from heddle.bus.base import BusError
from heddle.bus.brokers import Broker
from heddle.bus.connection import thread
from heddle.bus.link import BROKEN, reason_of

SECONDS = 3.0
Came = queue.SimpleQueue[tuple[Broker, pika.BlockingConnection | Exception]]


@contextmanager
def opened(broker: Broker) -> Iterator[tuple[BlockingChannel, list[str]]]:
    """A channel of a connection of its own, and why the broker holds up who publishes, as soon as it says so.

    Raises `BusError`, also for what breaks while it is used.
    """
    try:
        connection = _connected(broker)
    except BROKEN as error:
        raise BusError(f"{broker.shown}: {reason_of(broker, error)}") from error
    blocked: list[str] = []
    connection.add_on_connection_blocked_callback(lambda _, frame: blocked.append(str(frame.method.reason)))
    with _used(broker, connection) as channel:
        yield channel, blocked


@contextmanager
def first(brokers: Sequence[Broker]) -> Iterator[tuple[Broker, BlockingChannel]]:
    """A channel to the one of several that answers first: those that hang cost no time while another is there.

    Raises `BusError`.
    """
    came: Came = queue.SimpleQueue()
    for broker in brokers:
        thread("bus-look", _connect, broker, came)
    reasons, left, end = [], len(brokers), time.monotonic() + SECONDS + 1
    try:
        while left:
            try:
                broker, found = came.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                reasons.append(f"{left} brokers have not answered after {SECONDS + 1:g} s")
                break
            left -= 1
            if isinstance(found, pika.BlockingConnection):
                with _used(broker, found) as channel:
                    yield broker, channel
                return
            reasons.append(f"{broker.shown}: {reason_of(broker, found)}")
    finally:
        thread("bus-look", _close_later, came, left)
    raise BusError("; ".join(reasons))


@contextmanager
def _used(broker: Broker, connection: pika.BlockingConnection) -> Iterator[BlockingChannel]:
    try:
        yield connection.channel()
    except BROKEN as error:
        raise BusError(f"{broker.shown}: {reason_of(broker, error)}") from error
    finally:
        _close(connection)


def _connect(broker: Broker, came: Came) -> None:
    try:
        came.put((broker, _connected(broker)))
    except Exception as error:
        came.put((broker, error))


def _close_later(came: Came, number: int) -> None:
    for _ in range(number):
        found = came.get()[1]
        if isinstance(found, pika.BlockingConnection):
            _close(found)


def _connected(broker: Broker) -> pika.BlockingConnection:
    parameters = copy.copy(broker.parameters)
    parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = SECONDS
    return pika.BlockingConnection(parameters)


def _close(connection: pika.BlockingConnection) -> None:
    if connection.is_open:
        with suppress(*BROKEN):
            connection.close()
