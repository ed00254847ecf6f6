"""Which hosts have to reach each other by tunnels: those that have ports of the same network."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from heddle.model.port import DISTRIBUTED_INTERFACE
from heddle.store import tables as t
from heddle.store.engine import Tx

_p, _s, _n, _a = t.ports.c, t.networksegments.c, t.networks.c, t.assignments.c


@dataclass(frozen=True, slots=True)
class Mesh:
    """Hosts that send each other packets of `mtu` bytes in tunnels of a network type."""

    network_type: str
    mtu: int
    hosts: frozenset[str]


def meshes(tx: Tx, types: Collection[str]) -> list[Mesh]:
    """One for each network of these types with ports on several hosts, and each distributed router that joins such."""
    tunnelled = _s.network_type.in_(list(types))
    query = sa.select(_n.id, _n.mtu, sa.func.min(_s.network_type)).join(t.networksegments, _s.network_id == _n.id)
    networks = {row[0]: (int(row[1]), str(row[2]))
                for row in tx.conn.execute(query.where(tunnelled).group_by(_n.id, _n.mtu))}  # fmt: skip
    hosts: dict[str, set[str]] = {id: set() for id in networks}
    for place in _places():
        for row in tx.conn.execute(place):
            if row[1] and row[0] in hosts:
                hosts[row[0]].add(row[1])
    found = [Mesh(kind, mtu, frozenset(hosts[id])) for id, (mtu, kind) in networks.items()]
    for joined in _joined(tx, networks.keys()):
        mtu, kind = max(networks[id] for id in joined)
        found.append(Mesh(kind, mtu, frozenset[str]().union(*(hosts[id] for id in joined))))
    return [each for each in found if len(each.hosts) > 1]


def _places() -> list[sa.Select[Any]]:
    """Where networks have ports: bound ones, and those of routers that other hosts are ready to carry."""
    ready = sa.and_(_a.object_id == _p.device_id, _a.role == "router")
    return [
        sa.select(_p.network_id, _p.binding_host_id).where(_p.binding_host_id != "").distinct(),
        sa.select(_p.network_id, _a.host).join(t.assignments, ready).distinct(),
    ]


def _joined(tx: Tx, networks: Collection[str]) -> list[set[str]]:
    """By distributed router, those of the networks that it joins: what it routes goes from host to host."""
    query = sa.select(_p.device_id, _p.network_id).where(_p.device_owner == DISTRIBUTED_INTERFACE).distinct()
    by_router: dict[str, set[str]] = {}
    for router, network in tx.conn.execute(query):
        if network in networks:
            by_router.setdefault(router, set()).add(network)
    return [joined for joined in by_router.values() if len(joined) > 1]
