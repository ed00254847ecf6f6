"""The keys of tokens, where the database keeps them."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.engine import Tx

_k = t.token_keys.c


def every(tx: Tx) -> list[tuple[str, int, str]]:
    """(name in hex, seconds since 1970, secret in hex) of each."""
    return [(row[0], row[1], row[2]) for row in tx.conn.execute(sa.select(_k.name, _k.created, _k.secret))]


def insert(tx: Tx, name: str, created: int, secret: str) -> None:
    tx.conn.execute(sa.insert(t.token_keys), [{"name": name, "created": created, "secret": secret}])


def delete(tx: Tx, name: str) -> None:
    tx.conn.execute(sa.delete(t.token_keys).where(_k.name == name))
