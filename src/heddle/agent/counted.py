"""Counting who asks for a thing, so that it comes with the first and goes with the last."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

T = TypeVar("T")


def count(counter: Counter[T], what: T, sign: int = 1) -> bool:
    """Count one more (`sign` 1) or one fewer (-1); whether it is the first, or was the last."""
    counter[what] += sign
    if not counter[what]:
        del counter[what]
        return True
    return sign > 0 and counter[what] == 1
