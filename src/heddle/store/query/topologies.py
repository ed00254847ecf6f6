"""The topology that was made for a project by itself."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.engine import Tx

_t = t.auto_allocated_topologies.c


@dataclass(frozen=True, slots=True)
class Topology:
    project_id: str
    network_id: str
    router_id: str


def of_project(tx: Tx, project_id: str) -> Topology | None:
    query = sa.select(_t.project_id, _t.network_id, _t.router_id).where(_t.project_id == project_id)
    row = tx.conn.execute(query).first()
    return None if row is None else Topology(*row)


def insert(tx: Tx, topology: Topology) -> None:
    row = {"project_id": topology.project_id, "network_id": topology.network_id, "router_id": topology.router_id}
    tx.conn.execute(sa.insert(t.auto_allocated_topologies), [row])


def drop_of_network(tx: Tx, network_id: str) -> None:
    """The network goes away: the project has no such topology any more."""
    tx.conn.execute(sa.delete(t.auto_allocated_topologies).where(_t.network_id == network_id))
