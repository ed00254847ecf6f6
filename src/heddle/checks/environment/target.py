"""This machine has the Python and the libraries that the target needs.

Read from the target's metadata, and so also seen where it cannot run.  For an environment that has the target, the
Python and libraries are those of that environment.
"""

from __future__ import annotations

from heddle.checks.base import CannotSee, Check, Finding, Level, failure, warning, well
from heddle.checks.context import Context
from heddle.checks.target.coming import NOTHING
from heddle.checks.target.needs import libraries_lack, python_lacks


def check(context: Context) -> list[Finding]:
    if context.coming.same:
        return [NOTHING]
    facts, name = context.coming.facts, context.coming.name
    if facts is None:
        raise CannotSee(f"of {context.target} only the number is known: --target takes the path of its wheel")
    if lacks := python_lacks(facts):
        return [failure(f"{name}: {lacks}", f"Python {facts.python}",
                        remedy="Make an environment of a Python that it takes, and install it there.")]  # fmt: skip
    missing = libraries_lack(facts)
    say = failure if facts.installed else warning
    if missing:
        return [say(f"{name} needs other libraries than are there: {', '.join(missing)}", ", ".join(missing))]
    return [well(f"Python {facts.python} and its libraries are as {name} needs them")]


CHECK = Check(
    id="environment-target",
    title="Python and libraries are as the target needs them",
    reads="Requires-Python and Requires-Dist of the target, and the libraries of the Python that is to run it",
    severity=Level.FAILURE,
    remedy="Install what is told together with the target, in an environment of its own: see that this machine reaches "
    "a package index, or bring the wheels along.",
    check=check,
    doctor=False,
)
