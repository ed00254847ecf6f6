"""NDP proxies."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from heddle.model.ndp_proxy import NdpProxy
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query.records import Records
from heddle.store.query.tags import tag_filters

_n = t.ndp_proxies.c

NDP_PROXIES: Records[NdpProxy] = Records(NdpProxy, t.ndp_proxies, filters=dict(tag_filters(t.ndp_proxies)))


def of_router(tx: Tx, router_id: str) -> list[NdpProxy]:
    return NDP_PROXIES.find(tx, _n.router_id == router_id)


def addresses_of_routers(tx: Tx, router_ids: Collection[str]) -> dict[str, list[str]]:
    """The addresses for which routers answer, by router and in order."""
    query = sa.select(_n.router_id, _n.ip_address).where(_n.router_id.in_(list(router_ids)))
    found: dict[str, list[str]] = {}
    for router_id, address in tx.conn.execute(query.order_by(_n.router_id, _n.ip_address)):
        found.setdefault(router_id, []).append(address)
    return found


def of_port(tx: Tx, port_id: str) -> list[NdpProxy]:
    return NDP_PROXIES.find(tx, _n.port_id == port_id)
