"""Which hosts a change concerns, and when each had applied it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from heddle.model.port import DISTRIBUTED_INTERFACE
from heddle.store import tables as t
from heddle.store.changes import Entry
from heddle.store.engine import Tx

KEPT_MS = 600_000
_c, _v, _p, _a, _h = t.changes.c, t.host_revisions.c, t.ports.c, t.assignments.c, t.hosts.c
_i = t.ports.alias("interfaces").c
_s, _r = t.port_security_groups.c, t.security_group_rules.c


# What host applied when


_ALWAYS = (1 << 63) - 1
_DROP = sa.delete(t.host_revisions).where(_v.host == sa.bindparam("of"), _v.applied_at < sa.bindparam("older"))
_APPLIED = sa.insert(t.host_revisions)
_IS_AT = sa.update(t.hosts).where(_h.name == sa.bindparam("of"))


def applied(tx: Tx, host: str, before: int, revision: int, now: int, latencies: Sequence[int]) -> None:
    """The host has applied everything up to `revision`, at `now` (ms); it said `before` the last time.

    A smaller revision than before means that the database is another one: what was noted is void.
    """
    older = now - KEPT_MS if revision > before else _ALWAYS
    tx.conn.execute(_DROP, {"of": host, "older": older})
    tx.conn.execute(_APPLIED, [{"host": host, "revision": revision, "applied_at": now}])
    tx.conn.execute(_IS_AT, {"of": host, "revision": revision, "latencies": list(latencies)})


def moments(tx: Tx, hosts: Iterable[str], revision: int) -> dict[str, int]:
    """When each of the hosts first had applied the revision or a later one, as far as that is still known."""
    found: dict[str, int] = {}
    first = sa.func.min(_v.applied_at)
    for part in _parts(hosts):
        query = sa.select(_v.host, first).where(_v.host.in_(part), _v.revision >= revision).group_by(_v.host)
        found.update({host: int(moment) for host, moment in tx.conn.execute(query)})
    return found


# The changes of an object


def of_ids(tx: Tx, ids: Iterable[str]) -> list[tuple[str, Entry]]:
    """The latest changes of the objects with these ids (as views have them), each with its scope."""
    return [found for part in _parts(ids) for found in _entries(tx, _c.id.in_(part))]


def of_scope(tx: Tx, scope: str) -> list[tuple[str, Entry]]:
    return _entries(tx, _c.scope == scope)


def _entries(tx: Tx, where: sa.ColumnElement[bool]) -> list[tuple[str, Entry]]:
    columns = (_c.scope, _c.kind, _c.id, _c.revision, _c.deleted, _c.committed_at)
    return [(row[0], Entry(*row[1:])) for row in tx.conn.execute(sa.select(*columns).where(where))]


def members_of_port(tx: Tx, port_id: str) -> list[str]:
    """The ids of a port's memberships in security groups."""
    query = sa.select(_s.security_group_id).where(_s.port_id == port_id)
    return [f"{row[0]}/{port_id}" for row in tx.conn.execute(query)]


def ports_of_router(tx: Tx, router_id: str) -> list[str]:
    return [row[0] for row in tx.conn.execute(sa.select(_p.id).where(_p.device_id == router_id))]


def group_of_rule(tx: Tx, rule_id: str) -> str:
    """The security group of a rule, "" where there is no such rule."""
    return str(tx.conn.execute(sa.select(_r.security_group_id).where(_r.id == rule_id)).scalar() or "")


# The hosts of a scope, as `control.scopes.needed_scopes` has the scopes of a host


def hosts_of_scope(tx: Tx, scope: str) -> set[str]:
    kind, _, id = scope.partition(":")
    if kind == "host":
        return {id}
    found = {str(row[0]) for query in _HOSTS[kind](id) for row in tx.conn.execute(query)}
    return found - {""}


def _bound(*where: Any) -> sa.Select[Any]:
    return sa.select(_p.binding_host_id).where(*where).distinct()


def _serving(role: str, id: str) -> sa.Select[Any]:
    return sa.select(_a.host).where(_a.role == role, _a.object_id == id)


def _serving_project(id: str) -> sa.Select[Any]:
    """The hosts of a project's routers, or with "" of all."""
    mine = sa.select(t.routers.c.id).where(t.routers.c.project_id == id)
    return sa.select(_a.host).where(_a.role == "router", _a.object_id.in_(mine) if id else sa.true()).distinct()


def _on_network(id: str) -> sa.Select[Any]:
    """The hosts with a port there, and with a guest on a network that a distributed router joins to it."""
    routers = sa.select(_i.device_id).where(_i.network_id == id, _i.device_owner == DISTRIBUTED_INTERFACE)
    return _bound(sa.or_(_p.network_id == id, _joined_by(_i.device_id.in_(routers))))


def _joined_by(which: Any) -> Any:
    """Guests on the networks of distributed routers, by their interfaces."""
    networks = sa.select(_i.network_id).where(which, _i.device_owner == DISTRIBUTED_INTERFACE)
    return sa.and_(_p.network_id.in_(networks), _p.device_owner.not_like("network:%"))


def _in_group(id: str) -> sa.Select[Any]:
    named_by = sa.select(_r.security_group_id).where(sa.or_(_r.remote_group_id == id, _r.remote_address_group_id == id))
    mine = sa.or_(_s.security_group_id == id, _s.security_group_id.in_(named_by))
    return _bound(_p.id.in_(sa.select(_s.port_id).where(mine)), _p.port_security_enabled == sa.true())


_HOSTS: dict[str, Callable[[str], Sequence[sa.Select[Any]]]] = {
    "cloud": lambda id: [sa.select(_h.name)],
    "network": lambda id: [_on_network(id), _serving("dhcp", id)],
    "group": lambda id: [_in_group(id)],
    "router": lambda id: [_serving("router", id), _bound(_joined_by(_i.device_id == id))],
    "ready": lambda id: [_serving("router", id)],
    "metering": lambda id: [_serving_project(id)],
}


def _parts(items: Iterable[str]) -> Iterable[list[str]]:
    found = sorted(set(items))
    for start in range(0, len(found), 500):
        yield found[start : start + 500]
