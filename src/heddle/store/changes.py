"""The notes of what changed, by scope: what agents are told of.

One row per scope and object: its kind, id and the revision of its latest change, and whether it left the
scope.  So the rows of a scope that are not deleted are its content, and those above a revision its news.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.dialect import upsert
from heddle.store.prepared import Among, Prepared


@dataclass(frozen=True, slots=True)
class Entry:
    """An object in a scope; `committed_at` in milliseconds since the epoch."""

    kind: str
    id: str
    revision: int
    deleted: bool
    committed_at: int = 0


class ChangeNotes:
    """What one transaction changed."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], bool] = {}

    def note(self, kind: str, id: str, scopes: Iterable[str], gone: Iterable[str] = ()) -> None:
        for scope in gone:
            self._rows[(scope, kind, id)] = True
        for scope in scopes:
            self._rows[(scope, kind, id)] = False

    def write(self, conn: sa.Connection) -> list[str]:
        """Take a revision and write the rows.  Returns the scopes that have news."""
        if not self._rows:
            return []
        revision = _next_revision(conn)
        now = int(time.time() * 1000)
        rows = [
            {"scope": scope, "kind": kind, "id": id, "revision": revision, "deleted": deleted,
             "committed_at": now}
            for (scope, kind, id), deleted in sorted(self._rows.items())
        ]  # fmt: skip
        upsert(conn, t.changes, rows, ("scope", "kind", "id"))
        return sorted({scope for scope, _, _ in self._rows})


_NEXT = t.counters.c.value + 1
_BUMP = sa.update(t.counters).where(t.counters.c.name == "revision")
_BUMP_TELLING = _BUMP.values(value=_NEXT).returning(t.counters.c.value)
_BUMP_KEEPING = _BUMP.values(value=sa.func.last_insert_id(_NEXT))  # MariaDB tells with the answer what it kept


def _next_revision(conn: sa.Connection) -> int:
    """Take the next revision; the row stays locked until the transaction ends."""
    if conn.dialect.update_returning:
        return int(conn.execute(_BUMP_TELLING).scalar_one())
    return int(conn.execute(_BUMP_KEEPING).lastrowid)


_CURRENT = Prepared(sa.select(t.counters.c.value).where(t.counters.c.name == sa.bindparam("name")))


def current_revision(conn: sa.Connection) -> int:
    return int(_CURRENT.rows(conn, {"name": "revision"})[0][0])


def forgotten_revision(conn: sa.Connection) -> int:
    """An agent older than this revision may have missed tombstones that are no longer kept."""
    return int(_CURRENT.rows(conn, {"name": "forgotten"})[0][0])


_c = t.changes.c
_CONTENT = Prepared(
    sa.select(_c.kind, _c.id, _c.revision, _c.deleted)
    .where(_c.scope == sa.bindparam("scope"), _c.deleted == sa.false())
)  # fmt: skip
_NEWS = Among(
    (_c.scope, _c.kind, _c.id, _c.revision, _c.deleted, _c.committed_at), _c.scope,
    _c.revision > sa.bindparam("since", type_=sa.BigInteger),
)  # fmt: skip
_SCOPES = 128


def scope_content(conn: sa.Connection, scope: str) -> list[Entry]:
    """All objects in a scope."""
    return [Entry(*row) for row in _CONTENT.rows(conn, {"scope": scope})]


def scope_news(conn: sa.Connection, scopes: Iterable[str], since: int) -> dict[str, list[Entry]]:
    """What is new in the scopes since a revision, tombstones included."""
    news: dict[str, list[Entry]] = {}
    wanted = list(scopes)
    for start in range(0, len(wanted), _SCOPES):
        for scope, *entry in _NEWS.rows(conn, wanted[start : start + _SCOPES], {"since": since}):
            news.setdefault(scope, []).append(Entry(*entry))
    return news


def forget_tombstones(conn: sa.Connection, keep_revisions: int) -> int:
    """Throw away tombstones older than the last `keep_revisions` revisions.  Returns how many."""
    limit = current_revision(conn) - keep_revisions
    if limit <= forgotten_revision(conn):
        return 0
    c = t.changes.c
    gone = conn.execute(sa.delete(t.changes).where(c.deleted == sa.true(), c.revision <= limit)).rowcount
    conn.execute(sa.update(t.counters).where(t.counters.c.name == "forgotten").values(value=limit))
    return gone
