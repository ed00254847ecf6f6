"""Connections that no rule permits any more are cut, with packets; those that another rule permits go on.

The guest that began them takes in everything: what the other end still sends would be a new connection to it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.fakes.objects import OUT, allow, group, ip, mac, network, port, port_id
from tests.real.conftest import Lab
from tests.real.testhost import DATAPATH
from tests.real.traffic import Pinging, Talking, connects, eventually, listening, talking

from heddle.view.types import AddressPair, FixedIp, MemberView, Ref, RuleView

OPEN = group("open", *OUT, allow(), allow(ethertype=6))
PING = allow(protocol=1)
GUESTS = ("g1", "g2")


def six(number: int) -> str:
    return f"2001:db8::{number}"


def tcp(first: int, last: int = 0, **more: object) -> RuleView:
    return allow(protocol=6, ports=(first, last or first), **more)  # type: ignore[arg-type]


def guest(lab: Lab, number: int, *groups: str, **more: object) -> None:
    fixed = [FixedIp("s4", ip(number)), FixedIp("s6", six(number))]
    lab.cloud.port(port(number, groups, fixed_ips=fixed, **more))


@pytest.fixture
def pair(lab: Lab) -> Lab:
    """Guest 1 is open; guest 2 has the group "web", which lets ping in."""
    lab.cloud.put(network(), OPEN, group("web", *OUT, PING))
    guest(lab, 1, "open")
    guest(lab, 2, "web")
    for number in (1, 2):
        lab.plug(number, f"{ip(number)}/16", f"{six(number)}/64")
    lab.wait_up(1, 2)
    return lab


def by_rule(lab: Lab) -> Callable[[], None]:
    lab.cloud.put(group("web", *OUT, PING, tcp(80), tcp(90)))
    return lambda: lab.cloud.put(group("web", *OUT, PING, tcp(90)))


def by_narrowing(lab: Lab) -> Callable[[], None]:
    """A rule is replaced by one of fewer ports, for fewer addresses."""
    lab.cloud.put(group("web", *OUT, PING, tcp(70, 99)))
    return lambda: lab.cloud.put(group("web", *OUT, PING, tcp(85, 95, cidr=f"{ip(1)}/32")))


def by_member(lab: Lab) -> Callable[[], None]:
    lab.cloud.put(group("web", *OUT, PING, tcp(70, 80, remote="friends"), tcp(90)))
    lab.cloud.put(group("friends"), MemberView(id="friends/a", group_id="friends", addresses=[f"{ip(9)}/32"]))
    lab.cloud.put(MemberView(id=f"friends/{port_id(1)}", group_id="friends", addresses=[f"{ip(1)}/32"]))
    return lambda: lab.cloud.remove(Ref("member", f"friends/{port_id(1)}"))


def by_address(lab: Lab) -> Callable[[], None]:
    lab.cloud.put(group("web", *OUT, PING, tcp(80, remote="campus"), tcp(90, remote="office")))
    for name, cidr in (("campus", "10.0.0.0/24"), ("campus", "10.1.0.0/16"), ("office", "10.0.0.0/8")):
        lab.cloud.put(MemberView(id=f"{name}/{cidr}", group_id=name, addresses=[cidr]))
    return lambda: lab.cloud.remove(Ref("member", "campus/10.0.0.0/24"))


def by_group(lab: Lab) -> Callable[[], None]:
    lab.cloud.put(group("web", *OUT, PING, tcp(90)), group("more", tcp(80)))
    guest(lab, 2, "web", "more")
    return lambda: guest(lab, 2, "web")


def by_egress(lab: Lab) -> Callable[[], None]:
    out = [allow("egress", protocol=6, ports=(90, 90)), allow("egress", protocol=1), allow("egress", 6)]
    lab.cloud.put(group("web", *OUT, allow()), group("asks", *out, allow(), allow("egress", cidr=f"{ip(2)}/32")))
    guest(lab, 1, "asks")
    return lambda: lab.cloud.put(group("asks", *out, allow()))


@pytest.mark.parametrize("way", [by_rule, by_narrowing, by_member, by_address, by_group, by_egress])
def test_a_permission_that_is_taken_away_cuts_its_connections(
    pair: Lab, way: Callable[[Lab], Callable[[], None]]
) -> None:
    take_away = way(pair)
    assert eventually(lambda: all(reaches(pair, ip(2), number) for number in (80, 90)))
    with talking(pair.host, GUESTS, ip(2), 80, 90) as (lost, kept):
        pings = Pinging(pair.host, "g1", ip(2), 4)
        take_away()
        assert eventually(lambda: lost.is_silent(0.5), 3)
        assert lost.is_silent() and kept.goes_on()
        assert pings.result() == (400, 0)
        assert connects(pair.host, "g1", ip(2), 90) and not connects(pair.host, "g1", ip(2), 80)


def reaches(lab: Lab, address: str, number: int) -> bool:
    with listening(lab.host, "g2", number):
        return connects(lab.host, "g1", address, number)


def test_connections_of_ipv6_are_cut(pair: Lab) -> None:
    rules = [*OUT, PING, tcp(90, ethertype=6)]
    pair.cloud.put(group("web", *rules, tcp(80, ethertype=6), tcp(80)))
    assert eventually(lambda: reaches(pair, six(2), 80) and reaches(pair, six(2), 90) and reaches(pair, ip(2), 80))
    with talking(pair.host, GUESTS, six(2), 80, 90) as (lost, kept):
        pair.cloud.put(group("web", *rules, tcp(80)))
        assert eventually(lambda: lost.is_silent(0.5), 3)
        assert lost.is_silent() and kept.goes_on()
        assert connects(pair.host, "g1", ip(2), 80), "of IPv4 it is permitted still"


def test_datagrams_and_echoes_are_cut_and_live_again_with_the_rule(pair: Lab) -> None:
    dns = allow(protocol=17, ports=(53, 53))
    pair.cloud.put(group("web", *OUT, PING, dns))
    assert eventually(lambda: pair.host.pings("g1", ip(2)))
    stream = Talking(pair.host, GUESTS, ip(2), 53, udp=True)
    try:
        assert stream.goes_on()
        pings = Pinging(pair.host, "g1", ip(2), 3)
        pair.cloud.put(group("web", *OUT))
        assert eventually(lambda: stream.is_silent(0.5), 3)
        assert stream.is_silent()
        sent, unanswered = pings.result()
        assert unanswered > sent / 4
        pair.cloud.put(group("web", *OUT, PING, dns))
        assert eventually(lambda: pair.host.pings("g1", ip(2)))
        assert stream.goes_on(), "its sender never ceased"
    finally:
        stream.close()


def test_echoes_of_ipv6_are_cut_and_open_vswitch_outlives_it(pair: Lab) -> None:
    """Guest 1 also pings from an address within a pair: when that goes, its entry is left to time out."""
    echo = allow(ethertype=6, protocol=58, ports=(128, 0))
    vswitchd = pair.host.run("cat", "/run/openvswitch/ovs-vswitchd.pid")
    pair.cloud.put(group("web", *OUT, echo))
    guest(pair, 1, "open", allowed_address_pairs=[AddressPair("2001:db8::7:0/112", mac(1))])
    pair.host.guest("g1", "ip", "addr", "add", f"{six(7)}:7/64", "dev", "eth0", "nodad", check=True)
    assert eventually(lambda: pair.host.pings("g1", six(2)), 10)
    assert f"orig=(src={six(7)}:7," in pair.host.run("ovs-appctl", "dpctl/dump-conntrack")
    guest(pair, 1, "open")
    assert eventually(lambda: not pair.host.pings("g1", six(2), wait=0.2), 10), "its source is within the pair"
    pair.host.guest("g1", "ip", "addr", "del", f"{six(7)}:7/64", "dev", "eth0", check=True)
    assert eventually(lambda: pair.host.pings("g1", six(2)), 10)
    pings = Pinging(pair.host, "g1", six(2), 3)
    pair.cloud.put(group("web", *OUT))
    sent, unanswered = pings.result()
    assert unanswered > sent / 4
    assert pair.host.run("cat", "/run/openvswitch/ovs-vswitchd.pid") == vswitchd


def test_port_security_switched_on_cuts_what_no_rule_permits(pair: Lab) -> None:
    guest(pair, 2, port_security=False)
    pair.cloud.put(group("web", *OUT, PING, tcp(90)))
    assert eventually(lambda: reaches(pair, ip(2), 80) and reaches(pair, ip(2), 90))
    with talking(pair.host, GUESTS, ip(2), 80, 90) as (lost, kept):
        guest(pair, 2, "web")
        assert eventually(lambda: lost.is_silent(0.5), 3)
        assert lost.is_silent() and kept.goes_on()


def test_an_address_pair_that_is_taken_away_ends_its_connections(pair: Lab) -> None:
    """Guest 1 talks from an address of a pair; the pair goes, its own address stays."""
    pair.cloud.put(group("web", *OUT, PING, tcp(80, cidr="10.0.7.0/24"), tcp(90)))
    guest(pair, 1, "open", allowed_address_pairs=[AddressPair("10.0.7.0/24", mac(1))])
    pair.host.guest("g1", "ip", "addr", "add", "10.0.7.7/16", "dev", "eth0", check=True)
    pair.host.guest("g1", "ip", "route", "replace", "10.0.0.0/16", "dev", "eth0", "src", "10.0.7.7", check=True)
    assert eventually(lambda: reaches(pair, ip(2), 80))
    with talking(pair.host, GUESTS, ip(2), 80) as (lost,):
        pair.host.guest("g1", "ip", "route", "replace", "10.0.0.0/16", "dev", "eth0", "src", ip(1), check=True)
        with talking(pair.host, GUESTS, ip(2), 90) as (kept,):
            guest(pair, 1, "open")
            assert eventually(lambda: lost.is_silent(0.5), 3)
            assert lost.is_silent() and kept.goes_on()
            assert "orig=(src=10.0.7.7," not in pair.host.run("ovs-appctl", "dpctl/dump-conntrack")


def test_what_was_taken_away_while_the_agent_was_down_is_cut_when_it_is_back(pair: Lab) -> None:
    take_away = by_rule(pair)
    assert eventually(lambda: reaches(pair, ip(2), 80))
    with talking(pair.host, GUESTS, ip(2), 80, 90) as (lost, kept):
        pair.agent.stop()
        take_away()
        assert lost.goes_on()
        pair.agent.start()
        assert eventually(lambda: lost.is_silent(0.5), 8)
        assert lost.is_silent() and kept.goes_on()


def test_nothing_else_is_touched(pair: Lab) -> None:
    """A rule of other ports is taken away: nobody's connections are cut, also not those of another network."""
    pair.cloud.put(network("net-b"), group("web", *OUT, PING, tcp(80), tcp(81)), group("other", *OUT, tcp(80)))
    for number, groups in ((3, ("open",)), (4, ("other",))):
        pair.cloud.port(port(number, groups, "net-b"))
        pair.plug(number)
    pair.wait_up(3, 4)
    assert eventually(lambda: reaches(pair, ip(2), 80))
    with talking(pair.host, GUESTS, ip(2), 80) as (mine,), talking(pair.host, ("g3", "g4"), ip(4), 80) as (other,):
        pings = Pinging(pair.host, "g1", ip(2), 3)
        pair.cloud.put(group("web", *OUT, PING, tcp(80)))
        assert pings.result() == (300, 0)
        assert mine.goes_on() and other.goes_on()
        pair.cloud.put(group("web", *OUT, PING))
        assert eventually(lambda: mine.is_silent(0.5), 3)
        assert other.goes_on() and mine.is_silent()


def test_another_datapath_beside_ours_hinders_nothing(pair: Lab) -> None:
    """As on a host where others have one: vswitchd must be told whose table is meant."""
    pair.host.run("ovs-appctl", "dpctl/add-dp", "netdev@other")
    try:
        take_away = by_rule(pair)
        assert eventually(lambda: reaches(pair, ip(2), 80))
        with talking(pair.host, GUESTS, ip(2), 80, 90) as (lost, kept):
            take_away()
            assert eventually(lambda: lost.is_silent(0.5), 3)
            assert lost.is_silent() and kept.goes_on()
        pair.cloud.remove_port(port_id(2))
        assert eventually(lambda: f"={ip(2)}," not in tables(pair), 5)
    finally:
        pair.host.run("ovs-appctl", "dpctl/del-dp", "netdev@other")


def tables(lab: Lab) -> str:
    return lab.host.run("ovs-appctl", "dpctl/dump-conntrack", f"{DATAPATH}@ovs-{DATAPATH}")
