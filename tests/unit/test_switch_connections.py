"""When the switch role cuts connections, which zones it reads for that, and how many connections a network may have."""

from __future__ import annotations

import time

import pytest
from tests.fakes.objects import OUT, allow, group, ip, network, port, port_id
from tests.fakes.ovs import FakeConnections
from tests.fakes.switch import FakeSwitch

from heddle.agent.local_ips import ZONES
from heddle.agent.roles import switch_connections
from heddle.agent.roles.switch_connections import CONNECTIONS
from heddle.agent.roles.switch_limits import limit_of
from heddle.host.connection import CUT, Tracked
from heddle.view.types import LocalIpView, MemberView, Ref

SSH, HTTP = allow(protocol=6, ports=(22, 22)), allow(protocol=6, ports=(80, 80))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look is due at once; tests ask for it themselves."""
    monkeypatch.setattr(switch_connections, "AGAIN", 0.0)


def make(*settings: str) -> FakeSwitch:
    """Guests 1 (open) and 2 ("web") on net-a, 3 ("web") and 4 (open) on net-b."""
    switch = FakeSwitch(*settings)
    switch.cloud.put(network(), network("net-b"), group("open", *OUT, allow()), group("web", *OUT, SSH, HTTP))
    for number, name in ((1, "open"), (2, "web"), (3, "web"), (4, "open")):
        switch.cloud.port(port(number, (name,), "net-a" if number < 3 else "net-b"))
    switch.plug(1, 2, 3, 4)
    switch.sync()
    again(switch)
    switch.connections.dumps = 0
    return switch


def zone(switch: FakeSwitch, net: str = "net-a") -> int:
    return switch.role._wiring.networks.tags[net]


def again(switch: FakeSwitch) -> None:
    """The looks that follow the first one, until none is due."""
    for _ in range(3):
        time.sleep(0.001)
        switch.sync(also=[CONNECTIONS])


def connection(switch: FakeSwitch, target_port: int, numbers: tuple[int, int] = (1, 2), net: str = "net-a") -> Tracked:
    made = Tracked(zone(switch, net), 6, ip(numbers[0]), ip(numbers[1]), 40000 + target_port, target_port, mark=3)
    switch.connections.table.append(made)
    return made


def cut_ports(switch: FakeSwitch) -> list[int]:
    return sorted(each.target_port for each in switch.connections.table if each.mark & CUT)


def test_a_rule_that_goes_cuts_what_it_alone_permitted() -> None:
    switch = make()
    for number in (22, 80):
        connection(switch, number)
    switch.cloud.put(group("web", *OUT, HTTP))
    switch.sync()
    assert cut_ports(switch) == [22]


def test_a_rule_that_comes_reads_nothing() -> None:
    switch = make()
    connection(switch, 443)
    switch.cloud.put(group("web", *OUT, SSH, HTTP, allow(protocol=17)))
    switch.sync()
    again(switch)
    assert not switch.connections.dumps and not cut_ports(switch)


def test_a_rule_that_is_replaced_by_a_narrower_one_cuts_the_difference() -> None:
    switch = make()
    switch.cloud.put(group("web", *OUT, allow(protocol=6, ports=(1, 1000))))
    switch.sync()
    again(switch)
    for number in (22, 80, 443):
        connection(switch, number)
    switch.cloud.put(group("web", *OUT, allow(protocol=6, ports=(80, 100))))
    switch.sync()
    assert cut_ports(switch) == [22, 443]


def test_only_the_zones_of_ports_that_are_concerned_are_read() -> None:
    switch = make()
    switch.cloud.put(group("more", allow(protocol=6, ports=(25, 25))))
    switch.cloud.port(port(2, ("web", "more")))
    switch.sync()
    again(switch)
    switch.connections.dumps = 0
    mine, other = connection(switch, 25), connection(switch, 25, (4, 3), "net-b")
    switch.cloud.port(port(2, ("web",)))
    switch.sync()
    assert switch.connections.dumps == 1
    assert mine not in switch.connections.table and other in switch.connections.table


def test_a_rule_of_a_group_of_many_ports_is_one_look_for_each_zone() -> None:
    switch = make()
    for number in range(10, 60):
        switch.cloud.port(port(number, ("web",)))
        switch.plug(number)
    switch.sync()
    again(switch)
    switch.connections.dumps = 0
    switch.cloud.put(group("web", *OUT, HTTP))
    switch.sync()
    assert switch.connections.dumps == 2, "net-a and net-b"
    again(switch)
    assert switch.connections.dumps == 4, "and once more, when the caches of vswitchd have followed"
    again(switch)
    assert switch.connections.dumps == 4


def test_a_member_that_leaves_cuts_its_connections_and_no_others() -> None:
    switch = make()
    switch.cloud.put(group("web", *OUT, allow(protocol=6, remote="friends")), group("friends"), *(
        MemberView(id=f"friends/{number}", group_id="friends", addresses=[f"{ip(number)}/32"])
        for number in range(1, 1000)
    ))
    switch.sync()
    again(switch)
    switch.connections.dumps = 0
    gone, kept = connection(switch, 22), connection(switch, 80, (7, 2))
    switch.cloud.remove(Ref("member", "friends/1"))
    switch.sync()
    assert gone not in switch.connections.table and kept in switch.connections.table
    assert cut_ports(switch) == [22]


def test_a_member_that_comes_reads_nothing() -> None:
    switch = make()
    switch.cloud.put(group("web", *OUT, allow(protocol=6, remote="friends")))
    switch.sync()
    again(switch)
    switch.connections.dumps = 0
    switch.cloud.put(MemberView(id="friends/1", group_id="friends", addresses=[f"{ip(1)}/32"]))
    switch.sync()
    again(switch)
    assert not switch.connections.dumps


def test_groups_without_state_have_nothing_to_cut() -> None:
    switch = make()
    switch.cloud.put(group("web", *OUT, SSH, HTTP, stateful=False))
    switch.sync()
    again(switch)
    switch.connections.dumps = 0
    connection(switch, 22)
    switch.cloud.put(group("web", *OUT, HTTP, stateful=False))
    switch.sync()
    again(switch)
    assert not switch.connections.dumps and not cut_ports(switch)


def test_what_fails_is_tried_again() -> None:
    switch = make()
    connection(switch, 22)
    switch.connections.refuse = True
    switch.cloud.put(group("web", *OUT, HTTP))
    switch.sync()
    assert switch.state_of(2) == "up" and not cut_ports(switch)
    switch.connections.refuse = False
    again(switch)
    assert cut_ports(switch) == [22]


def test_what_cannot_be_forgotten_does_not_keep_others_from_being_cut() -> None:
    switch = make()
    connection(switch, 22)
    switch.connections.remember = True
    switch.cloud.remove_port(port_id(4))
    switch.cloud.put(group("web", *OUT, HTTP))
    switch.sync()
    assert cut_ports(switch) == [22] and not switch.connections.forgotten
    switch.connections.remember = False
    again(switch)
    assert switch.connections.forgotten == [(zone(switch, "net-b"), ip(4))]


def test_a_flow_that_was_refused_cuts_nothing_yet() -> None:
    """The rule is still in the flows: what it permits goes on until it is out."""
    switch = make()
    connection(switch, 22)
    switch.flows["br-int"].refuse = "tp_dst=22,"
    switch.cloud.put(group("web", *OUT, HTTP))
    switch.sync()
    again(switch)
    assert switch.fault("group", "web") and not cut_ports(switch)
    switch.cloud.put(group("open", *OUT, HTTP))
    connection(switch, 25, (2, 1))
    switch.sync()
    assert cut_ports(switch) == [25], "the rules of others are not held up"
    switch.flows["br-int"].refuse = "\0"
    switch.sync(also=[Ref("group", "web")])
    assert cut_ports(switch) == [22, 25]


def test_a_port_whose_flows_were_refused_is_asked_when_they_are_in() -> None:
    """Until then its former groups let connections in, of which nobody would ask later."""
    switch = make()
    switch.cloud.put(group("closed", *OUT, HTTP))
    switch.cloud.port(port(2, ("closed",), "net-a"))
    switch.flows["br-int"].refuse = f"in_port={switch.ovs.interface('p-g2').ofport}"  # type: ignore[union-attr]
    switch.sync()
    again(switch)
    assert switch.state_of(2) == "error"
    connection(switch, 22)
    connection(switch, 80)
    switch.flows["br-int"].refuse = "\0"
    switch.sync(also=[Ref("port", port_id(2))])
    again(switch)
    assert switch.state_of(2) == "up" and cut_ports(switch) == [22]


# How many there may be

LIMIT = "agent.connections_per_network=100"


def test_each_network_has_its_own_limit_as_long_as_it_is_here() -> None:
    switch = make(LIMIT)
    both = {zone(switch): 100, zone(switch, "net-b"): 100}
    assert switch.connections.zones == both
    for number in (3, 4):
        switch.cloud.remove_port(port_id(number))
    switch.sync()
    assert switch.connections.zones == {zone(switch): 100}


def test_limits_of_others_are_left_alone() -> None:
    switch = make(LIMIT)
    switch.connections.zones[999] = 5
    assert not switch.role.audit(switch.mirror)
    assert switch.connections.zones[999] == 5


def test_an_audit_tells_of_a_limit_and_puts_it_right_if_it_shall() -> None:
    switch = make(LIMIT)
    del switch.connections.zones[zone(switch)]
    (drift,) = switch.role.audit(switch.mirror, repair=False)
    assert (drift.kind, drift.id, drift.expected, drift.found) == ("network", "net-a", "100 connections", "no limit")
    assert zone(switch) not in switch.connections.zones, "it only looked"
    assert switch.role.audit(switch.mirror, repair=True) == [drift]
    assert switch.connections.zones[zone(switch)] == 100
    assert not switch.role.audit(switch.mirror)


def test_limits_that_were_refused_are_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    switch = make(LIMIT)
    switch.connections.refuse = True
    switch.cloud.put(network("net-c"))
    switch.cloud.port(port(5, ("open",), "net-c"))
    switch.plug(5)
    switch.sync()
    for _ in range(3):
        assert not switch.role.audit(switch.mirror)
    assert caplog.text.count("connections are not limited") == 1
    assert switch.state_of(5) == "up" and zone(switch, "net-c") not in switch.connections.zones
    switch.connections.refuse = False
    assert not switch.role.audit(switch.mirror, repair=False)
    assert zone(switch, "net-c") not in switch.connections.zones, "it only looked"
    switch.role.audit(switch.mirror)
    assert switch.connections.zones[zone(switch, "net-c")] == 100


def test_no_limit_takes_away_what_an_earlier_agent_set() -> None:
    switch = make(LIMIT)
    before = switch.connections.zones
    switch.configure("agent.connections_per_network=0")
    switch.start()
    switch.connections.zones = before
    switch.sync()
    assert not switch.connections.zones


@pytest.mark.parametrize(("wanted", "room", "limit"), [
    (65_536, 3_000_000, 65_536), (65_536, 65_536, 16_384), (1000, 65_536, 1000), (0, 65_536, 0), (65_536, 0, 65_536),
])  # fmt: skip
def test_no_network_gets_more_than_its_share_of_the_table(
    wanted: int, room: int, limit: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert limit_of(wanted, room) == limit
    assert ("nf_conntrack_max" in caplog.text) == (limit != wanted)


def test_a_small_table_of_the_kernel_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeConnections, "kernel_room", 8000)
    for datapath, limit in (("system", 2000), ("netdev", 65_536)):
        switch = FakeSwitch(datapath=datapath)
        switch.cloud.put(network(), group("open", *OUT))
        switch.cloud.port(port(1, ("open",)))
        switch.plug(1)
        switch.sync()
        assert set(switch.connections.zones.values()) == {limit}


def test_translations_have_a_zone_of_their_own() -> None:
    """It is limited like the network's; what leads elsewhere, or nowhere, is forgotten there."""
    switch = make(LIMIT)
    tags = set(switch.connections.zones)
    leads = [
        LocalIpView(id=id, network_id="net-a", port_id=port_id(number), local_ip="10.0.9.9", fixed_ip=ip(number))
        for id, number in (("a", 1), ("b", 2))
    ]
    switch.cloud.put(leads[1])
    switch.sync()
    kept, table = Tracked(ZONES + zone(switch), 6, ip(3), "10.0.9.9", 1, 80, translated=ip(2)), switch.connections.table
    table += [kept, kept._replace(translated=ip(1)), kept._replace(zone=zone(switch), translated=ip(1))]
    switch.start()
    switch.connections.table = table
    switch.sync()
    assert switch.connections.table == [kept, kept._replace(zone=zone(switch), translated=ip(1))]
    (own,) = set(switch.connections.zones) - tags
    assert own == ZONES + zone(switch)
    switch.connections.forgotten.clear()
    switch.cloud.put(leads[0])
    switch.sync()
    assert switch.connections.forgotten == [(own, "10.0.9.9")]
    switch.cloud.remove(Ref("local_ip", "a"), Ref("local_ip", "b"))
    switch.sync()
    assert switch.connections.forgotten == [(own, "10.0.9.9")] * 2
    assert set(switch.connections.zones) == tags
