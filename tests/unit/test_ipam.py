"""Pools, EUI-64 and free runs against the plain sets that they stand for."""

from __future__ import annotations

import ipaddress
import itertools

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from heddle.control import ipam
from heddle.errors import UserError
from heddle.model.subnet import Subnet
from heddle.model.values import AllocationPool
from heddle.store import tables
from heddle.store.engine import Tx
from heddle.store.query import addresses

BLOCKS = st.builds(
    lambda number, length: ipaddress.ip_network((number << (32 - length) & 0xFFFFFFFF, length)),
    st.integers(0, 2**24), st.integers(20, 32),
)  # fmt: skip


def numbers(runs: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in runs for number in range(first, last + 1)}


@given(BLOCKS, st.data())
def test_the_default_pools_are_all_but_the_gateway(block: ipaddress.IPv4Network, data: st.DataObject) -> None:
    low, high = ipam.usable(block)
    gateway = data.draw(st.none() | st.integers(low, high))
    text = None if gateway is None else str(ipaddress.IPv4Address(gateway))
    pools = ipam.default_pools(block, text)
    assert numbers(ipam.pool_runs(pools)) == set(range(low, high + 1)) - {gateway}
    ipam.check_pools(block, pools, text)
    assert ipaddress.ip_address(ipam.default_gateway(block)) in block


RUNS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)).map(lambda t: (t[0], t[0] + t[1])), max_size=5)


@given(RUNS)
def test_pools_are_checked_and_joined(runs: list[tuple[int, int]]) -> None:
    base = int(ipaddress.ip_address("10.0.0.0"))
    pools = [AllocationPool(str(ipaddress.ip_address(base + a)), str(ipaddress.ip_address(base + b))) for a, b in runs]
    overlaps = sum(b - a + 1 for a, b in runs) != len(numbers(runs))
    outside = any(a < 1 for a, _ in runs)
    try:
        ipam.check_pools(ipaddress.ip_network("10.0.0.0/24"), pools, None)
    except UserError:
        assert overlaps or outside
        return
    assert not overlaps and not outside
    joined = ipam.pool_runs(pools)
    assert numbers(joined) == {base + n for n in numbers(runs)}
    assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(joined))


@given(RUNS, st.integers(0, 50))
def test_runs_without_a_number(runs: list[tuple[int, int]], number: int) -> None:
    assert numbers(ipam.without(runs, number)) == numbers(runs) - {number}


@given(st.integers(0, 2**48 - 1))
def test_eui64(number: int) -> None:
    digits = f"{number:012x}"
    mac = ":".join(digits[i : i + 2] for i in range(0, 12, 2))
    address = ipaddress.ip_address(ipam.eui64_address("2001:db8::/64", mac))
    assert address in ipaddress.ip_network("2001:db8::/64")
    low = int(address) & (2**64 - 1)
    assert (low >> 24) & 0xFFFF == 0xFFFE
    assert ((low >> 40) ^ (1 << 17)) << 24 | low & 0xFFFFFF == number


def test_eui64_as_in_the_standard() -> None:
    """RFC 4291, appendix A: 34-56-78-9A-BC-DE gives 3656:78ff:fe9a:bcde."""
    assert ipam.eui64_address("2001:db8::/64", "34:56:78:9a:bc:de") == "2001:db8::3656:78ff:fe9a:bcde"


def test_candidates_prefer_what_is_meant_for_the_owner() -> None:
    plain = Subnet(id="plain", ip_version=4)
    typed = Subnet(id="typed", ip_version=4, service_types=["compute:nova"])
    auto = Subnet(id="auto", ip_version=6, ipv6_address_mode="slaac")
    every = [plain, typed, auto]
    assert [s.id for s in ipam.candidates(every, "compute:nova", 4)] == ["typed"]
    assert [s.id for s in ipam.candidates(every, "", 4)] == ["plain"]
    assert ipam.candidates(every, "", 6) == []


# The free runs of a subnet, as the database keeps them


class FreeRuns(RuleBasedStateMachine):
    """Taking and giving back in any order, beside a set that does the same."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = sa.create_engine("sqlite://")
        tables.ip_ranges.create(self.engine)
        self.conn = self.engine.connect()
        self.tx = Tx(self.conn)
        self.whole = set(range(10, 31)) | set(range(40, 46))
        self.free = set(self.whole)
        addresses.FREE.set(self.tx, "s", [(10, 30), (40, 45)])
        addresses.FREE.set(self.tx, "other", [(0, 100)])

    @rule(count=st.integers(1, 9))
    def take_lowest(self, count: int) -> None:
        wanted = sorted(self.free)[:count]
        assert addresses.FREE.take_lowest(self.tx, "s", count) == wanted
        self.free -= set(wanted)

    @rule(number=st.integers(5, 50))
    def take_given(self, number: int) -> None:
        assert addresses.FREE.take(self.tx, "s", number) == (number in self.free)
        self.free.discard(number)

    @rule(number=st.integers(10, 45))
    def give_back(self, number: int) -> None:
        if number in self.whole:
            addresses.FREE.give_back(self.tx, "s", number)
            self.free.add(number)

    @rule(low=st.integers(5, 50), size=st.integers(1, 12))
    def take_a_block(self, low: int, size: int) -> None:
        block = set(range(low, low + size))
        assert addresses.FREE.take(self.tx, "s", low, low + size - 1) == (block <= self.free)
        if block <= self.free:
            self.free -= block

    @rule(low=st.integers(10, 45), size=st.integers(1, 12))
    def give_a_block_back(self, low: int, size: int) -> None:
        block = set(range(low, low + size))
        if block <= self.whole - self.free:
            addresses.FREE.give_back(self.tx, "s", low, low + size - 1)
            self.free |= block

    @invariant()
    def they_are_counted_and_listed(self) -> None:
        assert addresses.FREE.free(self.tx, ["s", "none"]).get("s", 0) == len(self.free)
        assert numbers(list(addresses.FREE.runs(self.tx, "s"))) == self.free
        assert addresses.FREE.has_free(self.tx, "s") == bool(self.free)

    @invariant()
    def the_runs_are_the_set(self) -> None:
        r = tables.ip_ranges.c
        rows = self.conn.execute(sa.select(r.first, r.last).where(r.subnet_id == "s").order_by(r.first)).all()
        runs = [(int(first, 16), int(last, 16)) for first, last in rows]
        assert numbers(runs) == self.free
        assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(runs))

    def teardown(self) -> None:
        r = tables.ip_ranges.c
        rows = self.conn.execute(sa.select(r.first, r.last).where(r.subnet_id == "other")).all()
        assert [(int(first, 16), int(last, 16)) for first, last in rows] == [(0, 100)]
        self.conn.close()
        self.engine.dispose()


TestFreeRuns = FreeRuns.TestCase
TestFreeRuns.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
