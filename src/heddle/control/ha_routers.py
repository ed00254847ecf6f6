"""Highly available routers: on which hosts they are ready, and which of these carries one.

Which host carries the router is agreed among the hosts (`agent/ha/`), and does not need the server: `router.host` and
the bindings of its ports follow what they report.  The server says which hosts take part and in which order, at most
`network.max_l3_agents_per_router`, and replaces those whose agents are dead; never the one that carries it, whose
agent may be the only thing that is dead there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from heddle.control import ha_keys
from heddle.control.context import Context
from heddle.control.news import assignment_news, router_news
from heddle.control.port_scopes import hosts_of
from heddle.control.router_places import ROLE, Leg, bind, candidates, legs, own_ports, reaches, set_host, sharing
from heddle.model.router import Router
from heddle.store.engine import Tx
from heddle.store.query import ha_routers as q
from heddle.store.query import hosts
from heddle.store.query import routers as router_query
from heddle.view.types import Status, network_scope

ACTIVE, STANDBY, UNKNOWN = "active", "standby", "unknown"


def spread(ctx: Context, router: Router, every: Sequence[Leg]) -> None:
    """Have as many hosts ready as there shall be for a router that is on a host.  `every`: its legs."""
    if not router.ha or not router.host:
        return
    known = q.of_router(ctx.tx, router.id)
    if not known:
        if not sharing(ctx, [router.host]):
            return
        ha_keys.ensure(ctx.tx)
        q.add(ctx.tx, router.id, router.host, 0)
    new = _add(ctx, router, every, ctx.settings.network.max_l3_agents_per_router - max(1, len(known)))
    if new or not known:
        _tell(ctx, router)


def fill(ctx: Context) -> None:
    """Have more hosts ready for the routers that have too few, when there are any."""
    short = q.short_of(ctx.tx, ctx.settings.network.max_l3_agents_per_router)
    for router in router_query.ROUTERS.get_many(ctx.tx, short).values():
        spread(ctx, router, legs(ctx, own_ports(ctx, router)))


def _add(ctx: Context, router: Router, every: Sequence[Leg], count: int) -> list[str]:
    """Have up to so many more hosts ready; those that are."""
    known = q.of_router(ctx.tx, router.id)
    there = set(hosts.hosts_of(ctx.tx, ROLE, router.id)) | {each.host for each in known}
    fit = [host.name for host in candidates(ctx, router) if host.name not in there and reaches(host, every)]
    able = sharing(ctx, fit)
    new = [name for name in fit if name in able][: max(0, count)]
    last = max((each.priority for each in known), default=0)
    for place, name in enumerate(new, last + 1):
        _make_ready(ctx, router, name, place)
    return new


def _make_ready(ctx: Context, router: Router, host: str, priority: int) -> None:
    hosts.assign(ctx.tx, ROLE, router.id, host)
    q.add(ctx.tx, router.id, host, priority)
    assignment_news(ctx.tx, ROLE, router.id, [host])


def keep_fit(ctx: Context, router: Router, new: Leg) -> None:
    """The router gets a leg: hosts that do not reach it can carry the router no longer."""
    if not router.ha:
        return
    known = q.of_router(ctx.tx, router.id)
    there = hosts.named(ctx.tx, [each.host for each in known])
    unfit = [each.host for each in known if each.host not in there or not reaches(there[each.host], [new])]
    gone = [name for name in unfit if name != router.host]
    for name in gone:
        _remove(ctx, router, name)
    if gone:
        _tell(ctx, router)


def join(ctx: Context, router: Router, host: str) -> bool:
    """By the administrator's word one more host is ready.  Whether it can be."""
    known = q.of_router(ctx.tx, router.id)
    found = hosts.get(ctx.tx, host)
    if not known or found is None or not sharing(ctx, [host]) or not reaches(found, legs(ctx, own_ports(ctx, router))):
        return False
    _make_ready(ctx, router, host, known[-1].priority + 1)
    _tell(ctx, router)
    return True


def leave(ctx: Context, router: Router, host: str) -> bool:
    """A host is to have the router no longer.  Whether others have it."""
    known = q.of_router(ctx.tx, router.id)
    if len(known) < 2 or host not in {each.host for each in known}:
        return False
    _remove(ctx, router, host)
    _tell(ctx, router)
    return True


def replace(ctx: Context, router: Router, host: str) -> bool | None:
    """The agent of a host is dead: another host is ready in its place.  Whether others are; None for a plain router."""
    known = q.of_router(ctx.tx, router.id)
    names = [each.host for each in known]
    if host not in names:
        return None
    alive = hosts.live(ctx.tx, names) - {host}
    missing = ctx.settings.network.max_l3_agents_per_router - len(alive)
    new = _add(ctx, router, legs(ctx, own_ports(ctx, router)), min(1, missing))
    if new and (router.host != host or not alive):
        _remove(ctx, router, host)
    if new:
        _tell(ctx, router)
    return bool(new or alive)


def collapse(ctx: Context, router: Router) -> None:
    """Only the host that carries the router keeps it."""
    for each in q.of_router(ctx.tx, router.id):
        if each.host != router.host:
            _remove(ctx, router, each.host)
    q.drop(ctx.tx, router.id)
    _tell(ctx, router)


def forget(ctx: Context, router: Router) -> None:
    q.drop(ctx.tx, router.id)


def _remove(ctx: Context, router: Router, host: str) -> None:
    gone = hosts.unassign(ctx.tx, ROLE, router.id, host)
    assignment_news(ctx.tx, ROLE, router.id, (), gone)
    q.remove(ctx.tx, router.id, host)
    left = [each.host for each in q.of_router(ctx.tx, router.id)]
    if router.host == host and left:
        alive = hosts.live(ctx.tx, left)
        _carry(ctx, router, next((name for name in left if name in alive), left[0]))


def _carry(ctx: Context, router: Router, host: str) -> None:
    set_host(ctx, router, host)
    bind(ctx, router, own_ports(ctx, router))


def _tell(ctx: Context, router: Router) -> None:
    """All who have to do with the router or its ports hear anew which hosts are ready."""
    router_news(ctx.tx, router)
    for port in own_ports(ctx, router):
        ctx.tx.change("port", port.id, hosts_of(port))
        ctx.tx.change("neighbour", port.id, (network_scope(port.network_id),))


# What hosts say


def take(ctx: Context, host: str, statuses: Iterable[Status]) -> None:
    """A host tells what it is to routers."""
    said = {each.id: each for each in statuses if each.kind == "router" and each.ha_state in (ACTIVE, STANDBY)}
    if not said:
        return
    for id, known in q.of_routers(ctx.tx, said).items():
        mine = next((each for each in known if each.host == host), None)
        new = said[id]
        if mine is None or (mine.state, mine.term) == (new.ha_state, new.ha_term):
            continue
        router = router_query.ROUTERS.lock(ctx.tx, id)
        q.set_state(ctx.tx, id, host, new.ha_state, new.ha_term)
        rivals = [each.term for each in known if each.host != host and each.state == ACTIVE]
        newest = new.ha_term >= max(rivals, default=0)
        if router is not None and new.ha_state == ACTIVE and newest and router.host != host:
            _carry(ctx, router, host)


def states(tx: Tx, router: Router) -> dict[str, str]:
    """What each host is to a router: "unknown" when its agent is dead."""
    known = q.of_router(tx, router.id) if router.ha else []
    agents = {agent.host: agent for agent in hosts.agents_with(tx, ROLE, [each.host for each in known])}
    alive = {name for name, agent in agents.items() if agent.alive}
    return {each.host: each.state if each.host in alive else UNKNOWN for each in known}
