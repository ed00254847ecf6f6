"""The hosts that are ready to carry highly available routers, and the key with which hosts speak of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query.hosts import held_back

_b, _k = t.ha_bindings.c, t.ha_keys.c
_CLOUD = "cloud"


@dataclass(frozen=True, slots=True)
class Binding:
    """`state`: "active" or "standby", as the host said; of several that say "active" that of the greatest `term` is."""

    host: str
    priority: int
    state: str = "standby"
    term: int = 0


def of_routers(tx: Tx, ids: Iterable[str]) -> dict[str, list[Binding]]:
    """In the order in which they take over."""
    found: dict[str, list[Binding]] = {}
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), 500):
        query = sa.select(_b.router_id, _b.host, _b.priority, _b.state, _b.term)
        query = query.where(_b.router_id.in_(wanted[start : start + 500])).order_by(_b.router_id, _b.priority, _b.host)
        for id, *values in tx.conn.execute(query):
            found.setdefault(id, []).append(Binding(*values))
    return found


def of_router(tx: Tx, id: str) -> list[Binding]:
    return of_routers(tx, [id]).get(id, [])


def add(tx: Tx, id: str, host: str, priority: int) -> None:
    row = {"router_id": id, "host": host, "priority": priority, "state": "standby", "term": 0}
    tx.conn.execute(sa.insert(t.ha_bindings), [row])


def remove(tx: Tx, id: str, host: str) -> None:
    tx.conn.execute(sa.delete(t.ha_bindings).where(_b.router_id == id, _b.host == host))


def drop(tx: Tx, id: str) -> None:
    """All of a router."""
    tx.conn.execute(sa.delete(t.ha_bindings).where(_b.router_id == id))


def set_state(tx: Tx, id: str, host: str, state: str, term: int) -> None:
    mine = (_b.router_id == id, _b.host == host)
    tx.conn.execute(sa.update(t.ha_bindings).where(*mine).values(state=state, term=term))


def short_of(tx: Tx, most: int) -> list[str]:
    """The highly available routers on a host of which fewer hosts than `most` are ready; but for those held back."""
    r = t.routers.c
    ready = sa.select(sa.func.count()).where(_b.router_id == r.id).scalar_subquery()
    query = sa.select(r.id).where(r.ha == sa.true(), r.host != "", ready < most, r.id.not_in(held_back("router")))
    return [row[0] for row in tx.conn.execute(query)]


@dataclass(frozen=True, slots=True)
class Keys:
    """`key`: with which hosts sign, "" while there is none; `next`: which they accept too, and will sign with;
    `before`: which they signed with, and accept still."""

    key: str = ""
    next: str = ""
    before: str = ""


def keys(tx: Tx) -> Keys:
    found = {row[0]: row[1] for row in tx.conn.execute(sa.select(_k.name, _k.key))}
    return Keys(found.get(_CLOUD, ""), found.get("next", ""), found.get("before", ""))


def set_keys(tx: Tx, new: Keys) -> None:
    tx.conn.execute(sa.delete(t.ha_keys))
    rows = [{"name": name, "key": key} for name, key in ((_CLOUD, new.key), ("next", new.next), ("before", new.before))]
    tx.conn.execute(sa.insert(t.ha_keys), [row for row in rows if row["key"]])
