"""The agents' processes that report, or ask, as a host."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.dialect import upsert
from heddle.store.engine import Tx
from heddle.store.prepared import Prepared

_i = t.agent_instances.c
_OF_HOST = Prepared(
    sa.select(_i.host, _i.instance, _i.first_heard, _i.last_heard, _i.refused)
    .where(_i.host == sa.bindparam("host")).order_by(_i.first_heard, _i.instance)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instance:
    """`first` and `last`: when it was heard, by the database's clock; `refused`: another one is the host's agent."""

    host: str
    instance: str
    first: int
    last: int
    refused: bool = False


def of_host(tx: Tx, host: str) -> list[Instance]:
    """Those of a host, in the order in which they were heard first."""
    return [Instance(*row) for row in _OF_HOST.rows(tx.conn, {"host": host})]


def save(tx: Tx, each: Instance) -> None:
    row = {"host": each.host, "instance": each.instance, "first_heard": each.first, "last_heard": each.last,
           "refused": each.refused}  # fmt: skip
    upsert(tx.conn, t.agent_instances, [row], ("host", "instance"))


def forget_older(tx: Tx, host: str, than: int) -> None:
    """Forget those of a host that were last heard before a moment."""
    tx.conn.execute(sa.delete(t.agent_instances).where(_i.host == host, _i.last_heard < than))


def forget(tx: Tx, host: str) -> None:
    tx.conn.execute(sa.delete(t.agent_instances).where(_i.host == host))
