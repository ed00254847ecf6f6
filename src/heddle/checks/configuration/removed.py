"""Every setting that is set here is one of the target's, and the target can read them.

The target's own program is given the settings file, the environment and `--set` of this check, and says what it makes
of them.  Looked at is what this machine's servers and agent read: other hosts have files of their own.
"""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, failure, well
from heddle.checks.context import Context
from heddle.checks.target.coming import compared
from heddle.checks.target.description import Description


@compared
def check(context: Context, target: Description) -> list[Finding]:
    known, former = target.names, target.renamed
    found = []
    for name, where in context.given.items():
        became = former.get(name)
        if name in known or (became and became.now):
            continue
        advice = became.instead if became and became.instead else f"Take {name} out."
        found.append(failure(f"{name} ({where}) is no setting of {target.release}", name, remedy=advice))
    if target.settings_problem and not found:
        found.append(failure(f"{target.release} cannot read the settings: {target.settings_problem}",
                             target.settings_problem, remedy="Correct what is told before the upgrade."))  # fmt: skip
    return found or [well(f"{target.release} understands the {len(context.given)} settings that are set here")]


CHECK = Check(
    id="configuration-removed",
    title="The target takes the settings that are set",
    reads="the settings file, the environment, --set, and what the target's program says of them",
    severity=Level.FAILURE,
    remedy="Take the setting out before the target's servers and agents start: they do not start with it.",
    check=check,
    seconds=14,
    doctor=False,
)
