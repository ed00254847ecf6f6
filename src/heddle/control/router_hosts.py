"""Which host carries a router: chosen when it needs its first port, given and taken by the administrator.

A host that reaches all networks of the router is preferred; where a network is routed only one of the segment of the
router's address will do.  A router that was taken from its host stays without one until it gets another port or is
given to a host.  A highly available one is on this host and ready on others (`ha_routers.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from heddle.control import ha_routers
from heddle.control.binding import joined_by
from heddle.control.context import Context
from heddle.control.news import assignment_news
from heddle.control.router_places import ROLE, Leg, asked, bind, candidates, legs, own_ports, reaches, set_host
from heddle.errors import Conflict
from heddle.model.agent import Agent
from heddle.model.router import Router
from heddle.model.values import FixedIp
from heddle.store.query import floating_ips as floating_ip_query
from heddle.store.query import hosts
from heddle.store.query import routers as q


def host_for(ctx: Context, router: Router, network_id: str, wanted: Sequence[FixedIp] | None = None) -> str:
    """The host that carries the router, which gets a port on a network.  "" if there is none.

    `wanted`: the addresses that are asked for.  Raises `Conflict` when they would not work on the router's host.
    """
    new = asked(ctx, network_id, wanted or ())
    if not router.host:
        every = [*legs(ctx, own_ports(ctx, router)), new]
        _settle_on(ctx, router, _choose(ctx, router, every))
        ha_routers.spread(ctx, router, every)
        return router.host
    host = hosts.get(ctx.tx, router.host) if new.strict else None
    if host is not None and not joined_by(host, new.segments):
        raise Conflict(
            "HostNotCompatibleWithFixedIps",
            f"Router {router.id} is on host {host.name}, which is on another segment of the network {network_id} than "
            "the subnet asked for: an address of it would not work there.",
        )
    ha_routers.keep_fit(ctx, router, new)
    return router.host


def schedule(ctx: Context, router: Router) -> None:
    """Give a router that has no host one, with its ports (when hosts come)."""
    own = own_ports(ctx, router)
    every = legs(ctx, own)
    if own and _settle_on(ctx, router, _choose(ctx, router, every)):
        bind(ctx, router, own)
        ha_routers.spread(ctx, router, every)


def convert(ctx: Context, router: Router) -> None:
    """The router has become highly available, or is so no longer: then it is where it was active."""
    if not router.host:
        return
    if router.ha:
        ha_routers.spread(ctx, router, legs(ctx, own_ports(ctx, router)))
    else:
        ha_routers.collapse(ctx, router)


def leave_host(ctx: Context, router_id: str, host: str) -> None:
    """The router's host serves it no longer: give it another one."""
    stored = q.ROUTERS.get(ctx.tx, router_id)
    if stored is not None and not ha_routers.leave(ctx, stored, host):
        _withdraw(ctx, stored, host)
        schedule(ctx, stored)


def move(ctx: Context, router_id: str, host: str) -> bool:
    """Let another live host that reaches all networks of the router carry it in the place of `host`.

    Returns whether there is one; else it stays, and its floating IPs are DOWN.
    """
    stored = q.ROUTERS.lock(ctx.tx, router_id)
    if stored is not None and (found := ha_routers.replace(ctx, stored, host)) is not None:
        return found
    if stored is None or stored.host != host:
        return True
    target = _suited(ctx, stored, legs(ctx, own_ports(ctx, stored)))
    if not target:
        floating_ip_query.set_down(ctx.tx, router_id)
        return False
    _withdraw(ctx, stored, host)
    _settle_on(ctx, stored, target)
    bind(ctx, stored, own_ports(ctx, stored))
    return True


def forget(ctx: Context, router: Router) -> None:
    """The router is deleted."""
    ha_routers.forget(ctx, router)
    gone = hosts.unassign(ctx.tx, ROLE, router.id)
    assignment_news(ctx.tx, ROLE, router.id, (), gone)


# By the administrator


def give(ctx: Context, router: Router, agent: Agent) -> None:
    """Let the agent's host carry the router.  Raises `Conflict` when another one does, or this one cannot."""
    known = hosts.hosts_of(ctx.tx, ROLE, router.id)
    if agent.host in known:
        return
    if known and router.ha and ha_routers.join(ctx, router, agent.host):
        return
    if known:
        there = hosts.agents_of(ctx.tx, known[0]).get(ROLE)
        raise Conflict(
            "RouterHostedByL3Agent",
            f"The router {router.id} has been already hosted by the L3 Agent {there.id if there else known[0]}.",
        )
    own = own_ports(ctx, router)
    host = hosts.get(ctx.tx, agent.host)
    if host is None or not reaches(host, legs(ctx, own)):
        raise Conflict(
            "RouterSchedulingFailed",
            f"Failed scheduling router {router.id} to the L3 Agent {agent.id}: host {agent.host} does not reach all "
            "networks of the router.",
        )
    _settle_on(ctx, router, agent.host)
    bind(ctx, router, own)
    ha_routers.spread(ctx, router, legs(ctx, own))


def take(ctx: Context, router: Router, agent: Agent) -> None:
    """Let the agent's host carry the router no longer, and no other by itself.  Raises `Conflict`."""
    if agent.host not in hosts.hosts_of(ctx.tx, ROLE, router.id):
        raise Conflict(
            "RouterNotHostedByL3Agent", f"The router {router.id} is not hosted by L3 agent {agent.id}."
        )
    rest = ha_routers.leave(ctx, router, agent.host)
    if not rest:
        _withdraw(ctx, router, agent.host)
    hosts.hold_back(ctx.tx, ROLE, router.id, more=rest)


def _choose(ctx: Context, router: Router, legs: Sequence[Leg]) -> str:
    """The least loaded live host, best one that reaches all.  "" if there is none."""
    second = ""
    for host in candidates(ctx, router):
        if all(joined_by(host, leg.segments) for leg in legs if leg.strict):
            if reaches(host, legs):
                return host.name
            second = second or host.name
    return second


def _suited(ctx: Context, router: Router, legs: Sequence[Leg]) -> str:
    """The least loaded live host that reaches all of the legs.  "" if there is none."""
    return next((host.name for host in candidates(ctx, router) if reaches(host, legs)), "")


def _settle_on(ctx: Context, router: Router, host: str) -> str:
    """Note that a host carries the router."""
    if not host:
        return ""
    hosts.assign(ctx.tx, ROLE, router.id, host)
    assignment_news(ctx.tx, ROLE, router.id, [host])
    set_host(ctx, router, host)
    return host


def _withdraw(ctx: Context, router: Router, host: str) -> None:
    """Take the router from a host; what it translated is reached no longer."""
    ha_routers.forget(ctx, router)
    gone = hosts.unassign(ctx.tx, ROLE, router.id, host)
    assignment_news(ctx.tx, ROLE, router.id, (), gone)
    set_host(ctx, router, "")
    floating_ip_query.set_down(ctx.tx, router.id)
    bind(ctx, router, own_ports(ctx, router))
