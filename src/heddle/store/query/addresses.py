"""The addresses of ports, and what is free of the pools of subnets."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query.ranges import Ranges

_a = t.ip_allocations.c


@dataclass(frozen=True, slots=True)
class Allocation:
    """An address of a port; `position` is its place among the port's."""

    subnet_id: str
    ip_address: str
    port_id: str
    network_id: str
    position: int


FREE = Ranges(t.ip_ranges, "subnet_id", t.subnets)

_INSERT_ALLOCATIONS = sa.insert(t.ip_allocations)


def insert_allocations(tx: Tx, rows: Sequence[Allocation]) -> None:
    if rows:
        tx.conn.execute(
            _INSERT_ALLOCATIONS,
            [
                {
                    "subnet_id": row.subnet_id,
                    "ip_address": row.ip_address,
                    "port_id": row.port_id,
                    "network_id": row.network_id,
                    "position": row.position,
                }
                for row in rows
            ],
        )


def delete_allocation(tx: Tx, subnet_id: str, ip_address: str) -> None:
    tx.conn.execute(sa.delete(t.ip_allocations).where(_a.subnet_id == subnet_id, _a.ip_address == ip_address))


def taken_addresses(tx: Tx, subnet_id: str) -> list[int]:
    """All allocated addresses of a subnet as numbers (for making the free runs anew)."""
    query = sa.select(_a.ip_address).where(_a.subnet_id == subnet_id)
    return sorted(int(ipaddress.ip_address(row[0])) for row in tx.conn.execute(query))


def is_taken(tx: Tx, subnet_id: str, ip_address: str) -> bool:
    query = sa.select(_a.port_id).where(_a.subnet_id == subnet_id, _a.ip_address == ip_address)
    return tx.conn.execute(query).first() is not None


def port_ids_on_subnet(tx: Tx, subnet_id: str) -> list[str]:
    query = sa.select(_a.port_id).where(_a.subnet_id == subnet_id).distinct()
    return [row[0] for row in tx.conn.execute(query)]


def used_by_subnet(tx: Tx, subnet_ids: Sequence[str]) -> dict[str, int]:
    """How many addresses are allocated in each subnet."""
    query = sa.select(_a.subnet_id, sa.func.count()).where(_a.subnet_id.in_(list(subnet_ids))).group_by(_a.subnet_id)
    return {row[0]: int(row[1]) for row in tx.conn.execute(query)}
