"""What a transaction starts from, which may have to run several times."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def each_its_own(make: Callable[[], T]) -> Callable[[], T]:
    """`make` is called now, before the transaction holds anything, and its result is for the first attempt.

    A further attempt gets a result of its own: a verb may fill in what it was given.
    """
    made = [make()]
    return lambda: made.pop() if made else make()
