"""All checks, found by their files; others' packages add theirs by the entry point `heddle.checks`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from heddle.checks.base import KINDS, Check, NoQuestion
from heddle.checks.broken import broken


@cache
def registry() -> dict[str, Check]:
    """By id, in the order of the kinds.  Raises `TypeError` for a file of Heddle's own without a whole `CHECK`."""
    found: dict[str, Check] = {}
    for kind in KINDS:
        package = import_module(f"heddle.checks.{kind}")
        for module in sorted(iter_modules(package.__path__), key=lambda each: each.name):
            name = f"{package.__name__}.{module.name}"
            _add(found, getattr(import_module(name), "CHECK", None), name, kind)
    for point in entry_points(group="heddle.checks"):
        try:
            _add(found, point.load(), point.value, "")
        except (Exception, SystemExit) as error:
            lost = broken(point.name, point.value, error)
            found[lost.id] = lost
    return found


def _add(found: dict[str, Check], check: object, where: str, kind: str) -> None:
    if not isinstance(check, Check):
        raise TypeError(f"{where} has no CHECK")
    kind = kind or check.kind
    if kind not in KINDS or not check.id.startswith(f"{kind}-") or check.id in found:
        raise TypeError(f"{where}: the id {check.id!r} must begin with its kind and be the only one")
    found[check.id] = replace(check, kind=kind)


def chosen(only: Collection[str], skip: Collection[str], *, doctor: bool = False) -> list[Check]:
    """Those that are wanted.  Raises `UnknownCheck` for an id that is of none, and where none is left."""
    unknown = sorted({*only, *skip} - registry().keys())
    if unknown:
        raise UnknownCheck(f"there is no check {', '.join(unknown)}: `heddle upgrade list` names all")
    others = sorted(id for id in only if doctor and not registry()[id].doctor)
    if others:
        raise UnknownCheck(f"{', '.join(others)}: only `heddle upgrade check` looks at it")
    found = [
        check for check in registry().values()
        if (not only or check.id in only) and check.id not in skip and (check.doctor or not doctor)
    ]  # fmt: skip
    if not found:
        raise UnknownCheck("every check that --only names is skipped: nothing is left to look at")
    return found


class UnknownCheck(NoQuestion):
    """A check was asked for that there is not."""
