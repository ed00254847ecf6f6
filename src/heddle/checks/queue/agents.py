"""Every agent answers a ping that goes to it over the bus and back: the way by which the server wakes agents is open.

An agent that reports and is not reached this way learns of changes only from its own timers.
"""

from __future__ import annotations

from heddle import __version__
from heddle.bus.ask import Lack, Outcome
from heddle.checks.base import CannotSee, Check, Finding, Level, failure, unknown, warning, well
from heddle.checks.context import Context
from heddle.checks.heard import NOBODY, since
from heddle.checks.questions import SECONDS, said
from heddle.checks.releases import apart
from heddle.checks.words import counted
from heddle.store.query import hosts
from heddle.view.questions import Ping


def check(context: Context) -> list[Finding]:
    with context.cloud() as tx:
        agents, before = hosts.AGENTS.find(tx), since(context, tx)
    if not agents:
        return [NOBODY]
    releases = {each.host: str(each.configurations.get("release", "")) for each in agents}
    report = {each.host for each in agents if each.alive and each.heartbeat >= before}
    outcomes = context.outcomes(dict.fromkeys(sorted(releases), Ping()), SECONDS)
    answer = {host: each for host, each in outcomes.items() if not isinstance(said(each), str)}
    bad = [_unreached(host, outcomes[host], releases[host]) for host in sorted(report - answer.keys())]
    bad += [warning(f"{host} answers, and its reports do not arrive", node=host)
            for host in sorted(answer.keys() - report)]  # fmt: skip
    if bad:
        return bad
    if not answer:
        raise CannotSee("no host reports, and none answers: network-agents says since when")
    slowest = max(answer, key=lambda host: answer[host].seconds)
    silent = sorted(releases.keys() - report)
    beside = f"; silent are {', '.join(silent)}" if silent else ""
    evidence = f"the slowest is {slowest}: {1000 * answer[slowest].seconds:.0f} ms"
    return [well(f"{counted(len(answer), 'host answers', 'hosts answer')}, {evidence}{beside}", evidence)]


def _unreached(host: str, outcome: Outcome, release: str) -> Finding:
    reason = str(said(outcome))
    if outcome.lack == Lack.OLD or (outcome.lack == Lack.ABSENT and _before(release)):
        known = f"of {release}" if release else "of a release that does not tell its number"
        return unknown(f"{host} reports, and is not asked: its agent, {known}, may take no questions", node=host)
    return failure(f"{host} reports, and does not answer: {reason}", reason, node=host)


def _before(release: str) -> bool:
    """Whether agents of that release may be too old for questions."""
    distance = apart(release, __version__)
    return distance is None or distance > 0


CHECK = Check(
    id="queue-agents",
    title="Every agent answers a ping",
    reads="a question to the agent of each host, over the broker or the server's socket, and its answer; in what time",
    severity=Level.FAILURE,
    remedy="See what the log of that host's agent says of its connection, and restart it. Several brokers must be of "
    "one cluster.",
    check=check,
    openstack="agents of OpenStack answer no ping: network-agents tells when each was last heard",
)
