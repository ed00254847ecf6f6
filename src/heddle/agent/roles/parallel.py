"""Several objects of a role at a time: most of the work on a namespace is waiting for the kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

WORKERS = 8

T = TypeVar("T")


def together(work: Callable[[str], T], ids: Sequence[str]) -> list[T]:
    """What `work` gives for each, in order.  The threads end with the call; one alone needs none."""
    if len(ids) < 2:
        return [work(each) for each in ids]
    with ThreadPoolExecutor(min(len(ids), WORKERS), thread_name_prefix="role") as pool:
        return list(pool.map(work, ids))
