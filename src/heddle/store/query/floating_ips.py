"""Floating IPs, with what their answers tell of the port and of the ports that they forward."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from heddle.model.floating_ip import FloatingIp
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.one_of import one_of
from heddle.store.query.records import Records
from heddle.store.query.tags import tag_filters

_f, _p, _r, _w = t.floating_ips.c, t.ports.c, t.routers.c, t.port_forwardings.c
_DETAILS = (_p.name, _p.network_id, _p.mac_address, _p.admin_state_up, _p.status, _p.device_id, _p.device_owner)
_FORWARDING = (
    _w.id, _w.internal_port_id, _w.internal_ip_address, _w.protocol, _w.internal_port, _w.external_port,
    _w.internal_port_range, _w.external_port_range,
)  # fmt: skip


def _load(tx: Tx, floating_ips: Sequence[FloatingIp]) -> None:
    details = _details(tx, [item.port_id for item in floating_ips if item.port_id])
    # One that reaches a port forwards none, and one that no router carries does neither.
    forwardings = _forwardings(tx, [item.id for item in floating_ips if item.router_id and not item.port_id])
    for item in floating_ips:
        item.port_details = details.get(item.port_id or "")
        item.port_forwardings = forwardings.get(item.id, [])


def _details(tx: Tx, port_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    if not port_ids:
        return {}
    rows = tx.conn.execute(sa.select(_p.id, *_DETAILS).where(one_of(_p.id, port_ids)))
    return {id: dict(zip([c.name for c in _DETAILS], rest, strict=True)) for id, *rest in rows}


def _forwardings(tx: Tx, floating_ip_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Ranges are told where they have more than one port."""
    if not floating_ip_ids:
        return {}
    found: dict[str, list[dict[str, Any]]] = {}
    query = sa.select(_w.floatingip_id, *_FORWARDING).where(one_of(_w.floatingip_id, floating_ip_ids)).order_by(_w.id)
    for floating_ip_id, *rest in tx.conn.execute(query):
        item = dict(zip([c.name for c in _FORWARDING], rest, strict=True))
        if item["external_port"] is not None:
            del item["external_port_range"], item["internal_port_range"]
        found.setdefault(floating_ip_id, []).append(item)
    return found


FLOATING_IPS: Records[FloatingIp] = Records(
    FloatingIp, t.floating_ips, load=_load, filters=dict(tag_filters(t.floating_ips))
)


def of_port(tx: Tx, port_id: str) -> list[FloatingIp]:
    return FLOATING_IPS.find(tx, _f.port_id == port_id)


def of_ports(tx: Tx, port_ids: Sequence[str]) -> list[FloatingIp]:
    return FLOATING_IPS.find(tx, one_of(_f.port_id, list(port_ids))) if port_ids else []


def of_router(tx: Tx, router_id: str) -> list[FloatingIp]:
    return FLOATING_IPS.find(tx, _f.router_id == router_id)


def of_routers(tx: Tx, router_ids: Iterable[str]) -> list[FloatingIp]:
    return FLOATING_IPS.find(tx, one_of(_f.router_id, router_ids))


def set_down(tx: Tx, router_id: str) -> None:
    """No host translates the floating IPs of a router any more."""
    mine = (_f.router_id == router_id, _f.host == "")
    tx.conn.execute(sa.update(t.floating_ips).where(*mine).values(status="DOWN"))


def to_network(tx: Tx, network_id: str) -> list[FloatingIp]:
    """Those that reach ports of a network."""
    return FLOATING_IPS.find(tx, _f.port_id.in_(sa.select(_p.id).where(_p.network_id == network_id)))


def of_distributed(tx: Tx, host: str) -> list[FloatingIp]:
    """Those of distributed routers that reach ports on a host, or whose router is there."""
    ports = sa.select(_p.id).where(_p.binding_host_id == host)
    routers = sa.select(_r.id).where(_r.host == host, _r.distributed == sa.true())
    there = FLOATING_IPS.find(tx, _f.router_id.in_(routers))
    known = {item.id for item in there}
    mine = FLOATING_IPS.find(tx, _f.port_id.in_(ports), _f.router_id.in_(_distributed("")))
    return [*there, *(item for item in mine if item.id not in known)]


def of_project(tx: Tx, project_id: str) -> list[FloatingIp]:
    """Those of a project's distributed routers; "" for those of all projects."""
    return FLOATING_IPS.find(tx, _f.router_id.in_(_distributed(project_id)))


def _distributed(project_id: str) -> sa.Select[Any]:
    mine = (_r.project_id == project_id,) if project_id else ()
    return sa.select(_r.id).where(_r.distributed == sa.true(), *mine)


def of_network(tx: Tx, network_id: str) -> list[FloatingIp]:
    return FLOATING_IPS.find(tx, _f.floating_network_id == network_id)


def projects_on_network(tx: Tx, network_id: str) -> set[str]:
    """The projects that have floating IPs of a network."""
    query = sa.select(_f.project_id).where(_f.floating_network_id == network_id, _f.project_id != "").distinct()
    return {row[0] for row in tx.conn.execute(query)}


def any_on_network(tx: Tx, network_id: str) -> bool:
    return tx.conn.execute(sa.select(_f.id).where(_f.floating_network_id == network_id).limit(1)).first() is not None
