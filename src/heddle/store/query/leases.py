"""Leases: which process does a duty that is done in one place at a time.

Times are the database's, so that the processes' clocks may differ.
"""

from __future__ import annotations

import sqlalchemy as sa

from heddle.store import clock
from heddle.store import tables as t
from heddle.store.engine import Tx

_l = t.leases.c


def take(tx: Tx, name: str, holder: str, seconds: int) -> bool:
    """Take a free lease, or renew one's own that has less than half of its time left.  Returns whether it is held."""
    now = clock.now(tx)
    row = tx.conn.execute(sa.select(_l.holder, _l.expires).where(_l.name == name)).first()
    if row is None:
        tx.conn.execute(sa.insert(t.leases), [{"name": name, "holder": holder, "expires": now + seconds}])
        return True
    if row.holder == holder and row.expires - now > seconds / 2:
        return True
    if row.holder != holder and row.expires > now:
        return False
    same = (_l.name == name, _l.holder == row.holder, _l.expires == row.expires)
    renewed = sa.update(t.leases).where(*same).values(holder=holder, expires=now + seconds)
    return tx.conn.execute(renewed).rowcount == 1


def hold(tx: Tx, name: str, holder: str, seconds: int) -> bool:
    """Renew one's own lease; nobody else takes it until this transaction ends.  Returns whether it is still held."""
    mine = (_l.name == name, _l.holder == holder)
    renewed = sa.update(t.leases).where(*mine).values(expires=clock.now(tx) + seconds)
    return tx.conn.execute(renewed).rowcount == 1


def release(tx: Tx, name: str, holder: str) -> None:
    tx.conn.execute(sa.delete(t.leases).where(_l.name == name, _l.holder == holder))
