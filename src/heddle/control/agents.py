"""Agents, as administrators see and steer them."""

from __future__ import annotations

import msgspec

from heddle.control import dhcp, router_hosts
from heddle.control.context import Context
from heddle.control.news import host_news
from heddle.errors import Conflict
from heddle.model.agent import Agent
from heddle.model.resource import Draft
from heddle.store.query import hosts, instances


def update_agent(ctx: Context, old: Agent, draft: Draft[Agent]) -> Agent:
    """Change the description, or whether the agent is given new objects to serve."""
    new = msgspec.structs.replace(draft.value)
    hosts.AGENTS.update(ctx.tx, old, new)
    return new


def delete_agent(ctx: Context, agent: Agent) -> None:
    """Forget a dead agent; what it served is served by another host, as soon as there is one.

    Raises `Conflict` for a live one.
    """
    if agent.alive:
        raise Conflict(
            "AgentInUse", f"Agent {agent.id} is alive on host {agent.host}: stop it before its record is deleted."
        )
    hosts.AGENTS.delete(ctx.tx, agent.id)
    for role, object_id in hosts.assigned(ctx.tx, agent.host):
        if role == agent.role == dhcp.ROLE:
            dhcp.leave_host(ctx, object_id, agent.host)
        elif role == agent.role:
            router_hosts.leave_host(ctx, object_id, agent.host)
    if not hosts.agents_of(ctx.tx, agent.host):
        hosts.forget(ctx.tx, agent.host)
        instances.forget(ctx.tx, agent.host)
        host_news(ctx.tx, agent.host, gone=True)
