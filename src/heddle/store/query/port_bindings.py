"""The bindings of ports that are not active; the active one is part of the port."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.port_binding import PortBinding
from heddle.store import tables as t
from heddle.store.engine import Tx

_b = t.port_bindings.c
_COLUMNS = (_b.host, _b.vif_type, _b.vif_details, _b.vnic_type, _b.profile)
_DELETE_OF_PORT = sa.delete(t.port_bindings).where(_b.port_id == sa.bindparam("port"))


def of_port(tx: Tx, port_id: str) -> list[PortBinding]:
    """In the order of the hosts' names."""
    query = sa.select(*_COLUMNS).where(_b.port_id == port_id).order_by(_b.host)
    names = [column.name for column in _COLUMNS]
    return [PortBinding(**dict(zip(names, row, strict=True))) for row in tx.conn.execute(query)]


def insert(tx: Tx, port_id: str, binding: PortBinding) -> None:
    values = {column.name: getattr(binding, column.name) for column in _COLUMNS}
    tx.conn.execute(sa.insert(t.port_bindings), [{"port_id": port_id, **values}])


def delete(tx: Tx, port_id: str, host: str) -> None:
    tx.conn.execute(sa.delete(t.port_bindings).where(_b.port_id == port_id, _b.host == host))


def delete_of_port(tx: Tx, port_id: str) -> None:
    tx.conn.execute(_DELETE_OF_PORT, {"port": port_id})
