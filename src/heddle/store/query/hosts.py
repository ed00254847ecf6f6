"""Hosts, their agents, what they serve, and what they could not realise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from heddle.model.agent import Agent
from heddle.model.port import DHCP
from heddle.store import tables as t
from heddle.store.dialect import upsert
from heddle.store.engine import Tx
from heddle.store.prepared import Among, Prepared
from heddle.store.query.records import Records

# In place of a host: the administrator took the object from its host, and no other serves it by itself.
HELD_BACK = ""
_h, _a, _g, _f = t.hosts.c, t.assignments.c, t.agents.c, t.faults.c


AGENTS: Records[Agent] = Records(Agent, t.agents)


@dataclass(frozen=True, slots=True)
class Host:
    """`heartbeat` in seconds since the epoch; `bridge_mappings`: physical network -> bridge.

    `revision`: all changes up to it are applied; `latencies`: how many in what time (`control/realised.py`).
    """

    name: str
    tunnel_ip: str = ""
    datapath: str = ""
    bridge_mappings: dict[str, str] = field(default_factory=dict)
    heartbeat: int = 0
    revision: int = 0
    drift: int = 0
    failed: int = 0
    latencies: list[int] = field(default_factory=list)
    availability_zone: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    host: str
    kind: str
    id: str
    message: str
    since: str


_COLUMNS: tuple[sa.Column[Any], ...] = (
    _h.name, _h.tunnel_ip, _h.datapath, _h.bridge_mappings, _h.heartbeat, _h.revision, _h.drift, _h.failed,
    _h.latencies, _h.availability_zone,
)  # fmt: skip


_GET = Prepared(sa.select(*_COLUMNS).where(_h.name == sa.bindparam("name")))
_ASSIGNED = Prepared(
    sa.select(_a.role, _a.object_id, t.routers.c.project_id, t.routers.c.ha)
    .join(t.routers, t.routers.c.id == _a.object_id, isouter=True)
    .where(_a.host == sa.bindparam("host"))
)


def get(tx: Tx, name: str) -> Host | None:
    rows = _GET.rows(tx.conn, {"name": name})
    return Host(*rows[0]) if rows else None


def every(tx: Tx) -> list[Host]:
    return [Host(*row) for row in tx.conn.execute(sa.select(*_COLUMNS).order_by(_h.name))]


def named(tx: Tx, names: Iterable[str]) -> dict[str, Host]:
    return {row[0]: Host(*row) for row in tx.conn.execute(sa.select(*_COLUMNS).where(_h.name.in_(list(names))))}


def save(tx: Tx, host: Host) -> None:
    values = {c.name: getattr(host, c.name) for c in _COLUMNS}
    upsert(tx.conn, t.hosts, [values], ("name",))


def forget(tx: Tx, name: str) -> None:
    """Delete a host and what it said of objects."""
    tx.conn.execute(sa.delete(t.hosts).where(_h.name == name))
    tx.conn.execute(sa.delete(t.capacities).where(t.capacities.c.host == name))
    tx.conn.execute(sa.delete(t.faults).where(_f.host == name))
    tx.conn.execute(sa.delete(t.host_revisions).where(t.host_revisions.c.host == name))


def agents_of(tx: Tx, host: str) -> dict[str, Agent]:
    """The agents of a host by role."""
    return {agent.role: agent for agent in AGENTS.find(tx, _g.host == host)}


def silent(tx: Tx, before: int) -> list[str]:
    """The hosts with an agent that counts as alive and was last heard before a moment of the database's clock."""
    query = sa.select(_g.host).where(_g.alive == sa.true(), _g.heartbeat < before).distinct().order_by(_g.host)
    return [row[0] for row in tx.conn.execute(query)]


def bury(tx: Tx, host: str, before: int) -> bool:
    """The agents of a host that were last heard before a moment are dead from now.  Returns whether there are any."""
    mine = (_g.host == host, _g.alive == sa.true(), _g.heartbeat < before)
    return bool(tx.conn.execute(sa.update(t.agents).where(*mine).values(alive=False)).rowcount)


def of_the_dead(tx: Tx) -> list[str]:
    """The hosts of dead agents that objects are still assigned to."""
    mine = sa.and_(_g.host == _a.host, _g.role == _a.role, _g.alive == sa.false())
    query = sa.select(_a.host).join(t.agents, mine).distinct().order_by(_a.host)
    return [row[0] for row in tx.conn.execute(query)]


def live(tx: Tx, names: Sequence[str]) -> set[str]:
    """Those of the hosts with an agent that is alive."""
    query = sa.select(_g.host).where(_g.alive == sa.true()).distinct()
    parts = [names[start : start + 500] for start in range(0, len(names), 500)]
    return {row[0] for part in parts for row in tx.conn.execute(query.where(_g.host.in_(part)))}


def agents_with(tx: Tx, role: str, names: Sequence[str]) -> list[Agent]:
    """The agents with a role on hosts."""
    return AGENTS.find(tx, _g.role == role, _g.host.in_(names)) if names else []


def told(tx: Tx, roles: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """(host, what its agent shows of itself) of the agents with one of these roles that are alive, in order."""
    query = sa.select(_g.host, _g.configurations).where(_g.alive == sa.true(), _g.role.in_(roles))
    return [(row[0], row[1]) for row in tx.conn.execute(query.order_by(_g.host))]


def serving(tx: Tx, role: str, zones: Sequence[str] = ()) -> Iterator[Host]:
    """The live, enabled hosts with a role, the one that serves the fewest objects in it first; read as it is asked for.

    `zones`: only those in one of these availability zones.
    """
    load = sa.select(_a.host, sa.func.count().label("load")).where(_a.role == role).group_by(_a.host).subquery()
    count = sa.func.coalesce(load.c.load, 0)
    query = (
        sa.select(*_COLUMNS)
        .join(t.agents, sa.and_(_g.host == _h.name, _g.role == role, _g.admin_state_up == sa.true()))
        .join(load, load.c.host == _h.name, isouter=True)
        .where(_g.alive == sa.true(), _g.availability_zone.in_(zones) if zones else sa.true())
        .order_by(count, _h.name)
    )
    with tx.conn.execute(query) as rows:
        for row in rows:
            yield Host(*row)


def assign(tx: Tx, role: str, object_id: str, host: str) -> None:
    unassign(tx, role, object_id, HELD_BACK)
    tx.conn.execute(sa.insert(t.assignments), [{"role": role, "object_id": object_id, "host": host}])


def hold_back(tx: Tx, role: str, object_id: str, more: bool = False) -> None:
    """No host serves it until one is assigned; `more`: no other than those that do."""
    unassign(tx, role, object_id, HELD_BACK)
    if more or not hosts_of(tx, role, object_id):
        tx.conn.execute(sa.insert(t.assignments), [{"role": role, "object_id": object_id, "host": HELD_BACK}])


def unassign(tx: Tx, role: str, object_id: str, host: str | None = None) -> list[str]:
    """The host, or all hosts, serve it no longer.  Returns those that did."""
    mine = [_a.role == role, _a.object_id == object_id, *([_a.host == host] if host is not None else [])]
    found = [row[0] for row in tx.conn.execute(sa.select(_a.host).where(*mine).order_by(_a.host))]
    if found:
        tx.conn.execute(sa.delete(t.assignments).where(*mine))
    return [name for name in found if name != HELD_BACK]


def hosts_of(tx: Tx, role: str, object_id: str) -> list[str]:
    query = sa.select(_a.host).where(_a.role == role, _a.object_id == object_id, _a.host != HELD_BACK)
    return [row[0] for row in tx.conn.execute(query.order_by(_a.host))]


_ZONES = {
    role: Among(
        (_a.object_id, _g.availability_zone), _a.object_id, _a.role == role, _g.role == role, _g.host == _a.host,
        order=(_g.availability_zone,),
    )
    for role in ("dhcp", "router")
}  # fmt: skip


def zones_of(tx: Tx, role: str, object_ids: Iterable[str]) -> dict[str, list[str]]:
    """The availability zones of the hosts that serve each of the objects."""
    found: dict[str, list[str]] = {}
    for object_id, zone in _ZONES[role].rows(tx.conn, object_ids):
        if zone and zone not in (known := found.setdefault(object_id, [])):
            known.append(zone)
    return found


def zones(tx: Tx) -> list[tuple[str, str, bool]]:
    """The availability zones as (role, name, whether an agent there is enabled)."""
    query = sa.select(_g.role, _g.availability_zone, sa.func.max(sa.cast(_g.admin_state_up, sa.Integer)))
    query = query.where(_g.availability_zone.is_not(None)).group_by(_g.role, _g.availability_zone)
    return [(role, name, bool(up)) for role, name, up in tx.conn.execute(query.order_by(_g.role, _g.availability_zone))]


def served(tx: Tx, host: str) -> list[tuple[str, str, str, bool]]:
    """What a host serves, as (role, object id, project of a router or "", whether the router is highly available)."""
    return [(row[0], row[1], row[2] or "", bool(row[3])) for row in _ASSIGNED.rows(tx.conn, {"host": host})]


def assigned(tx: Tx, host: str) -> list[tuple[str, str]]:
    """What a host serves, as (role, object id)."""
    return [(role, object_id) for role, object_id, _, _ in served(tx, host)]


def set_faults(tx: Tx, faults: Sequence[Fault]) -> None:
    rows = [{"host": f.host, "kind": f.kind, "id": f.id, "message": f.message, "since": f.since} for f in faults]
    upsert(tx.conn, t.faults, rows, ("host", "kind", "id"))


def clear_faults(tx: Tx, host: str, refs: Iterable[tuple[str, str]]) -> None:
    for kind, id in refs:
        tx.conn.execute(sa.delete(t.faults).where(_f.host == host, _f.kind == kind, _f.id == id))


def drop_stale_faults(tx: Tx, found: Iterable[Fault]) -> None:
    """Drop those of objects that are gone, and of ports and routers that another host carries now."""
    for fault in found:
        table = _FAULTY.get(fault.kind)
        if table is None:
            continue
        c = table.c
        mine = [c[_CARRIER[fault.kind]] == fault.host] if fault.kind in _CARRIER else []
        if tx.conn.execute(sa.select(c.id).where(c.id == fault.id, *mine)).first() is None:
            clear_faults(tx, fault.host, [(fault.kind, fault.id)])


_FAULTY = {
    "port": t.ports,
    "network": t.networks,
    "router": t.routers,
    "floating_ip": t.floating_ips,
    "group": t.security_groups,
    "local_ip": t.local_ip_associations,
}
_CARRIER = {"port": "binding_host_id", "router": "host"}


_FAULTS = Prepared(sa.select(_f.host, _f.kind, _f.id, _f.message, _f.since).order_by(_f.since))
_FAULTS_OF_HOST = Prepared(_FAULTS.statement.where(_f.host == sa.bindparam("host")))


def faults(tx: Tx, host: str = "") -> list[Fault]:
    return [Fault(*row) for row in (_FAULTS_OF_HOST.rows(tx.conn, {"host": host}) if host else _FAULTS.rows(tx.conn))]


def faults_of(tx: Tx, ids: Sequence[str]) -> list[Fault]:
    """Those of the objects with these ids."""
    query = sa.select(_f.host, _f.kind, _f.id, _f.message, _f.since).order_by(_f.host, _f.kind, _f.id)
    parts = [ids[start : start + 500] for start in range(0, len(ids), 500)]
    return [Fault(*row) for part in parts for row in tx.conn.execute(query.where(_f.id.in_(part)))]


def held_back(role: str) -> sa.Select[Any]:
    """The objects that no host serves by itself."""
    return sa.select(_a.object_id).where(_a.role == role, _a.host == HELD_BACK)


def unserved_networks(tx: Tx, least: int = 1) -> list[str]:
    """Networks with a subnet that wants DHCP and has addresses of fewer servers' ports than `least`."""
    s, p, i = t.subnets.c, t.ports.c, t.ip_allocations.c
    here = (p.network_id == s.network_id, p.device_owner == DHCP, i.port_id == p.id, i.subnet_id == s.id)
    served = sa.select(sa.func.count(sa.distinct(p.id))).where(*here).scalar_subquery() >= least
    wants = (s.enable_dhcp == sa.true(), sa.func.coalesce(s.ipv6_address_mode, "") != "slaac")
    query = sa.select(s.network_id).where(*wants, ~served, s.network_id.not_in(held_back("dhcp"))).distinct()
    return [row[0] for row in tx.conn.execute(query)]


def unserved_routers(tx: Tx) -> list[str]:
    r = t.routers.c
    query = sa.select(r.id).where(r.host == "", r.id.not_in(held_back("router")))
    return [row[0] for row in tx.conn.execute(query)]
