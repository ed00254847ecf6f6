"""Wrong guesses of secrets, counted for all servers."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.store.engine import Tx
from heddle.store.tables import failed_logins as t


def get(tx: Tx, key: str) -> tuple[int, float]:
    """How many there were, and when the last one was (seconds since 1970)."""
    row = tx.conn.execute(sa.select(t.c.failures, t.c.last).where(t.c.key == key)).first()
    return (row.failures, row.last / 1000) if row else (0, 0.0)


def add(tx: Tx, key: str, now: float) -> int:
    """Count one more; how many there are."""
    values = {"last": round(now * 1000)}
    changed = tx.conn.execute(sa.update(t).where(t.c.key == key).values(failures=t.c.failures + 1, **values))
    if not changed.rowcount:
        tx.conn.execute(sa.insert(t), [{"key": key, "failures": 1, **values}])
    return get(tx, key)[0]


def forget(tx: Tx, key: str) -> None:
    tx.conn.execute(sa.delete(t).where(t.c.key == key))


def forget_older(tx: Tx, moment: float) -> int:
    """Forget what was last counted before; how many those were."""
    return int(tx.conn.execute(sa.delete(t).where(t.c.last < round(moment * 1000))).rowcount)
