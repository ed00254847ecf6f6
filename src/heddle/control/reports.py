"""`report`: what a host observed, batched into one transaction.

A status counts only when it is of the object as the host must have it now: one of an older revision, or of an
object that has moved to another host, says nothing.  The first report of a host gives it the networks and
routers that nobody serves.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from heddle.config import Settings
from heddle.control import dhcp, routers
from heddle.control.context import Context, new_id, timestamp
from heddle.control.news import host_news
from heddle.model.agent import ALIVE_SECONDS, ROLES, Agent
from heddle.model.caller import SYSTEM
from heddle.store.engine import Store, Tx
from heddle.store.query import hosts, networks, statuses
from heddle.store.query import routers as router_query
from heddle.store.query.hosts import Fault, Host
from heddle.view.types import ReportReply, ReportRequest, RoleState, Status

log = logging.getLogger(__name__)

_STATES = {"up": "ACTIVE", "down": "DOWN", "error": "ERROR"}
HEARTBEAT_SECONDS = 5


def report(store: Store, settings: Settings, request: ReportRequest) -> ReportReply:
    """Take in a host's report."""

    def work(tx: Tx) -> bool:
        fresh = _take_heartbeat(tx, request)
        _take_statuses(tx, request.host, request.statuses)
        return fresh

    if store.write(work):
        log.info("host reported host=%s roles=%s", request.host, ",".join(role.role for role in request.roles))
        store.write(lambda tx: serve_unserved(Context(tx, SYSTEM, settings)))
    return ReportReply()


def serve_unserved(ctx: Context) -> None:
    """Give networks and routers that no host serves one that does."""
    for network in networks.NETWORKS.get_many(ctx.tx, hosts.unserved_networks(ctx.tx)).values():
        dhcp.refresh(ctx, network)
    for router in router_query.ROUTERS.get_many(ctx.tx, hosts.unserved_routers(ctx.tx)).values():
        routers.schedule(ctx, router)


def _take_heartbeat(tx: Tx, request: ReportRequest) -> bool:
    """Note that the host lives.  Returns whether it is new or was thought dead."""
    now = int(time.time())
    old = hosts.get(tx, request.host)
    new = Host(
        request.host,
        request.tunnel_ip,
        request.datapath,
        dict(request.bridge_mappings),
        now,
        request.revision,
        request.drift,
        request.failed,
    )
    known = hosts.agents_of(tx, request.host) if old is not None else {}
    roles = {role.role for role in request.roles if role.role in ROLES}
    if old is not None and roles <= set(known) and _quiet(old, new) and not _restarted(known, request):
        return False
    hosts.save(tx, new)
    if old is None or old.tunnel_ip != new.tunnel_ip:
        host_news(tx, new.name)
    for role in request.roles:
        if role.role in ROLES:
            _save_agent(tx, known.get(role.role), request, role, now)
    return old is None or not roles <= set(known) or now - old.heartbeat > ALIVE_SECONDS


def _quiet(old: Host, new: Host) -> bool:
    """Whether a heartbeat tells nothing that is worth a write yet."""
    same = (old.tunnel_ip, old.datapath, old.bridge_mappings, old.drift, old.failed) == (
        new.tunnel_ip,
        new.datapath,
        new.bridge_mappings,
        new.drift,
        new.failed,
    )
    return same and new.heartbeat - old.heartbeat < HEARTBEAT_SECONDS


def _restarted(known: dict[str, Agent], request: ReportRequest) -> bool:
    return any(agent.started_at != _clock(request.started_at) for agent in known.values())


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _save_agent(tx: Tx, old: Agent | None, request: ReportRequest, role: RoleState, now: int) -> None:
    agent_type, binary, topic = ROLES[role.role]
    configurations: dict[str, Any] = dict(role.configuration)
    if role.role == "switch":
        configurations.setdefault("bridge_mappings", dict(request.bridge_mappings))
    agent = Agent(
        id=old.id if old else new_id(),
        agent_type=agent_type,
        binary=binary,
        topic=topic,
        host=request.host,
        availability_zone="nova" if role.role in ("router", "dhcp") else None,
        admin_state_up=old.admin_state_up if old else True,
        created_at=old.created_at if old else _clock(now),
        started_at=_clock(request.started_at),
        heartbeat_timestamp=_clock(now),
        description=old.description if old else None,
        configurations=configurations,
        role=role.role,
        heartbeat=now,
    )
    if old is None:
        hosts.AGENTS.insert(tx, [agent])
    else:
        hosts.AGENTS.update(tx, old, agent)


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
    failed = [Fault(host, s.kind, s.id, s.message[:2000], timestamp()) for s in valid if s.state == "error"]
    hosts.set_faults(tx, failed)
    well = [(s.kind, s.id) for s in reported if s.state != "error"]
    known = {(fault.kind, fault.id) for fault in hosts.faults(tx, host)}
    hosts.clear_faults(tx, host, [ref for ref in well if ref in known])
    for fault in failed:
        log.warning("object not realised host=%s %s=%s reason=%s", host, fault.kind, fault.id, fault.message)
