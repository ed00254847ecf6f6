"""Floating IPs, with what their answers tell of the port."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from heddle.model.floating_ip import FloatingIp
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query.records import Records
from heddle.store.query.tags import tag_filters

_f, _p = t.floating_ips.c, t.ports.c


def _load(tx: Tx, floating_ips: Sequence[FloatingIp]) -> None:
    wanted = [f.port_id for f in floating_ips if f.port_id]
    details = {}
    if wanted:
        columns = (
            _p.id,
            _p.name,
            _p.network_id,
            _p.mac_address,
            _p.admin_state_up,
            _p.status,
            _p.device_id,
            _p.device_owner,
        )
        for id, *rest in tx.conn.execute(sa.select(*columns).where(_p.id.in_(wanted))):
            details[id] = dict(zip([c.name for c in columns[1:]], rest, strict=True))
    for floating_ip in floating_ips:
        floating_ip.port_details = details.get(floating_ip.port_id or "")


FLOATING_IPS: Records[FloatingIp] = Records(
    FloatingIp, t.floating_ips, load=_load, filters=dict(tag_filters(t.floating_ips))
)


def of_port(tx: Tx, port_id: str) -> list[FloatingIp]:
    return FLOATING_IPS.find(tx, _f.port_id == port_id)


def of_router(tx: Tx, router_id: str) -> list[FloatingIp]:
    return FLOATING_IPS.find(tx, _f.router_id == router_id)


def any_on_network(tx: Tx, network_id: str) -> bool:
    return tx.conn.execute(sa.select(_f.id).where(_f.floating_network_id == network_id).limit(1)).first() is not None
