"""That a host lives, and how: its record, and one of an agent for each of its roles."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from heddle.control import floating_places, guarantees, instances, realised
from heddle.control.context import Context, new_id
from heddle.control.news import host_news
from heddle.control.zones import RESOURCES
from heddle.model.agent import CARRIERS, ROLES, Agent
from heddle.model.availability_zone import DEFAULT_ZONE
from heddle.store import clock
from heddle.store.engine import Tx
from heddle.store.query import hosts
from heddle.store.query.hosts import Host
from heddle.view.types import ReportRequest, RoleState

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5
CLOCK_SECONDS = 10
CLOCK = "the host's clock is"
RIVALS = "a second agent reports as this host"
OLDER = "the agent is of an older release than the servers"
_TOLD = ("tunnel_ip", "datapath", "bridge_mappings", "drift", "failed", "availability_zone")


def take(ctx: Context, request: ReportRequest) -> bool | None:
    """Note that the host lives.  Returns whether it is new or was thought dead; None when this agent is not its."""
    tx = ctx.tx
    now = clock.now(tx)
    verdict = instances.hear(tx, request.host, request.instance, now)
    if verdict.refused:
        return None
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
        availability_zone=request.availability_zone or DEFAULT_ZONE,
    )
    roles = {role.role for role in request.roles if role.role in ROLES}
    quiet = old is not None and _quiet(old, new)
    known = hosts.agents_of(tx, request.host) if old is not None and (roles or not quiet) else {}
    dead = any(not known[role].alive for role in roles & set(known))
    quiet = quiet and roles <= set(known) and not dead and not _restarted(known, request)
    if old is not None and quiet and all(now - known[role].heartbeat < HEARTBEAT_SECONDS for role in roles):
        realised.take(tx, old, request)
        return False
    hosts.save(tx, replace(new, revision=old.revision, latencies=old.latencies) if old else replace(new, revision=0))
    realised.take(tx, old or replace(new, revision=0), request)
    if old is None or (old.tunnel_ip, old.availability_zone) != (new.tunnel_ip, new.availability_zone):
        host_news(tx, new.name)
    guarantees.take(tx, request.host, known, request.guarantees)
    problems = _problems(request, now, verdict.rivals)
    _tell_new(request.host, known, problems)
    for role in request.roles:
        if role.role in ROLES:
            _save_agent(tx, known.get(role.role), request, role, now, problems)
    if old is None or old.bridge_mappings != new.bridge_mappings or _restarted(known, request):
        floating_places.of_host(ctx, request.host)
    return old is None or not roles <= set(known) or dead


def _problems(request: ReportRequest, now: int, rivals: int) -> list[str]:
    """What is wrong with the host's agent, as its records show it."""
    found = []
    ahead = round(request.clock - now) if request.clock else 0
    if abs(ahead) > CLOCK_SECONDS:
        way = "ahead of" if ahead > 0 else "behind"
        found.append(f"{CLOCK} {abs(ahead)} s {way} the database's: nothing here depends on it, but set it right")
    if rivals:
        found.append(f"{RIVALS}, and is refused: give it another name (agent.host), or stop it")
    if request.started_at and not request.release:
        found.append(f"{OLDER}: what came since is not applied on this host until it is upgraded (docs/upgrade.md)")
    return found


def _tell_new(host: str, known: dict[str, Agent], problems: Sequence[str]) -> None:
    """Log what was not known yet."""
    told = "\n".join(text for agent in known.values() for text in agent.configurations.get("problems", ()))
    for text in problems:
        if not any(kind in told and text.startswith(kind) for kind in (CLOCK, RIVALS, OLDER)):
            log.warning("host=%s: %s", host, text)


def _quiet(old: Host, new: Host) -> bool:
    """Whether a heartbeat tells nothing that is worth a write yet."""
    same = all(getattr(old, name) == getattr(new, name) for name in _TOLD)
    return same and new.heartbeat - old.heartbeat < HEARTBEAT_SECONDS


def _restarted(known: dict[str, Agent], request: ReportRequest) -> bool:
    """Whether an agent of a role that it has still is another process than before."""
    roles = {role.role for role in request.roles}
    return any(agent.started_at != _clock(request.started_at) for role, agent in known.items() if role in roles)


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _save_agent(
    tx: Tx, old: Agent | None, request: ReportRequest, role: RoleState, now: int, problems: Sequence[str]
) -> None:
    agent_type, binary, topic = ROLES[role.role]
    configurations: dict[str, Any] = dict(role.configuration)
    if problems:
        configurations["problems"] = list(problems)
    if request.release:
        configurations["release"] = request.release
    if role.role == "switch":
        configurations.setdefault("bridge_mappings", dict(request.bridge_mappings))
    if role.role in CARRIERS and request.guarantees is not None:
        configurations |= guarantees.shown(request.guarantees)
    agent = Agent(
        id=old.id if old else new_id(),
        agent_type=agent_type,
        binary=binary,
        topic=topic,
        host=request.host,
        availability_zone=(request.availability_zone or DEFAULT_ZONE) if role.role in RESOURCES else None,
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
