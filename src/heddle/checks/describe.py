"""A check in words, for `heddle upgrade explain` and the page of the docs that is made of all of them.  Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from heddle.checks.base import KINDS, Check, OnOpenStack


def about(check: Check) -> str:
    """What a check is for: the text at the top of its file."""
    return " ".join((sys.modules[check.check.__module__].__doc__ or check.title).split())


def describe(check: Check) -> str:
    return "\n".join((
        f"{check.id}: {check.title}", "", about(check), "",
        f"Reads:    {check.reads}",
        f"At worst: {check.severity.title}",
        f"Deadline: {check.seconds:g} s",
        f"Remedy:   {check.remedy}",
        *_on_openstack(check, "OpenStack: ", ""),
    ))  # fmt: skip


def page(checks: Iterable[Check]) -> str:
    """All of them, as sections by kind."""
    every = list(checks)
    parts = []
    for kind in KINDS:
        mine = [check for check in every if check.kind == kind]
        parts += [f"## {kind.capitalize()}\n"] if mine else []
        parts += [_section(check) for check in mine]
    return "\n".join(parts)


def _section(check: Check) -> str:
    where = "upgrade check and doctor" if check.doctor else "upgrade check"
    return (
        f"### {check.id}\n\n{about(check)}\n\n"
        f"- reads: {check.reads}\n- at worst: {check.severity.title}; deadline {check.seconds:g} s; {where}\n"
        f"- remedy: {check.remedy}\n"
        + "".join(f"{line}\n" for line in _on_openstack(check, "- OpenStack: ", "- there: "))
    )


def _on_openstack(check: Check, first: str, second: str) -> list[str]:
    """What it reads of a running OpenStack and what is to be done there; nothing of one that is Heddle's own."""
    way = check.openstack
    if not isinstance(way, OnOpenStack):
        return []
    return [f"{first}reads {way.reads}", f"{second}{way.remedy}"]
