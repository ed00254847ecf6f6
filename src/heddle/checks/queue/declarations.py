"""Exchanges and queues that are shared are as the programs declare them: else no server or agent can connect.

A broker refuses to declare again what is there with another type, durability or arguments (PRECONDITION_FAILED); so it
is asked in the words of the program, after a passive declaration has shown that the thing is there already.
"""

from __future__ import annotations

from heddle.bus import probe
from heddle.bus.base import BusError
from heddle.checks.base import CannotSee, Check, Finding, Level, failure, not_applicable, well
from heddle.checks.context import Context
from heddle.checks.known_brokers import NO_BROKER, each, known


def check(context: Context) -> list[Finding]:
    brokers = known(context)
    if not brokers:
        return [NO_BROKER]
    answers = each(probe.declarations, brokers)
    told = zip(brokers, answers, strict=True)
    found = {broker.shown: said for broker, said in told if not isinstance(said, BusError)}
    if not found:
        raise CannotSee(f"no broker answers (queue-round-trip says more): {answers[0]}")
    against = {(name, text): shown for shown, said in found.items() for name, text in said.items() if text}
    if against:
        return [failure(f"{name} is not as programs declare it: {text}", shown)
                for (name, text), shown in against.items()]  # fmt: skip
    there = sorted({name for said in found.values() for name in said})
    if not there:
        return [not_applicable("no server or agent has ever connected: nothing is there yet")]
    return [well(f"{', '.join(there)}: as programs declare them", "; ".join(found))]


CHECK = Check(
    id="queue-declarations",
    title="Exchanges and queues are as programs declare them",
    reads="the exchanges heddle.wake and heddle.call and the queue heddle.calls: type, durability, arguments",
    severity=Level.FAILURE,
    remedy="Delete it (`rabbitmqctl delete_queue`, or the management page) and look who made it so; servers and agents "
    "make it anew when they connect. What is in it is of use for seconds only.",
    check=check,
    openstack="it is about the exchanges and queues of Heddle's own bus",
    seconds=8,
)
