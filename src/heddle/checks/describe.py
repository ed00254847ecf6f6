"""A check in words, for `heddle upgrade explain` and the page of the docs that is made of all of them.  Pure."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable

from heddle.checks.base import KINDS, Check, OnOpenStack

INDENT = 10


def about(check: Check) -> str:
    """What a check is for: the text at the top of its file."""
    return " ".join((sys.modules[check.check.__module__].__doc__ or check.title).split())


def describe(check: Check, width: int = 0) -> str:
    """In lines of `width` characters at most, 0 for lines as long as what they say."""
    told = [(f"{check.id}: ", check.title), ("", ""), ("", about(check)), ("", "")]
    told += [
        ("Reads:    ", check.reads), ("At worst: ", check.severity.title),
        ("Deadline: ", f"{check.seconds:g} s"), ("Remedy:   ", check.remedy),
    ]  # fmt: skip
    told += [("", line) for line in _on_openstack(check, "OpenStack: ", "")]
    return "\n".join(_line(label, text, width) for label, text in told)


def _line(label: str, text: str, width: int) -> str:
    """Words are not cut: who copies a command from it has it whole."""
    if not width or len(label + text) <= width:
        return label + text
    return textwrap.fill(text, width, initial_indent=label, subsequent_indent=" " * min(len(label), INDENT),
                         break_long_words=False, break_on_hyphens=False)  # fmt: skip


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
