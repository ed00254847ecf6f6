"""Servers take the calls of agents, and do not fall behind."""

from __future__ import annotations

from heddle.bus import probe
from heddle.bus.base import BusError
from heddle.bus.brokers import brokers
from heddle.checks.base import CannotSee, Check, Finding, Level, failure, not_applicable, warning, well
from heddle.checks.context import Context
from heddle.errors import ConfigError

BACKLOG = 100


def check(context: Context) -> Finding:
    settings = context.settings.bus
    if not settings.url:
        return not_applicable("bus.url is not set: server and agent are joined by a Unix socket")
    reasons = []
    try:
        for broker in brokers(settings)[:2]:
            try:
                return _judge(probe.call_queue(broker))
            except BusError as error:
                reasons.append(str(error))
    except ConfigError as error:
        reasons.append(str(error))
    raise CannotSee(f"no broker answers (queue-round-trip says more): {reasons[0]}")


def _judge(found: probe.CallQueue | None) -> Finding:
    if found is None:
        return failure("there is no queue for calls: no server has ever connected to this broker")
    evidence = f"{found.waiting} calls wait, {found.servers} servers take them"
    if not found.servers:
        return failure(f"no server takes the calls of agents; {found.waiting} wait", evidence)
    if found.waiting > BACKLOG:
        mend = "The servers cannot keep up: look at their load and the database's, or add a server."
        return warning(f"{found.waiting} calls of agents wait", evidence, remedy=mend)
    return well(evidence, evidence)


CHECK = Check(
    id="queue-calls",
    title="Servers take the calls of agents",
    reads="the queue heddle.calls: its messages and consumers",
    severity=Level.FAILURE,
    remedy="Start a server (`heddle server`), with the same bus.url; its log says why it does not connect.",
    check=check,
    seconds=8,
)
