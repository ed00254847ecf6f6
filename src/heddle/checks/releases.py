"""Releases as X.Y.Z: Y counts releases, Z corrections.  Pure."""

from __future__ import annotations

import re

_FORM = re.compile(r"(\d+)\.(\d+)(?:\.\d+)?(?:[-+.a-z0-9]*)")


def parse(text: str) -> tuple[int, int] | None:
    """(X, Y), or None for a text that is no release."""
    match = _FORM.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def apart(older: str, newer: str) -> int | None:
    """How many releases lie between: 0 for the same, negative the other way round; None where nobody can say.

    X.0 is the one after any of X-1.
    """
    one, two = parse(older), parse(newer)
    if one is None or two is None:
        return None
    if one[0] == two[0]:
        return two[1] - one[1]
    return (two[1] + 1) * (two[0] - one[0]) if two[0] > one[0] else -1
