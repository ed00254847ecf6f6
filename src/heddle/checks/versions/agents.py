"""Every agent is of the server's release or of the one before it, and of none later.

Servers are upgraded first, then agents, one release at a time.  With `--target` the question is about the release that
the upgrade leads to: an agent that is older than the one before it must be upgraded first.
"""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, failure, not_applicable, unknown, warning, well
from heddle.checks.context import Context
from heddle.checks.releases import apart
from heddle.store.query import hosts


def check(context: Context) -> list[Finding]:
    with context.cloud() as tx:
        agents = hosts.AGENTS.find(tx)
    found = {agent.host: str(agent.configurations.get("release", "")) for agent in agents}
    if not found:
        return [not_applicable("no agent has ever reported")]
    bad = [each for host, release in sorted(found.items()) if (each := _judge(host, release, context.target))]
    releases = ", ".join(sorted(set(found.values())))
    return bad or [well(f"{len(found)} hosts have agents of {releases}, for {context.target}", releases)]


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
    doctor=False,
)
