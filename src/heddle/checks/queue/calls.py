"""Servers take the calls of agents, and do not fall behind."""

from __future__ import annotations

from dataclasses import dataclass

from heddle.bus import probe
from heddle.bus.base import BusError
from heddle.bus.brokers import Broker
from heddle.checks.base import CannotSee, Check, Finding, Level, failure, warning, well
from heddle.checks.beside import beside
from heddle.checks.context import Context
from heddle.checks.known_brokers import NO_BROKER, SECONDS, known
from heddle.checks.words import counted

BACKLOG = 100


def check(context: Context) -> Finding:
    brokers = known(context)
    if not brokers:
        return NO_BROKER
    answers = beside(_ask, brokers, SECONDS)
    for answer in answers:
        if isinstance(answer, _Said):
            return _judge(answer.queue)
    reasons = [answer for answer in answers if isinstance(answer, str)]
    raise CannotSee(f"no broker answers (queue-round-trip says more): {(reasons or ['each hangs'])[0]}")


@dataclass(frozen=True, slots=True)
class _Said:
    queue: probe.CallQueue | None


def _ask(broker: Broker) -> _Said | str:
    try:
        return _Said(probe.call_queue(broker))
    except BusError as error:
        return str(error)


def _judge(found: probe.CallQueue | None) -> Finding:
    if found is None:
        return failure("there is no queue for calls: no server has ever connected to this broker")
    calls = counted(found.waiting, "call waits", "calls wait")
    evidence = f"{calls}, {counted(found.servers, 'server takes', 'servers take')} them"
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
    openstack="the queue heddle.calls is Heddle's; each service of OpenStack has queues of its own",
    seconds=8,
)
