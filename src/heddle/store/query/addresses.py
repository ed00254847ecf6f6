"""The addresses of ports, and the free runs of subnets.

A run that loses its first address is changed in place; one that loses another is cut in two; an address that
comes back is joined to the runs beside it.  Each is a constant number of statements, however large the subnet.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.engine import Tx

Run = tuple[int, int]
_r, _a = t.ip_ranges.c, t.ip_allocations.c


@dataclass(frozen=True, slots=True)
class Allocation:
    """An address of a port; `position` is its place among the port's."""

    subnet_id: str
    ip_address: str
    port_id: str
    network_id: str
    position: int


def _hex(number: int) -> str:
    return f"{number:032x}"


_HOLD = sa.select(t.subnets.c.id).where(t.subnets.c.id == sa.bindparam("subnet")).with_for_update()


def _hold(tx: Tx, subnet_id: str) -> None:
    """Let nobody else take or give back addresses of a subnet: runs are several rows, which change together."""
    if not tx.alone and subnet_id not in tx.held:
        tx.conn.execute(_HOLD, {"subnet": subnet_id})
        tx.held.add(subnet_id)


def set_free_runs(tx: Tx, subnet_id: str, runs: Iterable[Run]) -> None:
    """Replace what is free in a subnet."""
    _hold(tx, subnet_id)
    tx.conn.execute(sa.delete(t.ip_ranges).where(_r.subnet_id == subnet_id))
    rows = [{"subnet_id": subnet_id, "first": _hex(first), "last": _hex(last)} for first, last in runs]
    if rows:
        tx.conn.execute(sa.insert(t.ip_ranges), rows)


def drop_free_runs(tx: Tx, subnet_id: str) -> None:
    tx.conn.execute(sa.delete(t.ip_ranges).where(_r.subnet_id == subnet_id))


_LOWEST = (
    sa.select(_r.first, _r.last)
    .where(_r.subnet_id == sa.bindparam("subnet"))
    .order_by(_r.first)
    .limit(sa.bindparam("most"))
)


_THIS = (_r.subnet_id == sa.bindparam("subnet"), _r.first == sa.bindparam("old"))
_MOVE = sa.update(t.ip_ranges).where(*_THIS).values(first=sa.bindparam("low"), last=sa.bindparam("high"))
_DROP = sa.delete(t.ip_ranges).where(*_THIS)
_INSERT_ALLOCATIONS = sa.insert(t.ip_allocations)


def take_lowest(tx: Tx, subnet_id: str, count: int) -> list[int]:
    """Take up to `count` of the lowest free addresses; fewer where there are not as many."""
    _hold(tx, subnet_id)
    taken: list[int] = []
    for first, last in tx.conn.execute(_LOWEST, {"subnet": subnet_id, "most": count}).all():
        low, high = int(first, 16), int(last, 16)
        end = min(high, low + count - len(taken) - 1)
        taken.extend(range(low, end + 1))
        _replace(tx, subnet_id, low, [(end + 1, high)] if end < high else [])
        if len(taken) == count:
            break
    return taken


def has_free(tx: Tx, subnet_id: str) -> bool:
    """Whether the pools of a subnet have an address left."""
    query = sa.select(_r.first).where(_r.subnet_id == subnet_id).limit(1)
    return tx.conn.execute(query).first() is not None


def take_given(tx: Tx, subnet_id: str, number: int) -> bool:
    """Take one address out of the free runs.  False: it is in none (outside the pools, or taken)."""
    _hold(tx, subnet_id)
    run = _run_at(tx, subnet_id, number)
    if run is None or run[1] < number:
        return False
    first, last = run
    parts = [(first, number - 1)] if first < number else []
    if number < last:
        parts.append((number + 1, last))
    _replace(tx, subnet_id, first, parts)
    return True


def give_back(tx: Tx, subnet_id: str, number: int) -> None:
    """Make an address free again, joined with its neighbours."""
    _hold(tx, subnet_id)
    low, high = number, number
    before = _run_at(tx, subnet_id, number)
    if before is not None and before[1] >= number:
        return
    old: list[int] = []
    if before is not None and before[1] == number - 1:
        low = before[0]
        old.append(before[0])
    after = tx.conn.execute(
        sa.select(_r.last).where(_r.subnet_id == subnet_id, _r.first == _hex(number + 1))
    ).scalar_one_or_none()
    if after is not None:
        high = int(after, 16)
        old.append(number + 1)
    if old:
        tx.conn.execute(
            sa.delete(t.ip_ranges).where(_r.subnet_id == subnet_id, _r.first.in_([_hex(first) for first in old]))
        )
    tx.conn.execute(sa.insert(t.ip_ranges), [{"subnet_id": subnet_id, "first": _hex(low), "last": _hex(high)}])


def _run_at(tx: Tx, subnet_id: str, number: int) -> Run | None:
    """The last run that begins at or below a number."""
    row = tx.conn.execute(
        sa.select(_r.first, _r.last)
        .where(_r.subnet_id == subnet_id, _r.first <= _hex(number))
        .order_by(_r.first.desc())
        .limit(1)
    ).first()
    return None if row is None else (int(row[0], 16), int(row[1], 16))


def _replace(tx: Tx, subnet_id: str, first: int, parts: Sequence[Run]) -> None:
    where = {"subnet": subnet_id, "old": _hex(first)}
    if len(parts) == 1:
        low, high = parts[0]
        tx.conn.execute(_MOVE, where | {"low": _hex(low), "high": _hex(high)})
        return
    tx.conn.execute(_DROP, where)
    if parts:
        rows = [{"subnet_id": subnet_id, "first": _hex(low), "last": _hex(high)} for low, high in parts]
        tx.conn.execute(sa.insert(t.ip_ranges), rows)


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
