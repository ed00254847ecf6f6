"""What a release needs of the Python that is to run it, and whether it has it.  Pure."""

from __future__ import annotations

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from heddle.checks.target.coming import Facts


def python_lacks(facts: Facts) -> str:
    """Why its Python is none for the release, "" where it is one."""
    if facts.tags:
        return f"the wheel is for {facts.tags}, which this Python {facts.python} does not take"
    try:
        fits = SpecifierSet(facts.requires_python).contains(facts.python, prereleases=True)
    except InvalidSpecifier:
        return f"its Requires-Python {facts.requires_python!r} cannot be understood"
    return "" if fits else f"it needs Python {facts.requires_python}, and this is {facts.python}"


def libraries_lack(facts: Facts) -> list[str]:
    """What it needs and is not there, each as "pika>=1.3 (here 1.2.0)"."""
    short = ".".join(facts.python.split(".")[:2])
    environment = {"python_version": short, "python_full_version": facts.python, "extra": ""}
    missing = []
    for text in facts.requires:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            missing.append(f"{text} (cannot be understood)")
            continue
        if wanted.marker and not wanted.marker.evaluate(dict(environment)):
            continue
        here = facts.libraries.get(canonicalize_name(wanted.name))
        if here is None or not wanted.specifier.contains(here, prereleases=True):
            missing.append(f"{wanted.name}{wanted.specifier} ({f'here {here}' if here else 'not here'})")
    return missing
