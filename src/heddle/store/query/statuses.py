"""What hosts observed, written to the objects."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.engine import Tx

_c, _f = t.changes.c, t.floating_ips.c


def current(tx: Tx, host: str, refs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The newest revision of each object in any scope that holds it."""
    by_kind: dict[str, list[str]] = {}
    for kind, id in refs:
        by_kind.setdefault(kind, []).append(id)
    found: dict[tuple[str, str], int] = {}
    for kind, ids in by_kind.items():
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            if kind == "port":
                where = _c.scope == f"host:{host}"
            elif kind == "router":
                where = _c.scope.in_([f"router:{id}" for id in part])
            elif kind == "floating_ip":
                where = sa.and_(_f.id == _c.id, _c.scope == sa.literal("router:") + _f.router_id)
            else:
                continue
            query = sa.select(_c.id, _c.revision).where(where, _c.kind == kind, _c.id.in_(part))
            for id, revision in tx.conn.execute(query):
                found[(kind, id)] = int(revision)
    return found


def set_ports_down(tx: Tx, host: str) -> None:
    """Nothing is known any more of the ports that a host carries, and of the floating IPs that it translates."""
    p = t.ports.c
    mine = (p.binding_host_id == host, p.status != "DOWN")
    tx.conn.execute(sa.update(t.ports).where(*mine).values(status="DOWN"))
    tx.conn.execute(sa.update(t.floating_ips).where(_f.host == host).values(status="DOWN"))


def set_status(tx: Tx, kind: str, host: str, ids: Sequence[str], status: str) -> None:
    """Write a status to the objects that the host carries."""
    if not ids:
        return
    p, r, f = t.ports.c, t.routers.c, t.floating_ips.c
    for start in range(0, len(ids), 500):
        part = list(ids[start : start + 500])
        if kind == "port":
            statement = sa.update(t.ports).where(p.id.in_(part), p.binding_host_id == host, p.status != status)
        elif kind == "router":
            statement = sa.update(t.routers).where(r.id.in_(part), r.host == host, r.status != status)
        else:
            mine = sa.select(r.id).where(r.host == host)
            here = sa.or_(f.host == host, sa.and_(f.host == "", f.router_id.in_(mine)))
            statement = sa.update(t.floating_ips).where(f.id.in_(part), here, f.status != status)
        tx.conn.execute(statement.values(status=status))
