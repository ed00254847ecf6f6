"""The brokers of `bus.url`, for the checks that look at them; whether each answers is said by queue-round-trip."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from heddle.bus.base import BusError
from heddle.bus.brokers import Broker, brokers
from heddle.checks.base import CannotSee, Finding, not_applicable
from heddle.checks.beside import beside
from heddle.checks.context import Context
from heddle.errors import ConfigError

A = TypeVar("A")
SECONDS = 7.0
NO_BROKER: Finding = not_applicable("bus.url is not set: server and agent are joined by a Unix socket")


def known(context: Context) -> list[Broker]:
    """None are there without `bus.url`.  Raises `CannotSee` for one that says nothing."""
    settings = context.settings.bus
    if not settings.url:
        return []
    try:
        return brokers(settings)
    except ConfigError as error:
        raise CannotSee(f"no broker can be asked (queue-round-trip says more): {error}") from error


def each(ask: Callable[[Broker], A], whom: list[Broker], seconds: float = SECONDS) -> list[A | BusError]:
    """What comes of asking each of them, beside each other and for that long."""

    def one(broker: Broker) -> A | BusError:
        try:
            return ask(broker)
        except BusError as error:
            return error

    found = zip(whom, beside(one, whom, seconds), strict=True)
    return [BusError(f"{broker.shown} has not answered after {seconds:g} s") if said is None else said
            for broker, said in found]  # fmt: skip
