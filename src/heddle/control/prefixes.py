"""Prefixes as sets of addresses, pure: joined, compared, taken apart; and where in what is free a block fits."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from heddle.control.ipam import IpNetwork

Run = tuple[int, int]
BITS = {4: 32, 6: 128}


def runs_of(prefixes: Iterable[str]) -> list[Run]:
    """The prefixes, of one IP version, as runs of numbers in order; those that touch or overlap are joined."""
    ends = [(int(block.network_address), int(block.broadcast_address)) for block in map(ipaddress.ip_network, prefixes)]
    runs: list[Run] = []
    for first, last in sorted(ends):
        if runs and first <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], max(last, runs[-1][1]))
        else:
            runs.append((first, last))
    return runs


def less(runs: Iterable[Run], gone: Sequence[Run]) -> list[Run]:
    """What is in `runs` and not in `gone`."""
    left: list[Run] = []
    for first, last in runs:
        for low, high in gone:
            if high < first or last < low:
                continue
            if first < low:
                left.append((first, low - 1))
            first = high + 1
        if first <= last:
            left.append((first, last))
    return left


def as_prefixes(runs: Iterable[Run], version: int) -> list[str]:
    """The runs as the fewest prefixes, in order."""
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    return [str(block) for low, high in runs for block in ipaddress.summarize_address_range(kind(low), kind(high))]


def overlap(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether prefixes of the same IP version have an address in common."""
    runs, others = runs_of(one), runs_of(other)
    return less(runs, others) != runs


def block_at(number: int, length: int, version: int) -> IpNetwork:
    kind = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network
    return kind((number, length))


def first_fit(free: Iterable[Run], length: int, version: int) -> IpNetwork | None:
    """The lowest block with this prefix length that is free; reads no more of `free` than it needs."""
    size = 1 << (BITS[version] - length)
    for first, last in free:
        start = -(-first // size) * size
        if start + size - 1 <= last:
            return block_at(start, length, version)
    return None
