"""What nobody sets here stays as it is: no default is another one in the target.

A setting that has another name there is the same setting.
"""

from __future__ import annotations

import json

from heddle.checks.base import Check, Finding, Level, warning, well
from heddle.checks.context import Context
from heddle.checks.target.coming import compared
from heddle.checks.target.description import Description, Option
from heddle.checks.target.itself import options


@compared
def check(context: Context, target: Description) -> list[Finding]:
    now = {option.name: option for option in options()}
    found = []
    for option in target.options:
        names = {option.name, *(former.name for former in target.former if former.now == option.name)}
        here = next((now[name] for name in sorted(names) if name in now), None)
        if here is not None and here.default != option.default and not names & context.given.keys():
            found.append(_changed(here, option, target.release))
    return found or [well(f"the defaults of all settings that are not set here are the same in {target.release}")]


def _changed(here: Option, there: Option, release: str) -> Finding:
    name = here.name if here.name == there.name else f"{here.name} (then {there.name})"
    before, then = json.dumps(here.default), json.dumps(there.default)
    return warning(f"{name} is not set, and its default changes from {before} to {then} with {release}",
                   f"{here.name}: {before} -> {then}",
                   remedy=f"To keep what you have, set {here.name} to {before} now.")  # fmt: skip


CHECK = Check(
    id="configuration-defaults",
    title="Defaults that are relied on stay",
    reads="the defaults of this program and of the target, and which settings are set here",
    severity=Level.WARNING,
    remedy="To keep what you have, set it before the upgrade.",
    check=check,
    seconds=14,
    doctor=False,
)
