"""How far a change has come: which hosts it concerns, which of them have applied it, and after what time.

A change has a revision and scopes; a host is concerned when it needs one of the scopes (`control/sync.py`), and has
applied a change when it reported that it had done all up to that revision.  What it could not do is a fault of the
object.  So the cost follows the object that is asked about and its hosts, not what else there is.

Times are those of the servers' clocks: from the commit to the moment in which the last host's report arrived.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heddle.errors import BadRequest, NotFound
from heddle.store.changes import Entry
from heddle.store.engine import Tx
from heddle.store.query import hosts, realised
from heddle.store.query.hosts import Fault, Host
from heddle.view.types import ReportRequest, group_scope

COLLECTIONS = (
    "networks", "subnets", "ports", "routers", "floatingips", "security-groups", "security-group-rules",
    "address-groups",
)  # fmt: skip

# Upper bounds of the classes of `Host.latencies` in milliseconds; then come one for all above, and the sum.
BOUNDS = (10, 25, 50, 100, 250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A host that has not applied it yet; `revision` is how far it is, `alive` whether it reports."""

    host: str
    revision: int
    alive: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """`state`: "applied", "pending", or "failed" on a host that has done what it could.

    `milliseconds`: from the commit until the last host had applied it, None while one has not or where that is not
    known any more.
    """

    revision: int
    hosts: int
    applied: int
    milliseconds: int | None
    waiting: list[Waiting] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def state(self) -> str:
        if self.faults:
            return "failed"
        return "pending" if self.waiting else "applied"


def progress(tx: Tx, collection: str, id: str, revision: int = 0) -> Progress:
    """How far the newest change of an object is, or the one of a revision of it.

    Raises `NotFound` for an object of which nothing is known, `BadRequest` for a revision that it does not have yet.
    """
    entries = _entries(tx, collection, id)
    newest = max(entry.revision for _, entry in entries)
    if revision > newest:
        raise BadRequest("HTTPBadRequest", f"{collection} {id} has no revision {revision} yet; the newest is {newest}")
    revision = revision or newest
    wanted = _wanted(tx, entries, revision)
    known = hosts.named(tx, wanted)
    missing = [name for name in sorted(wanted) if not _has(known.get(name), wanted[name])]
    live = hosts.live(tx, missing)
    waiting = [Waiting(name, known[name].revision if name in known else 0, name in live) for name in missing]
    late = {each.host for each in waiting}
    refs = {(entry.kind, entry.id) for _, entry in entries}
    faults = [
        fault
        for fault in hosts.faults_of(tx, sorted({id for _, id in refs}))
        if (fault.kind, fault.id) in refs and fault.host in wanted and fault.host not in late
    ]
    committed_at = next((entry.committed_at for _, entry in entries if entry.revision == revision), 0)
    took = None if waiting else _took(tx, wanted, committed_at)
    return Progress(revision, len(wanted), len(wanted) - len(waiting), took, waiting, faults)


def _entries(tx: Tx, collection: str, id: str) -> list[tuple[str, Entry]]:
    if collection == "security-group-rules":
        collection, id = "security-groups", realised.group_of_rule(tx, id)
    if collection == "address-groups":
        found = realised.of_scope(tx, group_scope(id))
    else:
        ids = [id]
        if collection == "ports":
            ids += realised.members_of_port(tx, id)
        elif collection == "routers":
            ids += [f"router/{id}", *realised.ports_of_router(tx, id)]
        elif collection == "networks":
            ids += [f"dhcp/{id}"]
        found = realised.of_ids(tx, ids)
    if not found:
        raise NotFound("HTTPNotFound", f"No change of {collection} {id} is known: has it ever concerned a host?")
    return found


def _wanted(tx: Tx, entries: Sequence[tuple[str, Entry]], revision: int) -> dict[str, int]:
    """The hosts that are concerned, each with the revision that it must have applied."""
    by_scope: dict[str, int] = {}
    for scope, entry in entries:
        by_scope[scope] = max(by_scope.get(scope, 0), min(entry.revision, revision))
    wanted: dict[str, int] = {}
    for scope, number in by_scope.items():
        for host in realised.hosts_of_scope(tx, scope):
            wanted[host] = max(wanted.get(host, 0), number)
    return wanted


def _has(host: Host | None, revision: int) -> bool:
    return host is not None and host.revision >= revision


def _took(tx: Tx, wanted: Mapping[str, int], committed_at: int) -> int | None:
    """Milliseconds from the commit until the last of the hosts had it."""
    moments: dict[str, int] = {}
    for revision in set(wanted.values()):
        moments |= realised.moments(tx, [host for host in wanted if wanted[host] == revision], revision)
    if moments.keys() != wanted.keys() or committed_at < int(time.time() * 1000) - realised.KEPT_MS:
        return None
    return max([0, *(moment - committed_at for moment in moments.values())])


# What reports bring


def take(tx: Tx, host: Host, request: ReportRequest) -> None:
    """Note how far a host is, when it is another revision than before."""
    if request.revision == host.revision or not request.revision:
        return
    now = int(time.time() * 1000)
    latencies = host.latencies
    if request.changed_at:
        latencies = counted(latencies, max(0, now - request.changed_at))
    realised.applied(tx, host.name, host.revision, request.revision, now, latencies)


def counted(latencies: Sequence[int], milliseconds: int) -> list[int]:
    """The classes with one more change that took so long."""
    found = list(latencies) if len(latencies) == len(BOUNDS) + 2 else [0] * (len(BOUNDS) + 2)
    found[bisect.bisect_left(BOUNDS, milliseconds)] += 1
    found[-1] += milliseconds
    return found
