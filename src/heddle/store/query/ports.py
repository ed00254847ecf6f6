"""Ports, with their addresses and their security groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from heddle.errors import BadRequest
from heddle.model.port import DISTRIBUTED_INTERFACE, Port
from heddle.model.values import FixedIp
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.one_of import one_of
from heddle.store.parts import Part
from heddle.store.prepared import Prepared
from heddle.store.query.networks import SHOWN_BY_PORTS
from heddle.store.query.records import Clause, Parent, Records
from heddle.store.query.tags import check_values, tag_filters

_p, _a, _g = t.ports.c, t.ip_allocations.c, t.port_security_groups.c
_i = t.ports.alias("interfaces").c
_IS_DISTRIBUTED = sa.exists().where(_i.network_id == _p.network_id, _i.device_owner == DISTRIBUTED_INTERFACE)
_NETWORKS_OF_HOST = Prepared(
    sa.select(_p.network_id, sa.func.max(sa.case((_p.device_owner.not_like("network:%"), 1), else_=0)), _IS_DISTRIBUTED)
    .where(_p.binding_host_id == sa.bindparam("host"))
    .group_by(_p.network_id)
)
_GROUPS_OF_HOST = Prepared(
    sa.select(_g.security_group_id)
    .join(t.ports, _p.id == _g.port_id)
    .where(_p.binding_host_id == sa.bindparam("host"), _p.port_security_enabled == sa.true())
    .distinct()
)
_FIXED_IP_KEYS = ("subnet_id", "ip_address", "ip_address_substr")


def _fixed_ips(values: Sequence[Any]) -> Clause:
    """A filter like `subnet_id=…`, `ip_address=…` or `ip_address_substr=…`; different keys must all hold."""
    by_key: dict[str, list[str]] = {}
    for value in values:
        key, equals, text = str(value).partition("=")
        if not equals or key not in _FIXED_IP_KEYS:
            raise BadRequest(
                "HTTPBadRequest",
                f"Invalid input for fixed_ips. Reason: the filter '{str(value)[:80]}' is not one of "
                f"{', '.join(f'{key}=VALUE' for key in _FIXED_IP_KEYS)}.",
            )
        by_key.setdefault(key, []).append(text)
    clauses: list[Clause] = []
    for key, texts in by_key.items():
        if key == "ip_address_substr":
            check_values("fixed_ips", texts)
            inner: Clause = sa.or_(*(_a.ip_address.contains(text, autoescape=True) for text in texts))
        else:
            inner = _a[key].in_(texts)
        clauses.append(_p.id.in_(sa.select(_a.port_id).where(inner)))
    return sa.and_(*clauses)


def _groups(values: Sequence[Any]) -> Clause:
    return _p.id.in_(sa.select(_g.port_id).where(_g.security_group_id.in_(list(values))))


PORTS: Records[Port] = Records(
    Port,
    t.ports,
    parts=(
        Part("fixed_ips", _a.port_id, (_a.subnet_id, _a.ip_address), FixedIp, order=_a.position),
        Part("security_groups", _g.port_id, (_g.security_group_id,), str),
    ),
    beside=SHOWN_BY_PORTS,
    parents={"network": Parent("network_id", t.networks)},
    filters={"fixed_ips": _fixed_ips, "security_groups": _groups, **tag_filters(t.ports)},
)


def set_groups(tx: Tx, ports: Sequence[Port], *, fresh: bool = False) -> None:
    """Write the security groups of ports; `fresh`: the ports are new and have none yet."""
    if not fresh:
        tx.conn.execute(sa.delete(t.port_security_groups).where(_g.port_id.in_([port.id for port in ports])))
    rows = [{"port_id": port.id, "security_group_id": group} for port in ports for group in port.security_groups]
    if rows:
        tx.conn.execute(sa.insert(t.port_security_groups), rows)


def of_network(tx: Tx, network_id: str, *clauses: Clause) -> list[Port]:
    return PORTS.find(tx, _p.network_id == network_id, *clauses)


def of_device(tx: Tx, device_id: str, owners: Iterable[str] = ()) -> list[Port]:
    """The ports of a device, of the given device owners where any are given."""
    wanted = list(owners)
    more = [_p.device_owner.in_(wanted)] if wanted else []
    return PORTS.find(tx, _p.device_id == device_id, *more)


def of_devices(tx: Tx, device_ids: Iterable[str], owner: str) -> dict[str, list[Port]]:
    """The ports of each device that are of a device owner."""
    found: dict[str, list[Port]] = {device_id: [] for device_id in device_ids}
    for port in PORTS.find(tx, one_of(_p.device_id, found), _p.device_owner == owner) if found else ():
        found[port.device_id].append(port)
    return found


def interfaces_on_network(tx: Tx, network_id: str, *owners: str) -> list[Port]:
    return of_network(tx, network_id, _p.device_owner.in_(owners))


def bound_on_network(tx: Tx, network_id: str) -> list[Port]:
    """The ports of a network that a host carries."""
    return of_network(tx, network_id, _p.binding_vif_type.not_in(("unbound", "binding_failed")))


def projects_on_network(tx: Tx, network_id: str) -> set[str]:
    """The projects that have ports on a network."""
    query = sa.select(_p.project_id).where(_p.network_id == network_id, _p.project_id != "").distinct()
    return {row[0] for row in tx.conn.execute(query)}


def projects_with_group(tx: Tx, group_id: str) -> set[str]:
    """The projects that have ports with a security group."""
    query = sa.select(_p.project_id).join(t.port_security_groups, _g.port_id == _p.id)
    query = query.where(_g.security_group_id == group_id, _p.project_id != "").distinct()
    return {row[0] for row in tx.conn.execute(query)}


def count_foreign(tx: Tx, network_id: str, own_owners: Sequence[str]) -> int:
    """How many ports of a network are not of these owners."""
    query = sa.select(sa.func.count()).where(_p.network_id == network_id, _p.device_owner.not_in(list(own_owners)))
    return int(tx.conn.execute(query).scalar_one())


def macs_in_use(tx: Tx, network_id: str, macs: Iterable[str]) -> set[str]:
    query = sa.select(_p.mac_address).where(_p.network_id == network_id, _p.mac_address.in_(list(macs)))
    return {row[0] for row in tx.conn.execute(query)}


def set_status(tx: Tx, port_ids: Sequence[str], status: str) -> None:
    if port_ids:
        tx.conn.execute(sa.update(t.ports).where(_p.id.in_(list(port_ids)), _p.status != status).values(status=status))


def networks_of_host(tx: Tx, host: str) -> dict[str, bool]:
    """The networks with ports on a host; whether it has a guest there, and a distributed router has an interface."""
    rows = _NETWORKS_OF_HOST.rows(tx.conn, {"host": host})
    return {network: bool(guests and distributed) for network, guests, distributed in rows}


def routed_together(tx: Tx, networks: Sequence[str]) -> list[tuple[str, str]]:
    """The distributed routers on any of the networks, with each network that they join: (router, network)."""
    here = sa.select(_i.device_id).where(_i.network_id.in_(networks), _i.device_owner == DISTRIBUTED_INTERFACE)
    query = sa.select(_p.device_id, _p.network_id).where(
        _p.device_id.in_(here), _p.device_owner == DISTRIBUTED_INTERFACE
    )
    return [(row[0], row[1]) for row in tx.conn.execute(query.distinct())]


def networks_of_devices(tx: Tx, device_ids: Sequence[str]) -> set[str]:
    """The networks that devices have ports on, wherever these are bound."""
    parts = [device_ids[start : start + 500] for start in range(0, len(device_ids), 500)]
    query = sa.select(_p.network_id).distinct()
    return {row[0] for part in parts for row in tx.conn.execute(query.where(_p.device_id.in_(part)))}


def groups_of_host(tx: Tx, host: str) -> list[str]:
    return [row[0] for row in _GROUPS_OF_HOST.rows(tx.conn, {"host": host})]
