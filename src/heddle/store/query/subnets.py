"""Subnets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from heddle.model.access import NETWORK_EXTERNAL_TO_SOME, NETWORK_SHARED
from heddle.model.subnet import Subnet
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query import grants
from heddle.store.query.records import Clause, Parent, Records
from heddle.store.query.tags import tag_filters

_s = t.subnets.c


def _shared(values: Sequence[Any]) -> Clause:
    return grants.among(NETWORK_SHARED, _s.network_id, values)


def _external(values: Sequence[Any]) -> Clause:
    return grants.among(NETWORK_EXTERNAL_TO_SOME, _s.network_id, values)


SUBNETS: Records[Subnet] = Records(
    Subnet,
    t.subnets,
    parents={"network": Parent("network_id", t.networks)},
    filters={"shared": _shared, "router_external": _external, **tag_filters(t.subnets)},
)


_OF_NETWORKS = SUBNETS.select.where(_s.network_id.in_(sa.bindparam("networks", expanding=True)))


def of_networks(tx: Tx, network_ids: Sequence[str]) -> dict[str, list[Subnet]]:
    """The subnets of each network, oldest first."""
    found: dict[str, list[Subnet]] = {network_id: [] for network_id in network_ids}
    for subnet in SUBNETS.fetch(tx, _OF_NETWORKS, {"networks": list(found)}):
        found[subnet.network_id].append(subnet)
    for subnets in found.values():
        subnets.sort(key=lambda subnet: (subnet.created_at, subnet.id))
    return found


def of_network(tx: Tx, network_id: str) -> list[Subnet]:
    return of_networks(tx, [network_id])[network_id]


def of_pool(tx: Tx, subnetpool_id: str) -> list[Subnet]:
    """The subnets that have their block from a pool."""
    return SUBNETS.find(tx, _s.subnetpool_id == subnetpool_id)


def any_of_pool(tx: Tx, subnetpool_id: str) -> bool:
    """Whether a subnet has its block from a pool."""
    query = sa.select(_s.id).where(_s.subnetpool_id == subnetpool_id).limit(1)
    return tx.conn.execute(query).first() is not None


def beside_pool(tx: Tx, subnetpool_id: str, version: int) -> bool:
    """Whether networks with subnets of a pool have others, of the same IP version, that are not of it."""
    other = t.subnets.alias()
    same = sa.and_(other.c.network_id == _s.network_id, other.c.ip_version == version)
    outside = sa.func.coalesce(other.c.subnetpool_id, "") != subnetpool_id
    query = sa.select(_s.id).join(other, same).where(_s.subnetpool_id == subnetpool_id, outside).limit(1)
    return tx.conn.execute(query).first() is not None


def blocks_of_project(tx: Tx, subnetpool_id: str, project_id: str) -> list[str]:
    """The CIDRs of the subnets of a project that have their block from a pool."""
    query = sa.select(_s.cidr).where(_s.subnetpool_id == subnetpool_id, _s.project_id == project_id)
    return [row[0] for row in tx.conn.execute(query)]


def projects_of_pool(tx: Tx, subnetpool_id: str) -> set[str]:
    """The projects that have subnets with a block from a pool."""
    query = sa.select(_s.project_id).where(_s.subnetpool_id == subnetpool_id, _s.project_id != "").distinct()
    return {row[0] for row in tx.conn.execute(query)}
