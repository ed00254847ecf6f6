"""Routers, with their gateway as the API tells it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from heddle.model.router import Router
from heddle.model.values import FixedIp, GatewayInfo
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.one_of import one_of
from heddle.store.parts import Part
from heddle.store.query.ports import PORTS
from heddle.store.query.records import Records
from heddle.store.query.tags import tag_filters

_r, _p, _h = t.routers.c, t.ports.c, t.conntrack_helpers.c


def _load(tx: Tx, routers: Sequence[Router]) -> None:
    gateways = PORTS.get_many(tx, [router.gateway_port_id for router in routers if router.gateway_port_id])
    for router in routers:
        port = gateways.get(router.gateway_port_id or "")
        router.external_gateway_info = None
        if port is not None:
            fixed_ips = [FixedIp(fixed_ip.subnet_id, fixed_ip.ip_address) for fixed_ip in port.fixed_ips]
            router.external_gateway_info = GatewayInfo(
                port.network_id, router.enable_snat, fixed_ips, router.qos_policy_id
            )


def _helper(protocol: str, port: int, helper: str) -> dict[str, Any]:
    return {"protocol": protocol, "port": port, "helper": helper}


_HELPERS = Part("conntrack_helpers", _h.router_id, (_h.protocol, _h.port, _h.helper), _helper, order=_h.id)
ROUTERS: Records[Router] = Records(
    Router, t.routers, load=_load, parts=(_HELPERS,), filters=dict(tag_filters(t.routers))
)


def with_gateway_on(tx: Tx, network_id: str, router_ids: Sequence[str]) -> list[Router]:
    """Those of the routers whose gateway is on a network; nobody locks one of them until the transaction ends."""
    gateways = sa.select(_p.id).where(_p.network_id == network_id)
    query = ROUTERS.select if tx.alone else ROUTERS.select.with_for_update(read=True, key_share=True, of=t.routers)
    return ROUTERS.find(tx, _r.id.in_(list(router_ids)), _r.gateway_port_id.in_(gateways), query=query)


def lock_many(tx: Tx, router_ids: Iterable[str]) -> dict[str, Router]:
    """Those of the routers that exist, and no other transaction changes them until this one ends.

    All lock them in the same order, so that nobody waits for one who waits for him.
    """
    wanted = sorted(set(router_ids))
    if not wanted:
        return {}
    query = ROUTERS.select if tx.alone else ROUTERS.select.order_by(_r.id).with_for_update(of=t.routers)
    return {router.id: router for router in ROUTERS.find(tx, _r.id.in_(wanted), query=query)}


def distributed(tx: Tx, router_ids: Iterable[str]) -> set[str]:
    """Those of the routers that are distributed."""
    wanted = sorted(set(router_ids))
    query = sa.select(_r.id).where(one_of(_r.id, wanted), _r.distributed == sa.true())
    return {row[0] for row in tx.conn.execute(query)} if wanted else set()


def projects_with_gateway_on(tx: Tx, network_id: str) -> set[str]:
    """The projects that have routers with their gateway on a network."""
    query = sa.select(_r.project_id).join(t.ports, _p.id == _r.gateway_port_id)
    query = query.where(_p.network_id == network_id, _r.project_id != "").distinct()
    return {row[0] for row in tx.conn.execute(query)}
