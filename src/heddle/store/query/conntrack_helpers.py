"""Conntrack helpers."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from heddle.model.conntrack_helper import ConntrackHelper
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query.records import Parent, Records

_h = t.conntrack_helpers.c

CONNTRACK_HELPERS: Records[ConntrackHelper] = Records(
    ConntrackHelper, t.conntrack_helpers, parents={"router": Parent("router_id", t.routers)}
)


def same(tx: Tx, wanted: ConntrackHelper) -> ConntrackHelper | None:
    """Another of the router that says the same."""
    found = CONNTRACK_HELPERS.find(
        tx,
        _h.router_id == wanted.router_id,
        _h.protocol == wanted.protocol,
        _h.port == wanted.port,
        _h.helper == wanted.helper,
        _h.id != wanted.id,
    )
    return found[0] if found else None


def of_routers(tx: Tx, router_ids: Collection[str]) -> dict[str, list[ConntrackHelper]]:
    """By router, in order of their ids."""
    found: dict[str, list[ConntrackHelper]] = {}
    every = CONNTRACK_HELPERS.find(tx, _h.router_id.in_(list(router_ids)))
    for helper in sorted(every, key=lambda helper: helper.id):
        found.setdefault(helper.router_id, []).append(helper)
    return found


def drop(tx: Tx, router_id: str) -> None:
    """Delete those of a router."""
    tx.conn.execute(sa.delete(t.conntrack_helpers).where(_h.router_id == router_id))
