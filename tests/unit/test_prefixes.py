"""Prefixes as runs against the plain sets of addresses that they stand for."""

from __future__ import annotations

import ipaddress
import itertools

from hypothesis import given
from hypothesis import strategies as st

from heddle.control import prefixes

BASE = int(ipaddress.ip_address("10.0.0.0"))
BLOCKS = st.lists(
    st.tuples(st.integers(0, 63), st.integers(26, 32)).map(
        lambda pair: str(ipaddress.ip_network((BASE + pair[0], pair[1]), strict=False))
    ),
    max_size=6,
)


def addresses(blocks: list[str]) -> set[int]:
    return {int(address) for block in blocks for address in ipaddress.ip_network(block)}


def numbers(runs: list[prefixes.Run]) -> set[int]:
    return {number for first, last in runs for number in range(first, last + 1)}


@given(BLOCKS, BLOCKS)
def test_joined_taken_away_and_compared(one: list[str], other: list[str]) -> None:
    runs = prefixes.runs_of(one)
    assert numbers(runs) == addresses(one)
    assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(runs))
    left = prefixes.less(runs, prefixes.runs_of(other))
    assert numbers(left) == addresses(one) - addresses(other)
    assert left == prefixes.runs_of(prefixes.as_prefixes(left, 4))
    assert prefixes.overlap(one, other) == bool(addresses(one) & addresses(other))


@given(BLOCKS, st.integers(24, 32))
def test_the_first_fit_is_the_lowest_block_that_is_free(free: list[str], length: int) -> None:
    found = prefixes.first_fit(prefixes.runs_of(free), length, 4)
    around = ipaddress.ip_network("10.0.0.0/25").subnets(new_prefix=length) if length > 24 else ()
    fitting = [block for block in around if addresses([str(block)]) <= addresses(free)]
    assert found == (fitting[0] if fitting else None)


def test_ipv6() -> None:
    runs = prefixes.runs_of(["2001:db8:1::/48", "2001:db8::/48"])
    assert prefixes.as_prefixes(runs, 6) == ["2001:db8::/47"]
    left = prefixes.less(runs, prefixes.runs_of(["2001:db8::/64"]))
    assert str(prefixes.first_fit(left, 64, 6)) == "2001:db8:0:1::/64"
    assert str(prefixes.first_fit(left, 48, 6)) == "2001:db8:1::/48"
