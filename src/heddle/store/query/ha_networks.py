"""The network of each project that its highly available routers have among themselves."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.engine import Tx

_h = t.ha_networks.c


def of_project(tx: Tx, project_id: str) -> str:
    """The id of the network, "" without one; nobody else changes which it is until the transaction ends."""
    query = sa.select(_h.network_id).where(_h.project_id == project_id).with_for_update()
    return tx.conn.execute(query).scalar_one_or_none() or ""


def project_of(tx: Tx, network_id: str) -> str | None:
    """Whose network it is; None for one that is not of this kind."""
    query = sa.select(_h.project_id).where(_h.network_id == network_id)
    found = tx.conn.execute(query).scalar_one_or_none()
    return None if found is None else str(found)


def set(tx: Tx, project_id: str, network_id: str) -> None:
    tx.conn.execute(sa.insert(t.ha_networks), [{"project_id": project_id, "network_id": network_id}])


def drop(tx: Tx, network_id: str) -> None:
    tx.conn.execute(sa.delete(t.ha_networks).where(_h.network_id == network_id))


def is_needed(tx: Tx, project_id: str) -> bool:
    """Whether the project has a highly available router."""
    c = t.routers.c
    query = sa.select(c.id).where(c.project_id == project_id, c.ha == sa.true()).limit(1)
    return tx.conn.execute(query).first() is not None
