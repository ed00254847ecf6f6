"""Clocks of hosts agree with the database's, and no second agent reports under a host's name."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, warning, well
from heddle.checks.context import Context
from heddle.store.query import hosts


def check(context: Context) -> list[Finding]:
    with context.cloud() as tx:
        agents = hosts.AGENTS.find(tx)
    told = {(agent.host, text) for agent in agents for text in agent.configurations.get("problems", ())}
    if not told:
        return [well(f"{len({agent.host for agent in agents})} hosts tell of no problem")]
    return [warning(f"{host}: {text}", evidence=text, node=host) for host, text in sorted(told)]


CHECK = Check(
    id="network-hosts",
    title="Clocks of hosts are right, and names are their own",
    reads="each agent's clock as its reports bear it, and the processes that report as one host",
    severity=Level.WARNING,
    remedy="Have the host's clock follow a time server (chrony); give a second agent a name of its own (agent.host), "
    "or stop it.",
    check=check,
)
