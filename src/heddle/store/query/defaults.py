"""Of what there can be one in the cloud, such as the default subnet pool of an IP version: who it is."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.engine import Tx

_d = t.defaults.c


def holder(tx: Tx, name: str) -> str | None:
    """The id of the object that is the default."""
    found = tx.conn.execute(sa.select(_d.object_id).where(_d.name == name)).scalar_one_or_none()
    return None if found is None else str(found)


def claim(tx: Tx, name: str, object_id: str) -> bool:
    """Make an object the default.  False: another one is."""
    have = holder(tx, name)
    if have is None:
        tx.conn.execute(sa.insert(t.defaults), [{"name": name, "object_id": object_id}])
    return have in (None, object_id)


def release(tx: Tx, name: str, object_id: str) -> None:
    """The object is not the default any more, if it was."""
    tx.conn.execute(sa.delete(t.defaults).where(_d.name == name, _d.object_id == object_id))
