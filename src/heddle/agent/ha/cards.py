"""Which physical networks of a router are lost on this host: all the cards by which it reaches one have no carrier.

A network without any card, as a bridge that nothing is plugged into, is not lost: nobody can tell.  A card counts again
when it has had its carrier for a while, so that one which flickers moves nothing to and fro.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from heddle.host.carrier import has_carrier

STEADY = 2.0


class Cards:
    """`has_carrier` is asked of each card whenever it is looked at."""

    def __init__(self, has_carrier: Callable[[str], bool] = has_carrier) -> None:
        self._has_carrier = has_carrier
        self._good_from: dict[str, float] = {}

    def look(self, now: float, names: Iterable[str]) -> None:
        """Look at these cards, and forget others.  One that is seen for the first time is as it is found."""
        before, self._good_from = self._good_from, {}
        for name in names:
            if not self._has_carrier(name):
                self._good_from[name] = float("inf")
            elif name not in before:
                self._good_from[name] = now
            else:
                self._good_from[name] = min(before[name], now + STEADY)

    def lost(self, now: float, networks: Mapping[str, Iterable[str]]) -> int:
        """How many of these physical networks, by their cards, are lost."""
        every = [list(cards) for cards in networks.values()]
        return sum(bool(cards) and not any(self._is_good(now, card) for card in cards) for cards in every)

    def _is_good(self, now: float, card: str) -> bool:
        return self._good_from.get(card, now) <= now
