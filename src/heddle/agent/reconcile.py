"""Desired against observed, and when to try again.

`compare` says what has to be made, changed and removed so that what is observed becomes what is
desired; what is equal is left alone.  `Backoff` remembers what failed and when it is due again: later
and later, each object by itself, so that one that cannot be realised costs little and hinders no other.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass
class Plan(Generic[K, V]):
    """`create` and `update` have the desired values; `delete` names what is there and not desired."""

    create: dict[K, V] = field(default_factory=dict)
    update: dict[K, V] = field(default_factory=dict)
    delete: list[K] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.create or self.update or self.delete)

    @property
    def drift(self) -> int:
        return len(self.create) + len(self.update) + len(self.delete)


def compare(
    desired: Mapping[K, V], observed: Mapping[K, V], same: Callable[[V, V], bool] = lambda one, other: one == other
) -> Plan[K, V]:
    plan: Plan[K, V] = Plan()
    for key, value in desired.items():
        if key not in observed:
            plan.create[key] = value
        elif not same(value, observed[key]):
            plan.update[key] = value
    plan.delete = [key for key in observed if key not in desired]
    return plan


class Backoff(Generic[K]):
    """Times in seconds on the clock that the caller uses.  A failure doubles the delay, a success forgets it."""

    def __init__(self, first: float = 0.1, longest: float = 30.0) -> None:
        self._first = first
        self._longest = longest
        self._items: dict[K, tuple[float, float]] = {}

    def failed(self, item: K, now: float) -> float:
        """Returns the delay until the next try."""
        _, delay = self._items.get(item, (0.0, self._first / 2))
        delay = min(delay * 2, self._longest)
        self._items[item] = (now + delay, delay)
        return delay

    def succeeded(self, items: Iterable[K]) -> None:
        for item in items:
            self._items.pop(item, None)

    def due(self, now: float) -> set[K]:
        return {item for item, (when, _) in self._items.items() if when <= now}

    def next(self) -> float | None:
        """When the earliest is due."""
        return min((when for when, _ in self._items.values()), default=None)

    def next_of(self, item: K) -> float | None:
        """When an item is due; None when it did not fail."""
        return self._items[item][0] if item in self._items else None

    def __len__(self) -> int:
        return len(self._items)
