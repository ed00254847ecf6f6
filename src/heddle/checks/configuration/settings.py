"""The settings can be read: every section and name is known, and every value is one."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, failure, well
from heddle.checks.context import Context


def check(context: Context) -> Finding:
    if context.problem:
        return failure(context.problem, evidence=context.file)
    context.settings  # noqa: B018
    return well(f"{context.file or 'no settings file: the defaults'} and the environment are understood", context.file)


CHECK = Check(
    id="configuration-settings",
    title="The settings are understood",
    reads="the settings file, the environment, and --set",
    severity=Level.FAILURE,
    remedy="Correct the name or the value that is told; docs/operations.md says where settings are read from.",
    check=check,
)
