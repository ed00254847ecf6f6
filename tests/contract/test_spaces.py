"""Namespaces as the roles use them: the fake and the kernel keep the same contract.

The kernel's part runs in another process with network and mount namespaces of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.inside import run_inside
from tests.fakes.kernel import FakeKernel

from heddle.host.announce import Announcement
from heddle.host.layout import Interface, Layout
from heddle.host.nft import Chain, Elements, Table
from heddle.host.rtnetlink import Route
from heddle.host.spaces import Spaces

INSIDE = "HEDDLE_TEST_SPACES"
SETTINGS = {"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1"}
NAME = "qtest-one"
TO_FAR = Route("10.9.0.0/16", "10.0.0.9", "qr-a")
LAN = Interface("qr-a", "fa:16:3e:00:00:01", 1450, frozenset({"10.0.0.1/24", "fd00:1::1/64"}))
OUT = Interface("qg-b", "fa:16:3e:00:00:02", 1500, frozenset({"203.0.113.5/24"}))
BOTH = Layout((LAN, OUT), frozenset({TO_FAR}), SETTINGS)


def table(*elements: str, rules: tuple[str, ...] = ("dnat ip to ip daddr map @m",)) -> Table:
    hook = "type nat hook prerouting priority dstnat; policy accept;"
    return Table("inet", "heddle", (Elements("map", "m", "ipv4_addr : ipv4_addr", elements),),
                 (Chain("c", hook, rules),))  # fmt: skip


@pytest.fixture
def spaces() -> Iterator[Any]:
    made: Any = Spaces("qtest-") if os.environ.get(INSIDE) else FakeKernel().spaces("qtest-")
    yield made
    for name in made.ours():
        made.remove(name)
    made.close()


@pytest.mark.real
@pytest.mark.skipif(bool(os.environ.get(INSIDE)) or os.geteuid() != 0, reason="needs root")
def test_the_kernel_keeps_the_contract() -> None:
    run_inside(__file__, INSIDE)


def test_made_once_and_found_again(spaces: Any) -> None:
    one = spaces.ensure(NAME, SETTINGS)
    assert spaces.ensure(NAME, SETTINGS) is one
    assert spaces.is_current(NAME)
    assert spaces.ours() == [NAME]


def test_others_namespaces_are_not_ours(spaces: Any) -> None:
    spaces.ensure(NAME, SETTINGS)
    spaces.ensure("other-one", SETTINGS)
    assert spaces.ours() == [NAME]
    spaces.remove("other-one")


def test_the_first_time_everything_is_made(spaces: Any) -> None:
    change = spaces.ensure(NAME, SETTINGS).converge(BOTH)
    assert set(change.made) == {"qr-a", "qg-b"}
    assert ("qr-a", "10.0.0.1/24") in change.added
    assert not change.failures and not change.withdrawn


def test_the_second_time_nothing_is_done(spaces: Any) -> None:
    space = spaces.ensure(NAME, SETTINGS)
    space.converge(BOTH)
    assert not space.converge(BOTH).any


def test_adopted_by_another_process_nothing_is_done(spaces: Any) -> None:
    spaces.ensure(NAME, SETTINGS).converge(BOTH)
    spaces.forget(NAME)
    assert not spaces.ensure(NAME, SETTINGS).converge(BOTH).any


def test_an_address_more_and_one_fewer(spaces: Any) -> None:
    space = spaces.ensure(NAME, SETTINGS)
    space.converge(BOTH)
    more = Interface("qg-b", OUT.mac, OUT.mtu, OUT.addresses | {"203.0.113.9/32"})
    change = space.converge(Layout((LAN, more), BOTH.routes, SETTINGS))
    assert change.added == (("qg-b", "203.0.113.9/32"),)
    assert not change.made and not change.removed
    change = space.converge(BOTH)
    assert change.withdrawn == (("qg-b", "203.0.113.9/32"),)


def test_another_first_address_keeps_the_routes(spaces: Any) -> None:
    """The kernel drops routes with an address; they are back at the end."""
    space = spaces.ensure(NAME, SETTINGS)
    space.converge(BOTH)
    moved = Interface("qr-a", LAN.mac, LAN.mtu, frozenset({"10.0.0.2/24"}))
    layout = Layout((moved, OUT), BOTH.routes, SETTINGS)
    assert space.converge(layout).any
    assert not space.converge(layout).any


def test_an_interface_that_is_not_wanted_goes(spaces: Any) -> None:
    space = spaces.ensure(NAME, SETTINGS)
    space.converge(BOTH)
    assert space.converge(Layout((LAN,), BOTH.routes, SETTINGS)).removed == ("qg-b",)
    assert space.converge(BOTH).made == ("qg-b",)


def test_what_the_kernel_puts_into_every_namespace_is_left_alone(spaces: Any) -> None:
    space = spaces.ensure(NAME, SETTINGS)
    kernels = Interface("gre0", "fa:16:3e:00:00:03", 1450)
    space.converge(Layout((LAN, kernels), frozenset(), SETTINGS))
    alone = Layout((LAN,), frozenset(), SETTINGS)
    assert not space.deviations(alone) and not space.converge(alone).any
    assert spaces.remove(NAME) == ["qr-a"]


def test_a_route_that_cannot_be_is_told_and_hinders_nothing(spaces: Any) -> None:
    space = spaces.ensure(NAME, SETTINGS)
    change = space.converge(Layout((LAN,), frozenset({TO_FAR, Route("10.8.0.0/16", "192.0.2.1")}), SETTINGS))
    assert len(change.failures) == 1
    assert "10.8.0.0/16" in str(change.failures[0])


def test_rules(spaces: Any) -> None:
    space = spaces.ensure(NAME, SETTINGS)
    assert space.rules(table()) == "changed"
    assert space.rules(table()) == "same"
    assert space.rules(table("203.0.113.9 : 10.0.0.9")) == "changed"
    assert space.rules(table("203.0.113.9 : 10.0.0.9")) == "same"
    assert space.rules(table(rules=())) == "changed"


def test_rules_are_adopted(spaces: Any) -> None:
    wanted = table("203.0.113.9 : 10.0.0.9", "203.0.113.8 : 10.0.0.8")
    spaces.ensure(NAME, SETTINGS).rules(wanted)
    spaces.forget(NAME)
    assert spaces.ensure(NAME, SETTINGS).rules(wanted) == "same"


def test_nothing_to_cut_and_nobody_to_tell(spaces: Any) -> None:
    space = spaces.ensure(NAME, SETTINGS)
    space.converge(BOTH)
    assert space.cut([]) == 0
    assert space.cut(["203.0.113.9"]) == 0
    space.announce([Announcement("qg-b", OUT.mac, "203.0.113.5")])


def test_removed_with_its_interfaces(spaces: Any) -> None:
    space = spaces.ensure(NAME, SETTINGS)
    space.converge(BOTH)
    assert set(spaces.remove(NAME)) == {"qr-a", "qg-b"}
    assert spaces.ours() == []
    assert not spaces.is_current(NAME)
    assert spaces.remove(NAME) == []


def test_made_anew_after_a_removal(spaces: Any) -> None:
    spaces.ensure(NAME, SETTINGS).converge(BOTH)
    spaces.remove(NAME)
    change = spaces.ensure(NAME, SETTINGS).converge(BOTH)
    assert set(change.made) == {"qr-a", "qg-b"}
    assert not change.failures
