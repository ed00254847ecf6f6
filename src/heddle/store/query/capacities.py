"""What hosts may promise to ports, and what the ports that they carry, or will, have been promised.

A claim is nowhere kept by itself: it is the minimum rules of a port's policy while a binding of the port names the
host.  So nothing must be given back, and nothing can be left behind.  The rows of `capacities` are the lock of a host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from heddle.model.capacity import KBPS, KPPS, Amount
from heddle.model.port import OWN
from heddle.store import tables as t
from heddle.store.dialect import upsert
from heddle.store.engine import Tx
from heddle.store.one_of import one_of

_c, _p, _n, _b = t.capacities.c, t.ports.c, t.networks.c, t.port_bindings.c
_RULES = (
    (KBPS, t.qos_minimum_bandwidth_rules, t.qos_minimum_bandwidth_rules.c.min_kbps),
    (KPPS, t.qos_minimum_packet_rate_rules, t.qos_minimum_packet_rate_rules.c.min_kpps),
)
_NOT_BOUND = ("", "unbound", "binding_failed")
# The cloud's own ports claim nothing: they follow their routers and DHCP servers wherever those are served.
CLAIMS = ~_p.device_owner.startswith(OWN)
_POLICY = sa.func.coalesce(_p.qos_policy_id, _n.qos_policy_id)


def save(tx: Tx, host: str, totals: Mapping[Amount, int]) -> None:
    """What a host may promise from now on."""
    rows = [
        {"host": host, "unit": each.unit, "provider": each.provider, "direction": each.direction, "total": total}
        for each, total in sorted(totals.items())
    ]
    names = ("host", "unit", "provider", "direction")
    upsert(tx.conn, t.capacities, rows, names)
    known = sa.tuple_(_c.unit, _c.provider, _c.direction)
    kept = [(each.unit, each.provider, each.direction) for each in totals]
    gone = known.not_in(kept) if kept else sa.true()
    tx.conn.execute(sa.delete(t.capacities).where(_c.host == host, gone))


def totals(tx: Tx, hosts: Iterable[str], *, lock: bool = False) -> dict[str, dict[Amount, int]]:
    """What each host may promise; `lock`: nobody else claims there until this transaction ends."""
    wanted = list(hosts)
    query = sa.select(_c.host, _c.unit, _c.provider, _c.direction, _c.total).where(one_of(_c.host, "hosts"))
    query = query.order_by(_c.host, _c.unit, _c.provider, _c.direction)
    found: dict[str, dict[Amount, int]] = {host: {} for host in wanted}
    for host, *amount, total in tx.conn.execute(query.with_for_update() if lock else query, {"hosts": wanted}):
        found[host][Amount(*amount)] = int(total)
    return found


def hosts(tx: Tx) -> list[str]:
    """The hosts that have something to promise."""
    return [row[0] for row in tx.conn.execute(sa.select(_c.host).distinct().order_by(_c.host))]


@dataclass(frozen=True, slots=True)
class Promise:
    """`amount` of one direction that a port has been promised on a host."""

    host: str
    port_id: str
    network_id: str
    unit: str
    direction: str
    amount: int


def _promises(unit: str, rules: sa.Table, amount: sa.Column[Any], host: sa.Column[Any], vif: sa.Column[Any]) -> Any:
    columns = (host, _p.id, _p.network_id, sa.literal(unit), rules.c.direction, amount)
    tables = t.ports.join(t.networks, _p.network_id == _n.id).join(rules, rules.c.qos_policy_id == _POLICY)
    if host.table is t.port_bindings:
        tables = tables.join(t.port_bindings, _b.port_id == _p.id)
    return sa.select(*columns).select_from(tables).where(one_of(host, "hosts"), vif.not_in(_NOT_BOUND), CLAIMS)


_PROMISES = sa.union_all(
    *(
        _promises(*rule, host, vif)
        for rule in _RULES
        for host, vif in ((_p.binding_host_id, _p.binding_vif_type), (_b.host, _b.vif_type))
    )
)


def promises(tx: Tx, hosts: Iterable[str]) -> list[Promise]:
    """What ports have been promised on hosts that carry them, or are prepared to."""
    wanted = list(hosts)
    rows = tx.conn.execute(_PROMISES, {"hosts": wanted}).all() if wanted else ()
    return [Promise(row[0], row[1], row[2], row[3], row[4], int(row[5])) for row in rows]


@dataclass(frozen=True, slots=True)
class User:
    """A port that follows a policy; `host` is "" for one that is on none."""

    port_id: str
    host: str
    device_owner: str


def users(tx: Tx, policy_id: str, network_id: str = "") -> list[User]:
    """The ports that follow a policy, of all networks or as those of one; each with the hosts that carry it."""
    follows = sa.and_(_p.qos_policy_id.is_(None), _n.qos_policy_id == policy_id, CLAIMS)
    where = sa.and_(follows, _n.id == network_id) if network_id else sa.or_(follows, _p.qos_policy_id == policy_id)
    joined = t.ports.join(t.networks, _p.network_id == _n.id)
    here = sa.case((_p.binding_vif_type.not_in(_NOT_BOUND), _p.binding_host_id), else_="")
    query = sa.union_all(
        sa.select(_p.id, here, _p.device_owner).select_from(joined).where(where),
        sa.select(_p.id, _b.host, _p.device_owner)
        .select_from(joined.join(t.port_bindings, _b.port_id == _p.id))
        .where(where, _b.vif_type.not_in(_NOT_BOUND)),
    )
    return [User(*row) for row in tx.conn.execute(query)]
