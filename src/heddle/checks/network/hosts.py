"""Clocks of hosts agree with the database's, and no second agent reports under a host's name."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, warning, well
from heddle.checks.context import Context
from heddle.checks.heard import NOBODY, heard
from heddle.checks.words import counted


def check(context: Context) -> list[Finding]:
    with context.cloud() as tx:
        told = heard(context, tx)
    if told is None:
        return [NOBODY]
    problems = {(agent.host, text) for agent in told.agents for text in agent.configurations.get("problems", ())}
    if not problems:
        return [well(f"{counted(len(told.hosts), 'host tells', 'hosts tell')} of no problem{told.beside}")]
    return [warning(f"{host}: {text}", evidence=text, node=host) for host, text in sorted(problems)]


CHECK = Check(
    id="network-hosts",
    title="Clocks of hosts are right, and names are their own",
    reads="each agent's clock as its reports bear it, and the processes that report as one host",
    severity=Level.WARNING,
    remedy="Have the host's clock follow a time server (chrony); give a second agent a name of its own (agent.host), "
    "or stop it.",
    check=check,
    openstack="agents of OpenStack do not tell their clocks",
)
