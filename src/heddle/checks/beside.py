"""The same question to several, each in a thread that keeps nobody: one that hangs costs the others nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def beside(ask: Callable[[A], B], whom: Sequence[A], seconds: float) -> list[B | None]:
    """The answers, in the order of those who were asked; None of who has not answered in time."""
    answers: list[B | None] = [None] * len(whom)

    def one(number: int) -> None:
        answers[number] = ask(whom[number])

    threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(len(whom))]
    end = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return list(answers)
