"""Every agent is of the server's release or of the one before it, and of none later.

Servers are upgraded first, then agents, one release at a time.  With `--target` the question is about the release that
the upgrade leads to: an agent that is older than the one before it must be upgraded first.
"""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, OnOpenStack, failure, unknown, warning, well
from heddle.checks.context import Context
from heddle.checks.heard import NOBODY, heard
from heddle.checks.openstack import heartbeats
from heddle.checks.openstack.context import OpenStack
from heddle.checks.releases import apart
from heddle.checks.words import counted
from heddle.model.agent import Agent


def check(context: Context) -> list[Finding]:
    with context.cloud() as tx:
        told = heard(context, tx)
    if told is None:
        return [NOBODY]
    found, target = _releases(told.agents), context.target
    bad = [each for host, release in found if (each := _judge(host, release, target))]
    for host, release in _releases([agent for agent in told.silent if agent.host not in told.hosts]):
        if each := _judge(host, release, target):
            bad.append(warning(f"{each.details}; the host is silent now", each.evidence, node=host))
    releases = ", ".join(sorted({release for _, release in found}))
    those = counted(len(told.hosts), "host has", "hosts have")
    return bad or [well(f"{those} agents of {releases}, for {target}{told.beside}", releases)]


def openstack(cloud: OpenStack) -> list[Finding]:
    return cloud.each(heartbeats.versions, "nova")


def _releases(agents: list[Agent]) -> list[tuple[str, str]]:
    """(host, release), each once."""
    return sorted({(agent.host, str(agent.configurations.get("release", ""))) for agent in agents})


def _judge(host: str, release: str, target: str) -> Finding | None:
    if not release:
        return unknown(f"the agent of {host} does not tell its release: it is too old for that", node=host)
    distance = apart(release, target)
    what = f"the agent of {host} is of {release}"
    if distance is None or distance > 1:
        return failure(f"{what}, older than the release before {target}", release, node=host)
    if distance < 0:
        return warning(f"{what}, later than {target}: servers come first", release, node=host)
    return None


CHECK = Check(
    id="versions-agents",
    title="Agents are of this release or the one before",
    reads="the release that each agent reports",
    severity=Level.FAILURE,
    remedy="Upgrade the agents of that host to the release before the target first, and restart them.",
    check=check,
    openstack=OnOpenStack(
        openstack, "the versions in Nova's table services; Neutron's agents tell none",
        "Upgrade the older services and restart them, or delete those of hosts that are gone, before the next upgrade.",
    ),
    doctor=False,
)
