"""Audits that were asked for, and what hosts answered."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.dialect import upsert
from heddle.store.engine import Tx

_a, _w = t.audits.c, t.audit_answers.c


@dataclass(frozen=True, slots=True)
class Audit:
    """`host` is "" for all; `created_at` in seconds since the epoch, by the database's clock."""

    id: str
    host: str
    repair: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class Answer:
    """`deviations`: the first of `total`, each with role, kind, id, expected and found."""

    audit_id: str
    host: str
    total: int
    problem: str = ""
    deviations: list[dict[str, str]] = field(default_factory=list)


def get_many(tx: Tx, ids: Iterable[str]) -> dict[str, Audit]:
    query = sa.select(_a.id, _a.host, _a.repair, _a.created_at).where(_a.id.in_(list(ids)))
    return {row[0]: Audit(*row) for row in tx.conn.execute(query)}


def newest_first(tx: Tx) -> list[Audit]:
    query = sa.select(_a.id, _a.host, _a.repair, _a.created_at).order_by(_a.created_at.desc(), _a.id)
    return [Audit(*row) for row in tx.conn.execute(query)]


def add(tx: Tx, audit: Audit) -> None:
    tx.conn.execute(sa.insert(t.audits), [asdict(audit)])


def forget(tx: Tx, ids: Collection[str]) -> None:
    tx.conn.execute(sa.delete(t.audits).where(_a.id.in_(list(ids))))
    tx.conn.execute(sa.delete(t.audit_answers).where(_w.audit_id.in_(list(ids))))


def save(tx: Tx, answers: Iterable[Answer]) -> None:
    upsert(tx.conn, t.audit_answers, [asdict(each) for each in answers], ("audit_id", "host"))


def answers(tx: Tx, audit_id: str) -> dict[str, Answer]:
    """By host."""
    query = sa.select(_w.audit_id, _w.host, _w.total, _w.problem, _w.deviations).where(_w.audit_id == audit_id)
    return {row[1]: Answer(*row) for row in tx.conn.execute(query)}
