"""The brokers of bus.url are one: what is published at any of them reaches a queue of the others.

Servers and agents take the first broker of the list that answers, and may so be at different ones. Where these are not
of one cluster, or the cluster is split, they do not hear each other.
"""

from __future__ import annotations

from heddle.bus import probe
from heddle.bus.base import BusError
from heddle.checks.base import CannotSee, Check, Finding, Level, failure, not_applicable, unknown, well
from heddle.checks.context import Context
from heddle.checks.known_brokers import NO_BROKER, each, known

REACH_SECONDS = 4.0


def check(context: Context) -> list[Finding]:
    brokers = known(context)
    if len(brokers) < 2:
        return [not_applicable("bus.url names a single broker") if brokers else NO_BROKER]
    reached = list(zip(brokers, each(probe.reach, brokers, REACH_SECONDS), strict=True))
    there = [broker for broker, said in reached if isinstance(said, float)]
    away = [(broker, said) for broker, said in reached if isinstance(said, BusError)]
    if len(there) < 2:
        raise CannotSee(f"fewer than two brokers answer (queue-round-trip says more): {away[0][1]}")
    first, *others = there
    tries = each(lambda other: probe.across(first, other), others)
    found = [failure(str(error), first.shown) for error in tries if isinstance(error, BusError)]
    found += [unknown(f"{broker.shown} does not answer: {said}") for broker, said in away]
    if found:
        return found
    slowest = max(took for took in tries if isinstance(took, float))
    return [well(f"{len(there)} brokers bring each other's messages", f"the slowest took {1000 * slowest:.0f} ms")]



CHECK = Check(
    id="queue-cluster",
    title="All brokers are of one cluster",
    reads="a message that is published at each broker of bus.url, to a queue at the first one that answers",
    severity=Level.FAILURE,
    remedy="`rabbitmqctl cluster_status` on each: join them to one cluster, end a partition, or take the one that is "
    "not of it out of bus.url everywhere.",
    check=check,
    openstack="the brokers of Heddle's own bus are compared",
    seconds=13,
)
