"""The target is this release or the next one, later than what runs, and understands the agents that are there.

Releases are upgraded one by one, servers before agents: so servers of the target talk with agents of this release.
"""

from __future__ import annotations

from heddle import __version__
from heddle.checks.base import Check, Finding, Level, failure, unknown, well
from heddle.checks.context import Context
from heddle.checks.releases import apart
from heddle.checks.target.coming import NOTHING
from heddle.view.types import PROTOCOL


def check(context: Context) -> list[Finding]:
    coming = context.coming
    if coming.same:
        return [NOTHING]
    distance, what = apart(__version__, coming.release), f"{coming.name} is of {coming.release}"
    if distance is None:
        return [unknown(f"{what}, which is no release that could be compared with {__version__}")]
    if distance < 0:
        return [failure(f"{what}, older than {__version__}, which runs", coming.release,
                        remedy="The way back is the backup that was made before the upgrade.")]  # fmt: skip
    if distance > 1:
        return [failure(f"{what}, {distance} releases later than {__version__}", coming.release)]
    return [_spoken(context, f"{what}, the next one after {__version__}" if distance else f"{what}, as what runs")]


def _spoken(context: Context, what: str) -> Finding:
    spoken = context.described.get().protocols
    told = ", ".join(map(str, spoken))
    if PROTOCOL not in spoken:
        return failure(f"{what}, and its servers speak version {told} of the agents' protocol, which the agents of "
                       f"{__version__} do not: {PROTOCOL}", told)  # fmt: skip
    return well(f"{what}; version {PROTOCOL} of the agents' protocol is spoken by both", told)


CHECK = Check(
    id="versions-target",
    title="The target is the next release",
    reads="the release of the target and of this program, and the versions of the agents' protocol of both",
    severity=Level.FAILURE,
    remedy="Upgrade to the release after this one first, servers and agents, and from there one release at a time.",
    check=check,
    seconds=14,
    doctor=False,
)
