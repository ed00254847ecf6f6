"""Agents that are dead, and what they served.

An agent of which nothing has been heard for `server.agent_down_seconds` is dead.  Its host's ports are DOWN when it
was the one that wires them.  Each router and network that it served moves to a live host with that role that reaches
all the networks concerned, is in one of the availability zones asked for and is enabled; the least loaded one first.
What no host can take stays where it is, with a fault that says so, and moves when a host comes that can.  An agent
that is back gets new objects only; what has moved it drops when it is told what it has to serve.

Times are the database's.  Silence counts only while somebody listens: after a server, its broker or its database was
away, nobody is dead before he had the whole time to report.
"""

from __future__ import annotations

import logging

from heddle.config import Settings
from heddle.control import dhcp, ha_routers, router_hosts, router_places, subports
from heddle.control.context import Context, timestamp
from heddle.model.agent import CARRIERS
from heddle.store import clock
from heddle.store.engine import Store
from heddle.store.query import hosts, networks, statuses
from heddle.store.query import routers as router_query
from heddle.store.query.hosts import Fault

log = logging.getLogger(__name__)

KINDS = {dhcp.ROLE: "network", router_places.ROLE: "router"}
_WORDS = {dhcp.ROLE: "DHCP of the network", router_places.ROLE: "router"}


def silent_hosts(store: Store, settings: Settings, heard: float) -> list[str]:
    """The hosts with agents that have been silent for too long, of the `heard` seconds that somebody listened."""
    if heard < settings.server.agent_down_seconds:
        return []
    with store.read() as tx:
        return hosts.silent(tx, clock.now(tx) - settings.server.agent_down_seconds)


def bury(ctx: Context, host: str) -> None:
    """The agents of a host that are still silent are dead; what they served moves."""
    down = ctx.settings.server.agent_down_seconds
    if not hosts.bury(ctx.tx, host, clock.now(ctx.tx) - down):
        return
    agents = hosts.agents_of(ctx.tx, host)
    dead = {role for role, agent in agents.items() if not agent.alive}
    log.warning("agents are dead, nothing was heard for %d s host=%s roles=%s", down, host, ",".join(sorted(dead)))
    if not {*CARRIERS} & (agents.keys() - dead):
        statuses.set_ports_down(ctx.tx, host)
        subports.host_silent(ctx.tx, host)
    if ctx.settings.server.automatic_failover:
        move_away(ctx, host)


def serve_unserved(ctx: Context) -> None:
    """Give networks and routers that no host serves, or only a dead one, one that does."""
    move_stranded(ctx)
    unserved = hosts.unserved_networks(ctx.tx, ctx.settings.network.dhcp_hosts)
    for network in networks.NETWORKS.get_many(ctx.tx, unserved).values():
        dhcp.refresh(ctx, network)
    for router in router_query.ROUTERS.get_many(ctx.tx, hosts.unserved_routers(ctx.tx)).values():
        router_hosts.schedule(ctx, router)
    ha_routers.fill(ctx)


def move_stranded(ctx: Context) -> None:
    """Give what dead agents still serve to the live, as far as those can."""
    if ctx.settings.server.automatic_failover:
        for host in hosts.of_the_dead(ctx.tx):
            move_away(ctx, host)


def move_away(ctx: Context, host: str) -> None:
    """Move what the dead agents of a host serve; what cannot be moved gets a fault."""
    dead = {role for role, agent in hosts.agents_of(ctx.tx, host).items() if not agent.alive}
    served = [(role, object_id) for role, object_id in sorted(hosts.assigned(ctx.tx, host)) if role in dead]
    left = [(role, object_id) for role, object_id in served if not _move(ctx, role, object_id, host)]
    hosts.clear_faults(ctx.tx, host, [(KINDS[role], object_id) for role, object_id in set(served) - set(left)])
    hosts.set_faults(ctx.tx, [_stranded(role, object_id, host) for role, object_id in left])
    if served:
        moved = len(served) - len(left)
        log.warning("objects of a dead host: moved=%d left for want of a host=%d host=%s", moved, len(left), host)


def _move(ctx: Context, role: str, object_id: str, host: str) -> bool:
    if role == router_places.ROLE:
        return router_hosts.move(ctx, object_id, host)
    return dhcp.move(ctx, object_id, host)


def _stranded(role: str, object_id: str, host: str) -> Fault:
    text = (
        f"host {host} is dead, and no other live host that may serve this {_WORDS[role]} reaches what it needs: bring "
        f"{host} back, or let another host have the role, the physical networks and the availability zone"
    )
    return Fault(host, KINDS[role], object_id, text, timestamp())
