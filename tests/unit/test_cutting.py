"""Which connections no rule permits any more: those of a port that became narrower, at that end, and no others."""

from __future__ import annotations

import time
from ipaddress import ip_network

import pytest
from tests.fakes.objects import OUT, allow, ip, mac, permissions_of, port_id

from heddle.agent.cutting import Holder, Holders, doomed, forgotten
from heddle.agent.permissions import Permissions
from heddle.agent.pipeline import WiredPort
from heddle.host.connection import Tracked
from heddle.view.types import RuleView

WEB = Tracked(1, 6, ip(1), ip(2), 40000, 80, mark=3)


def wired(number: int, *cidrs: str, tag: int = 1) -> WiredPort:
    addresses = tuple((mac(number), cidr) for cidr in cidrs or (ip(number),))
    return WiredPort(id=port_id(number), ofport=number, tag=tag, mac=mac(number), addresses=addresses, profile=number)


def rules(*given: RuleView) -> Permissions:
    return permissions_of(given, {})


def narrowed(number: int, *given: RuleView, unjudged: bool = False, tag: int = 1) -> Holder:
    return Holder(wired(number, tag=tag), rules(*given), True, unjudged)


def open_to_all(number: int) -> Holder:
    return Holder(wired(number), None)


@pytest.mark.parametrize(("left", "cut"), [
    ([], True), ([allow(protocol=6, ports=(81, 90))], True), ([allow(protocol=17)], True),
    ([allow(protocol=6, cidr="10.9.0.0/16")], True), ([allow("egress", 4)], True),
    ([allow(protocol=6, ports=(70, 80))], False), ([allow()], False), ([allow(protocol=6, cidr="10.0.0.0/24")], False),
])  # fmt: skip
def test_what_another_rule_permits_goes_on(left: list[RuleView], cut: bool) -> None:
    found = doomed([WEB], Holders([open_to_all(1), narrowed(2, *left)]))
    assert found == ([WEB] if cut else [])


def test_the_initiator_is_asked_what_it_may_send() -> None:
    holders = Holders([narrowed(1, allow("egress", protocol=17)), open_to_all(2)])
    assert doomed([WEB], holders) == [WEB]
    assert not doomed([WEB], Holders([narrowed(1, *OUT), open_to_all(2)]))


def test_only_the_end_that_became_narrower_is_asked() -> None:
    """Guest 2 never had a rule for it and is as it was: its connection is not ours to judge."""
    holders = Holders([narrowed(1, *OUT), Holder(wired(2), rules())])
    assert not doomed([WEB], holders)


def test_only_what_its_rules_had_agreed_to_is_asked_unless_it_had_none() -> None:
    by_initiator = WEB._replace(mark=1)
    assert not doomed([by_initiator], Holders([open_to_all(1), narrowed(2)]))
    assert doomed([by_initiator], Holders([open_to_all(1), narrowed(2, unjudged=True)])) == [by_initiator]


def test_what_is_cut_already_and_another_zone_are_left_alone() -> None:
    holders = Holders([narrowed(2), narrowed(3, tag=5)])
    assert holders.zones == {1, 5}
    assert not doomed([WEB._replace(mark=7), WEB._replace(zone=9)], holders)


def test_where_ports_share_an_address_one_that_permits_it_is_enough() -> None:
    """A pair that two ports have, as for a virtual IP."""
    first = Holder(wired(2, ip(9)), rules(), True)
    second = Holder(wired(3, ip(9)), rules(allow(protocol=6)))
    to_both = WEB._replace(target=ip(9))
    assert not doomed([to_both], Holders([first, second]))
    assert doomed([to_both], Holders([first, Holder(wired(3, ip(9)), rules())])) == [to_both]


def test_an_address_within_a_pair_of_a_network() -> None:
    inside, outside = WEB._replace(target="10.7.0.9"), WEB._replace(target="10.8.0.9")
    holders = Holders([Holder(wired(2, "10.7.0.0/16"), rules(), True)])
    assert doomed([inside, outside], holders) == [inside]


def test_link_local_addresses_and_icmp_of_ipv6() -> None:
    echo = Tracked(1, 58, "fe80::1", "fe80::f816:3eff:fe00:2", 7, 128, mark=3)
    assert doomed([echo], Holders([narrowed(2, allow(ethertype=6, protocol=58, ports=(129, -1)))])) == [echo]
    assert not doomed([echo], Holders([narrowed(2, allow(ethertype=6, protocol=1, ports=(128, 0)))]))


def test_addresses_that_are_given_up_are_forgotten_unless_a_port_may_use_them() -> None:
    gone = {1: [ip_network("10.7.0.0/16")]}
    of_it, kept, other = (WEB._replace(source=address) for address in ("10.7.0.1", "10.7.0.2", "10.8.0.1"))
    assert forgotten([of_it, kept, other], gone, [wired(1, "10.7.0.2"), wired(2)]) == [of_it]


def test_a_full_table_and_a_large_group_take_little() -> None:
    """65,536 connections to 200 ports, 50 rules with 2,000 members: the time is told, its bound is generous."""
    members = {"g": [f"10.1.{number >> 8}.{number & 255}/32" for number in range(2000)]}
    given = [allow(protocol=6, ports=(1000 + number, 1000 + number), remote="g") for number in range(50)]
    permissions = permissions_of(given, members)
    holders = Holders(Holder(wired(number), permissions, True) for number in range(200))
    table = [
        Tracked(1, 6, f"10.1.{number >> 8 & 7}.{number & 255}", ip(number % 200), number, 80, mark=3)
        for number in range(65_536)
    ]
    began = time.process_time()
    assert len(doomed(table, holders)) == len(table)
    assert time.process_time() - began < 30
