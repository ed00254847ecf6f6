"""Subnet pools, and what of their prefixes is free."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from heddle.model.subnet_pool import SubnetPool
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.one_of import one_of
from heddle.store.query.ranges import Ranges
from heddle.store.query.records import Records
from heddle.store.query.tags import tag_filters

_p = t.subnetpools.c

SUBNET_POOLS: Records[SubnetPool] = Records(SubnetPool, t.subnetpools, filters=dict(tag_filters(t.subnetpools)))
FREE = Ranges(t.subnetpool_ranges, "subnetpool_id", t.subnetpools)


def of_scope(tx: Tx, address_scope_id: str) -> list[SubnetPool]:
    return SUBNET_POOLS.find(tx, _p.address_scope_id == address_scope_id)


def any_in_scope(tx: Tx, address_scope_id: str) -> bool:
    query = sa.select(_p.id).where(_p.address_scope_id == address_scope_id).limit(1)
    return tx.conn.execute(query).first() is not None


def projects_in_scope(tx: Tx, address_scope_id: str) -> set[str]:
    """The projects that have pools in an address scope."""
    query = sa.select(_p.project_id).where(_p.address_scope_id == address_scope_id, _p.project_id != "").distinct()
    return {row[0] for row in tx.conn.execute(query)}


def scopes(tx: Tx, ids: Iterable[str]) -> dict[str, str]:
    """The address scopes of those of the pools that are in one."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    query = sa.select(_p.id, _p.address_scope_id).where(one_of(_p.id, wanted), _p.address_scope_id.is_not(None))
    return {row[0]: row[1] for row in tx.conn.execute(query)}
