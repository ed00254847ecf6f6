"""Every agent has reported of late."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, OnOpenStack, failure, warning, well
from heddle.checks.context import Context
from heddle.checks.openstack import heartbeats
from heddle.checks.openstack.context import OpenStack
from heddle.checks.openstack.heartbeats import ago
from heddle.checks.words import counted
from heddle.model.agent import Agent
from heddle.store import clock
from heddle.store.query import hosts


def check(context: Context) -> list[Finding]:
    patience = context.settings.server.agent_down_seconds
    with context.cloud() as tx:
        agents, now = hosts.AGENTS.find(tx), clock.now(tx)
    if not agents:
        return [warning("no agent has ever reported", remedy="`heddle up`, or `heddle agent` on the hosts.")]
    silent: dict[str, list[Agent]] = {}
    for agent in agents:
        if now - agent.heartbeat > patience:
            silent.setdefault(agent.host, []).append(agent)
    found = [failure(f"{_names(mine)} of {host}: silent for {ago(now - min(each.heartbeat for each in mine))}",
                     node=host) for host, mine in sorted(silent.items())]  # fmt: skip
    oldest, names = max(now - agent.heartbeat for agent in agents), {agent.host for agent in agents}
    who = f"{counted(len(agents), 'agent reports', 'agents report')}, on {counted(len(names), 'host')}"
    return found or [well(who, f"the oldest report is {oldest} s old")]


def openstack(cloud: OpenStack) -> list[Finding]:
    return cloud.each(heartbeats.judge)


def _names(agents: list[Agent]) -> str:
    return ", ".join(sorted(agent.agent_type for agent in agents))


CHECK = Check(
    id="network-agents",
    title="Every agent reports",
    reads="the heartbeats of all agents, by the database's clock",
    severity=Level.FAILURE,
    remedy="See on that host whether `heddle agent` runs and what its log says; a host that is gone for ever: "
    "`openstack network agent delete`.",
    check=check,
    openstack=OnOpenStack(
        openstack, "heartbeats in Neutron's table agents and Nova's table services, by the database's clock; whether "
        "the cells of cell_mappings are in the database that is read",
        heartbeats.MEND,
    ),
)
