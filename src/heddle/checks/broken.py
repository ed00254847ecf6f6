"""A check of another package that cannot be loaded: nobody knows what it would have said."""

from __future__ import annotations

from heddle.checks.base import CannotSee, Check, Finding, Level
from heddle.checks.context import Context


def broken(name: str, where: str, error: BaseException) -> Check:
    """In the place of the check of an entry point; `where` it leads to."""
    reason = f"the check {name} of another package cannot be loaded from {where}: {type(error).__name__}: {error}"

    def check(context: Context) -> Finding:
        raise CannotSee(reason)

    return Check(
        id=f"environment-entry-point-{name}", title=f"The check {name} can be loaded", reads=f"{where}",
        severity=Level.FAILURE, remedy="Mend that package, or remove it.", check=check, kind="environment",
    )  # fmt: skip
