"""Which host carries a router: chosen when it needs its first port, given and taken by the administrator.

A host that reaches all networks of the router is preferred; where a network is routed only one of the segment of the
router's address will do.  A router that was taken from its host stays without one until it gets another port or is
given to a host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from heddle.control import ports
from heddle.control.binding import joined_by
from heddle.control.context import Context
from heddle.control.news import assignment_news, router_news
from heddle.errors import Conflict
from heddle.model.agent import Agent
from heddle.model.port import INTERFACES, ROUTER_GATEWAY, Port
from heddle.model.resource import Draft
from heddle.model.router import Router
from heddle.model.segment import Segment
from heddle.model.subnet import Subnet
from heddle.model.values import FixedIp
from heddle.store.query import floating_ips as floating_ip_query
from heddle.store.query import hosts
from heddle.store.query import ports as port_query
from heddle.store.query import routers as q
from heddle.store.query import segments as segment_query
from heddle.store.query import subnets as subnet_query

ROLE = "router"


@dataclass(frozen=True, slots=True)
class Leg:
    """The segments by which a host may be on a network of the router; `strict`: the port's address works there only."""

    segments: Sequence[Segment]
    strict: bool = False


def host_for(ctx: Context, router: Router, network_id: str, wanted: Sequence[FixedIp] | None = None) -> str:
    """The host that carries the router, which gets a port on a network.  "" if there is none.

    `wanted`: the addresses that are asked for.  Raises `Conflict` when they would not work on the router's host.
    """
    new = _asked(ctx, network_id, wanted or ())
    if not router.host:
        return _settle_on(ctx, router, _choose(ctx, router, [*_legs(ctx, _own_ports(ctx, router)), new]))
    host = hosts.get(ctx.tx, router.host) if new.strict else None
    if host is not None and not joined_by(host, new.segments):
        raise Conflict(
            "HostNotCompatibleWithFixedIps",
            f"Router {router.id} is on host {host.name}, which is on another segment of the network {network_id} than "
            "the subnet asked for: an address of it would not work there.",
        )
    return router.host


def schedule(ctx: Context, router: Router) -> None:
    """Give a router that has no host one, with its ports (when hosts come)."""
    own = _own_ports(ctx, router)
    if own and _settle_on(ctx, router, _choose(ctx, router, _legs(ctx, own))):
        _bind(ctx, router, own)


def leave_host(ctx: Context, router_id: str, host: str) -> None:
    """The router's host serves it no longer: give it another one."""
    stored = q.ROUTERS.get(ctx.tx, router_id)
    if stored is not None:
        _withdraw(ctx, stored, host)
        schedule(ctx, stored)


def move(ctx: Context, router_id: str, host: str) -> bool:
    """Let another live host that reaches all networks of the router carry it in the place of `host`.

    Returns whether there is one; else it stays, and its floating IPs are DOWN.
    """
    stored = q.ROUTERS.lock(ctx.tx, router_id)
    if stored is None or stored.host != host:
        return True
    target = _suited(ctx, stored, _legs(ctx, _own_ports(ctx, stored)))
    if not target:
        floating_ip_query.set_down(ctx.tx, router_id)
        return False
    _withdraw(ctx, stored, host)
    _settle_on(ctx, stored, target)
    _bind(ctx, stored, _own_ports(ctx, stored))
    return True


def forget(ctx: Context, router: Router) -> None:
    """The router is deleted."""
    gone = hosts.unassign(ctx.tx, ROLE, router.id)
    assignment_news(ctx.tx, ROLE, router.id, (), gone)


# By the administrator


def give(ctx: Context, router: Router, agent: Agent) -> None:
    """Let the agent's host carry the router.  Raises `Conflict` when another one does, or this one cannot."""
    known = hosts.hosts_of(ctx.tx, ROLE, router.id)
    if agent.host in known:
        return
    if known:
        there = hosts.agents_of(ctx.tx, known[0]).get(ROLE)
        raise Conflict(
            "RouterHostedByL3Agent",
            f"The router {router.id} has been already hosted by the L3 Agent {there.id if there else known[0]}.",
        )
    own = _own_ports(ctx, router)
    host = hosts.get(ctx.tx, agent.host)
    if host is None or not all(joined_by(host, leg.segments) for leg in _legs(ctx, own)):
        raise Conflict(
            "RouterSchedulingFailed",
            f"Failed scheduling router {router.id} to the L3 Agent {agent.id}: host {agent.host} does not reach all "
            "networks of the router.",
        )
    _settle_on(ctx, router, agent.host)
    _bind(ctx, router, own)


def take(ctx: Context, router: Router, agent: Agent) -> None:
    """Let the agent's host carry the router no longer, and no other by itself.  Raises `Conflict`."""
    if agent.host not in hosts.hosts_of(ctx.tx, ROLE, router.id):
        raise Conflict(
            "RouterNotHostedByL3Agent", f"The router {router.id} is not hosted by L3 agent {agent.id}."
        )
    _withdraw(ctx, router, agent.host)
    hosts.hold_back(ctx.tx, ROLE, router.id)


def _own_ports(ctx: Context, router: Router) -> list[Port]:
    return port_query.of_device(ctx.tx, router.id, [*INTERFACES, ROUTER_GATEWAY])


def _legs(ctx: Context, own: Sequence[Port]) -> list[Leg]:
    if not own:
        return []
    segments = segment_query.of_networks(ctx.tx, {port.network_id for port in own})
    subnets = subnet_query.SUBNETS.get_many(ctx.tx, [f.subnet_id for port in own for f in port.fixed_ips])
    legs = []
    for port in own:
        fixed = {subnets[f.subnet_id].segment_id for f in port.fixed_ips if f.subnet_id in subnets} - {None}
        legs.append(Leg([each for each in segments[port.network_id] if not fixed or each.id in fixed], bool(fixed)))
    return legs


def _asked(ctx: Context, network_id: str, wanted: Sequence[FixedIp]) -> Leg:
    """The leg on a network of a port that is still to be made."""
    segments = segment_query.of_network(ctx.tx, network_id)
    fixed: set[str] = set()
    if wanted and len(segments) > 1:
        subnets = subnet_query.of_network(ctx.tx, network_id)
        fixed = {subnet.segment_id for subnet in subnets if subnet.segment_id and any(_of(subnet, w) for w in wanted)}
    return Leg([segment for segment in segments if not fixed or segment.id in fixed], bool(fixed))


def _of(subnet: Subnet, wanted: FixedIp) -> bool:
    if wanted.subnet_id:
        return wanted.subnet_id == subnet.id
    return ipaddress.ip_address(wanted.ip_address) in ipaddress.ip_network(subnet.cidr)


def _choose(ctx: Context, router: Router, legs: Sequence[Leg]) -> str:
    """The least loaded live host, best one that reaches all.  "" if there is none."""
    second = ""
    for host in hosts.serving(ctx.tx, ROLE, router.availability_zone_hints):
        if all(joined_by(host, leg.segments) for leg in legs if leg.strict):
            if all(joined_by(host, leg.segments) for leg in legs):
                return host.name
            second = second or host.name
    return second


def _suited(ctx: Context, router: Router, legs: Sequence[Leg]) -> str:
    """The least loaded live host that reaches all of the legs.  "" if there is none."""
    serving = hosts.serving(ctx.tx, ROLE, router.availability_zone_hints)
    return next((host.name for host in serving if all(joined_by(host, leg.segments) for leg in legs)), "")


def _settle_on(ctx: Context, router: Router, host: str) -> str:
    """Note that a host carries the router."""
    if not host:
        return ""
    hosts.assign(ctx.tx, ROLE, router.id, host)
    assignment_news(ctx.tx, ROLE, router.id, [host])
    _set_host(ctx, router, host)
    return host


def _set_host(ctx: Context, router: Router, host: str) -> None:
    stored = q.ROUTERS.get(ctx.tx, router.id)
    assert stored is not None
    q.ROUTERS.update(ctx.tx, stored, msgspec.structs.replace(stored, host=host))
    router.host = host


def _bind(ctx: Context, router: Router, own: Sequence[Port]) -> None:
    """The router's ports are on its host, or on none."""
    for port in own:
        bound = msgspec.structs.replace(port, binding_host_id=router.host)
        ports.update_port(ctx, port, Draft(bound, frozenset({"binding_host_id"})))
    router_news(ctx.tx, router)


def _withdraw(ctx: Context, router: Router, host: str) -> None:
    """Take the router from a host; what it translated is reached no longer."""
    gone = hosts.unassign(ctx.tx, ROLE, router.id, host)
    assignment_news(ctx.tx, ROLE, router.id, (), gone)
    _set_host(ctx, router, "")
    floating_ip_query.set_down(ctx.tx, router.id)
    _bind(ctx, router, _own_ports(ctx, router))
