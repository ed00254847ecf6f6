"""Bindings of ports that lead to no host which carries them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from heddle.model.agent import CARRIERS
from heddle.store import tables as t
from heddle.store.engine import Tx

_p, _h, _g = t.ports.c, t.hosts.c, t.agents.c
FAILED = "binding_failed"


@dataclass(frozen=True, slots=True)
class Astray:
    """`why`: a clause that goes on after the name of the host."""

    port: str
    host: str
    why: str


def astray(tx: Tx, before: int) -> list[Astray]:
    """`before`: whoever was last heard before that moment of the database's clock carries nothing."""
    carries = sa.exists().where(
        _g.host == _h.name, _g.role.in_(CARRIERS), _g.alive == sa.true(), _g.heartbeat >= before
    )
    bound = sa.select(_p.id, _p.binding_host_id, _p.binding_vif_type, _p.binding_refusal, _h.name)
    query = (
        bound.join(t.hosts, _h.name == _p.binding_host_id, isouter=True)
        .where(_p.binding_host_id != "", sa.or_(_h.name.is_(None), _p.binding_vif_type == FAILED, ~carries))
        .order_by(_p.binding_host_id, _p.id)
    )
    rows = tx.conn.execute(query)
    return [Astray(port, host, _why(kind, refusal, known)) for port, host, kind, refusal, known in rows]


def _why(kind: str, refusal: str, known: str | None) -> str:
    if known is None:
        return "which has never reported, or was deleted"
    if kind == FAILED:
        return f"which cannot carry it: {refusal or FAILED}"
    return "whose agent is silent"
