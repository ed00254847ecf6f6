"""`report`: what a host observed, batched into one transaction.

A status counts only when it is of the object as the host must have it now: one of an older revision, or of an
object that has moved to another host, says nothing.  What hosts said of objects is looked through with heartbeats and
statuses, not when a host only tells that all is applied.  The first report of a host gives it the networks and routers
that nobody serves.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from heddle.config import Settings
from heddle.control import audits, failover, ha_routers, heartbeats, instances, meter_counts, subports
from heddle.control.context import Context, timestamp
from heddle.model.caller import SYSTEM
from heddle.store.engine import Store, Tx
from heddle.store.query import hosts, statuses
from heddle.store.query.hosts import Fault
from heddle.view.types import ReportReply, ReportRequest, Status

log = logging.getLogger(__name__)

_STATES = {"up": "ACTIVE", "down": "DOWN", "error": "ERROR"}


def report(store: Store, settings: Settings, request: ReportRequest) -> ReportReply:
    """Take in a host's report.  Raises `Conflict` for a second agent with the host's name."""

    def work(tx: Tx) -> bool | None:
        fresh = heartbeats.take(Context(tx, SYSTEM, settings), request)
        if fresh is not None:
            if request.statuses or request.roles:
                _take_statuses(tx, request.host, request.statuses)
                ha_routers.take(Context(tx, SYSTEM, settings), request.host, request.statuses)
            audits.take(tx, request.host, request.audits)
            meter_counts.take(tx, request.host, request.roles)
        return fresh

    fresh = store.write(work)
    if fresh is None:
        raise instances.refusal(request.host)
    if fresh:
        log.info("host reported host=%s roles=%s", request.host, ",".join(role.role for role in request.roles))
        store.write(lambda tx: failover.serve_unserved(Context(tx, SYSTEM, settings)))
    return ReportReply(repeat=fresh)


def _is_current(status: Status, revision: int) -> bool:
    """Whether a status is of the object as it is now; one that could not even be read has the revision 0."""
    return status.revision >= revision or (status.state == "error" and status.revision == 0)


def _take_statuses(tx: Tx, host: str, reported: Sequence[Status]) -> None:
    current = statuses.current(tx, host, [(status.kind, status.id) for status in reported])
    valid = [s for s in reported if s.state in _STATES and _is_current(s, current.get((s.kind, s.id), 0))]
    for kind in ("port", "floating_ip", "router"):
        for state, name in _STATES.items():
            ids = [s.id for s in valid if s.kind == kind and s.state == state]
            if kind == "router" and state == "down":
                continue
            statuses.set_status(tx, kind, host, ids, name)
    subports.ports_changed(tx, [s.id for s in valid if s.kind == "port"])
    failed = [Fault(host, s.kind, s.id, s.message[:2000], timestamp()) for s in valid if s.state == "error"]
    hosts.set_faults(tx, failed)
    well = [(s.kind, s.id) for s in reported if s.state != "error"]
    known = hosts.faults(tx, host)
    hosts.clear_faults(tx, host, {(fault.kind, fault.id) for fault in known}.intersection(well))
    hosts.drop_stale_faults(tx, known)
    for fault in failed:
        log.warning("object not realised host=%s %s=%s reason=%s", host, fault.kind, fault.id, fault.message)
