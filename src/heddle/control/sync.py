"""`fetch`: the news of a host's scopes (the protocol is told in `view/types.py`).

The server keeps nothing about a host: which scopes it needs follows from its ports and what it serves, and what
is new in them from the notes of changes.  All is read in one snapshot, so an answer is never torn.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from heddle.control import instances
from heddle.control.scopes import needed_scopes
from heddle.store import changes
from heddle.store.engine import Store, Tx
from heddle.view.compile import Compiler
from heddle.view.types import FetchReply, FetchRequest, Ref, ScopeNews, digest

log = logging.getLogger(__name__)


def fetch(store: Store, compiler: Compiler, request: FetchRequest) -> FetchReply:
    """Answer a host.  Raises `Conflict` for a second agent with its name."""
    with store.read() as tx:
        instances.check(tx, request.host, request.instance)
        revision = changes.current_revision(tx.conn)
        needed = needed_scopes(tx, request.host)
        since = request.revision
        if since > revision or since < changes.forgotten_revision(tx.conn):
            since = 0
        kept = [scope for scope in request.scopes if scope in needed] if since else []
        fresh = changes.scope_news(tx.conn, kept, since) if kept else {}
        had = set(kept) - _differing(tx, request, set(kept) - fresh.keys())
        news = [_kept(tx, compiler, scope, entries) for scope, entries in sorted(fresh.items())]
        news += [_whole(tx, compiler, scope) for scope in sorted(needed) if scope not in had]
        dropped = [scope for scope in request.scopes if scope not in needed]
        changed = min((e.committed_at for entries in fresh.values() for e in entries if e.committed_at), default=0)
        return FetchReply(revision=revision, scopes=news, dropped=dropped, changed_at=changed)


def _differing(tx: Tx, request: FetchRequest, quiet: set[str]) -> set[str]:
    """Those of the scopes without news in which the host has something else than there is."""
    wrong = set()
    for scope in quiet & request.digests.keys():
        entries = changes.scope_content(tx.conn, scope)
        if digest((entry.kind, entry.id, entry.revision) for entry in entries) != request.digests[scope]:
            log.warning("scope differs on the host, it is sent whole host=%s scope=%s", request.host, scope)
            wrong.add(scope)
    return wrong


def _kept(tx: Tx, compiler: Compiler, scope: str, entries: Sequence[changes.Entry]) -> ScopeNews:
    raws = compiler.encode(tx, [entry for entry in entries if not entry.deleted])
    gone = [Ref(entry.kind, entry.id) for entry in entries if (entry.kind, entry.id) not in raws]
    return ScopeNews(scope=scope, objects=list(raws.values()), gone=gone)


def _whole(tx: Tx, compiler: Compiler, scope: str) -> ScopeNews:
    raws = compiler.encode(tx, changes.scope_content(tx.conn, scope))
    return ScopeNews(scope=scope, whole=True, objects=list(raws.values()))
