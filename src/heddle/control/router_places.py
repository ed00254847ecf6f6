"""Where a router can be: the networks that its host must reach, the hosts in the order in which they are preferred,
and what becomes of its ports when it is on one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from heddle.control import floating_places, ports
from heddle.control.binding import joined_by
from heddle.control.context import Context
from heddle.control.news import router_news
from heddle.model.port import ROUTER_OWNERS, Port
from heddle.model.resource import Draft
from heddle.model.router import Router
from heddle.model.segment import Segment
from heddle.model.subnet import Subnet
from heddle.model.values import FixedIp
from heddle.store.query import hosts
from heddle.store.query import ports as port_query
from heddle.store.query import routers as q
from heddle.store.query import segments as segment_query
from heddle.store.query import subnets as subnet_query
from heddle.store.query.hosts import Host

ROLE = "router"


@dataclass(frozen=True, slots=True)
class Leg:
    """The segments by which a host may be on a network of the router; `strict`: the port's address works there only."""

    segments: Sequence[Segment]
    strict: bool = False


def own_ports(ctx: Context, router: Router) -> list[Port]:
    """The ports by which it is on networks."""
    return port_query.of_device(ctx.tx, router.id, ROUTER_OWNERS)


def legs(ctx: Context, own: Sequence[Port]) -> list[Leg]:
    """Those of a router with these ports."""
    if not own:
        return []
    segments = segment_query.of_networks(ctx.tx, {port.network_id for port in own})
    subnets = subnet_query.SUBNETS.get_many(ctx.tx, [f.subnet_id for port in own for f in port.fixed_ips])
    found = []
    for port in own:
        fixed = {subnets[f.subnet_id].segment_id for f in port.fixed_ips if f.subnet_id in subnets} - {None}
        found.append(Leg([each for each in segments[port.network_id] if not fixed or each.id in fixed], bool(fixed)))
    return found


def asked(ctx: Context, network_id: str, wanted: Sequence[FixedIp]) -> Leg:
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


def candidates(ctx: Context, router: Router) -> Iterable[Host]:
    """The live hosts that may carry a router, the least loaded first; of a highly available one those first that can
    share it with others."""
    serving = hosts.serving(ctx.tx, ROLE, router.availability_zone_hints)
    if not router.ha:
        return serving
    found = list(serving)
    able = sharing(ctx, [host.name for host in found])
    return sorted(found, key=lambda host: host.name not in able)


def sharing(ctx: Context, names: Sequence[str]) -> set[str]:
    """Those of the hosts whose agents can have a router ready for another host."""
    return {agent.host for agent in hosts.agents_with(ctx.tx, ROLE, names) if agent.configurations.get("ha")}


def reaches(host: Host, legs: Sequence[Leg]) -> bool:
    return all(joined_by(host, leg.segments) for leg in legs)


def set_host(ctx: Context, router: Router, host: str) -> None:
    """Its ports follow with `bind`."""
    stored = q.ROUTERS.get(ctx.tx, router.id)
    assert stored is not None
    q.ROUTERS.update(ctx.tx, stored, msgspec.structs.replace(stored, host=host))
    router.host = host
    if router.distributed:
        floating_places.of_router(ctx, router.id)


def bind(ctx: Context, router: Router, own: Sequence[Port]) -> None:
    """The router's ports are on its host, or on none."""
    for port in own:
        bound = msgspec.structs.replace(port, binding_host_id=router.host)
        ports.update_port(ctx, port, Draft(bound, frozenset({"binding_host_id"})))
    router_news(ctx.tx, router)
