"""No setting that is set here has another name in the target, which reads it under the former one for now."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, warning, well
from heddle.checks.context import Context
from heddle.checks.target.coming import compared
from heddle.checks.target.description import Description


@compared
def check(context: Context, target: Description) -> list[Finding]:
    former = target.renamed
    found = [
        warning(f"{name} ({where}) is called {became.now} since {became.since}", name,
                remedy=f"When all programs are of {became.since} or later, write {became.now}.")
        for name, where in context.given.items() if (became := former.get(name)) and became.now
    ]  # fmt: skip
    return found or [well(f"no setting that is set here has another name in {target.release}")]


CHECK = Check(
    id="configuration-renamed",
    title="Settings have the names that the target gives them",
    reads="the settings file, the environment, --set, and the target's table of former names",
    severity=Level.WARNING,
    remedy="After the upgrade, write the setting under its new name.",
    check=check,
    seconds=14,
    doctor=False,
)
