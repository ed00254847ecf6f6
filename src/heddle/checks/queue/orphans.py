"""Each queue is of somebody who is there: an agent of a host that is known, one for each, or the servers.

AMQP lists no queues, so this is asked of RabbitMQ's management, where `bus.management_url` is set.
"""

from __future__ import annotations

import re

from heddle.bus import amqp, management
from heddle.bus.base import BusError
from heddle.checks.base import CannotSee, Check, Finding, Level, not_applicable, warning, well
from heddle.checks.context import Context
from heddle.checks.known_brokers import NO_BROKER
from heddle.errors import ConfigError
from heddle.store.query import host_keys

_OURS = re.compile(r"heddle\.agent\.(?P<host>.+)\.[0-9a-f]+|heddle\.(?:probe|asker)\.[0-9a-f]+")
TWICE = "Two hosts bear one name (agent.host, hostnamectl), or an agent of before still runs there: end or rename one."


def check(context: Context) -> list[Finding]:
    settings = context.settings.bus
    if not settings.url:
        return [NO_BROKER]
    if not settings.management_url:
        return [not_applicable("bus.management_url is not set, and AMQP lists no queues: nothing was looked at")]
    try:
        queues = [each for each in management.queues(settings) if each.name.startswith("heddle.")]
    except (BusError, ConfigError) as error:
        raise CannotSee(str(error)) from error
    with context.cloud() as tx:
        known = {host for host, _ in host_keys.every(tx)}
    agents: dict[str, int] = {}
    found: list[Finding] = []
    for queue in queues:
        match = _OURS.fullmatch(queue.name)
        if match and match["host"]:
            agents[match["host"]] = agents.get(match["host"], 0) + 1
        if queue.name != amqp.CALLS:
            found += _left(queue, bool(match))
    for host, number in sorted(agents.items()):
        if host not in known:
            found.append(warning(f"an agent of {host} is connected, and the host has no key: its calls are refused",
                                 node=host, remedy=f"End that agent, or `heddle host add {host}`."))  # fmt: skip
        elif number > 1:
            found.append(warning(f"{number} agents are connected as {host}", node=host, remedy=TWICE))
    return found or [well(f"{len(queues)} queues: {len(agents)} of agents, each of a host that is known")]


def _left(queue: management.Queue, ours: bool) -> list[Finding]:
    """A queue that nobody takes from, or that this release does not make."""
    evidence = f"{queue.messages or 0} messages, {queue.consumers or 0} consumers"
    if not ours:
        return [warning(f"{queue.name} is a queue that this release does not make", evidence)]
    return [] if queue.consumers != 0 else [warning(f"nobody takes from the queue {queue.name}", evidence)]


CHECK = Check(
    id="queue-orphans",
    title="Each queue is of somebody who is there",
    reads="the list of queues, their messages and consumers, from bus.management_url; the hosts that have a key",
    severity=Level.WARNING,
    remedy="`rabbitmqctl delete_queue -p VHOST NAME`, when nobody needs it.",
    check=check,
    openstack="it is about the queues of Heddle's own bus",
)
