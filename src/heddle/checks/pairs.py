"""Which pairs of hosts are looked at, where all would be too many.  Pure.

A network on a thousand hosts is a million ways.  Each host looks at some of those that it shares a network with: at
all of them while they are few, else evenly spread over the others, from its own place on, so that each host is also
looked at by as many.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Need(NamedTuple):
    """A packet of `size` bytes on the way, which is one of `mtu` in a tunnel.  Of several the largest counts."""

    size: int
    mtu: int
    kind: str


class Group(NamedTuple):
    """Hosts each of which sends the others what it needs."""

    need: Need
    hosts: frozenset[str]


class Pairs(NamedTuple):
    """By host whom it looks at, with what for; `total` ways there are."""

    by_host: dict[str, dict[str, Need]]
    total: int


def pairs(groups: Iterable[Group], hosts: Sequence[str], most: int) -> Pairs:
    """Those among `hosts`, at most `most` for each."""
    places = {name: place for place, name in enumerate(hosts)}
    masks: dict[Need, list[int]] = {}
    for group in groups:
        members = [places[name] for name in group.hosts if name in places]
        mask = sum(1 << place for place in members)
        mine = masks.setdefault(group.need, [0] * len(hosts))
        for place in members:
            mine[place] |= mask
    by_host: dict[str, dict[str, Need]] = {}
    total = 0
    for place, name in enumerate(hosts):
        seen = 1 << place
        chosen: dict[str, Need] = {}
        for need in sorted(masks, reverse=True):
            new = masks[need][place] & ~seen
            seen |= new
            total += new.bit_count()
            chosen |= {hosts[other]: need for other in _spread(new, place, most - len(chosen))}
        if chosen:
            by_host[name] = chosen
    return Pairs(by_host, total)


def several(addresses: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The addresses that more than one host has, of (host, address), with these hosts."""
    found: dict[str, list[str]] = {}
    for name, address in addresses:
        found.setdefault(address, []).append(name)
    return {address: names for address, names in found.items() if len(names) > 1}


def _spread(mask: int, place: int, most: int) -> list[int]:
    """At most so many places of a mask, evenly, beginning behind `place`."""
    if not mask or most <= 0:
        return []
    every = [number for number, bit in enumerate(reversed(bin(mask))) if bit == "1"]
    ring = [each for each in every if each > place] + [each for each in every if each < place]
    return ring[:: -(-len(ring) // most)]
