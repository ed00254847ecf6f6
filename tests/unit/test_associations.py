"""Associations of SCTP that the switch learned: what a dump of them says, what is done about them, and their cost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.objects import OUT, allow, group, network, port, port_id
from tests.fakes.switch import FakeSwitch

from heddle.agent.association_flows import MOST
from heddle.host.associations import (
    INITIATOR,
    RESPONDER,
    SCTP,
    TABLE,
    among,
    cookie_of,
    cutting,
    forgetting,
    parse_associations,
)
from heddle.host.connection import CUT, Tracked
from heddle.host.openflow import HA_PREFIX

PORTS = st.integers(1, 0xFFFF)


@st.composite
def associations(draw: st.DrawFn) -> Tracked:
    version = draw(st.sampled_from([4, 6]))
    ends = [str(draw(st.ip_addresses(v=version))) for _ in range(2)]  # type: ignore[arg-type]
    side = draw(st.sampled_from([INITIATOR, RESPONDER]))
    number = draw(st.integers(1, 0x0FFFFFFF))
    return Tracked(
        draw(st.integers(1, 4095)), SCTP, *ends, draw(PORTS), draw(PORTS), mark=side, number=number, side=side)


def told(each: Tracked, answers: bool, state: int = 2) -> str:
    """The line of a dump, as Open vSwitch writes it."""
    ends = [(each.source, each.source_port), (each.target, each.target_port)]
    (source, source_port), (target, target_port) = ends[::-1] if answers else ends
    kind, field = ("sctp6", "ipv6") if ":" in each.source else ("sctp", "nw")
    return (
        f" cookie=0x{cookie_of(each.zone, each.side, answers):x}, table={TABLE}, idle_timeout=210, priority=10,{kind},"
        f"reg5=0x{each.number:x},reg6=0x{each.zone:x},{field}_src={source},{field}_dst={target},tp_src={source_port},"
        f"tp_dst={target_port} actions=set_field:0x{state:x}->reg14\n"
    )


@given(associations())
def test_both_flows_of_an_association_say_the_same(each: Tracked) -> None:
    assert list(parse_associations(told(each, False) + told(each, True))) == [each, each]
    assert list(parse_associations(told(each, True, 3))) == [each._replace(mark=CUT)]


@given(associations())
def test_what_goes_on_and_what_answers_are_forgotten_and_of_one_that_is_cut_the_answers_stay(each: Tracked) -> None:
    """The flows that are named are those that a dump tells of."""
    lines = forgetting(each)
    assert [line.partition(" delete_strict ")[2] for line in lines] == [match(each, False), match(each, True)]
    gone, stays = cutting(each)
    assert gone == lines[0]
    assert stays.startswith("flow add ") and match(each, True) in stays and stays.endswith("actions=set_field:3->reg14")


def match(each: Tracked, answers: bool) -> str:
    rest = told(each, answers).partition("priority=")[2]
    return f"table={TABLE},priority={rest.partition(' ')[0]}"


def test_those_of_a_zone_or_of_an_address_in_it() -> None:
    one, other = (Tracked(zone, SCTP, "10.0.0.1", "10.0.0.2", 1, 2, number=1, side=1) for zone in (1, 2))
    assert among([one, other], [(1, "")]) == [one] == among([one, other], [(1, "10.0.0.2"), (2, "10.0.0.3")])
    assert among([one, other], [(1, "10.0.0.1"), (2, "")]) == [one, other]


def test_the_agent_takes_them_for_no_difference() -> None:
    made = {cookie_of(tag, side, answers) for tag in (1, 4094) for side in (1, 2) for answers in (False, True)}
    assert {cookie >> 48 for cookie in made} == {HA_PREFIX} and len(made) == 8


def flows_of(datapath: str, ports: int, *rules: object) -> list[str]:
    switch = FakeSwitch(datapath=datapath)
    switch.cloud.put(network(), group("web", *OUT, *rules))  # type: ignore[arg-type]
    for number in range(1, ports + 1):
        switch.cloud.port(port(number, ("web",)))
    switch.plug(*range(1, ports + 1))
    switch.sync()
    return [line for line in switch.dump() if "reg14" in line]


@pytest.mark.parametrize("ports", [1, 20])
def test_they_cost_no_port_and_no_rule_a_flow_and_the_kernels_datapath_none(ports: int) -> None:
    rules = [allow(protocol=SCTP, ports=(number, number)) for number in range(1, 9)]
    assert flows_of("netdev", ports, *rules) == flows_of("netdev", ports) == flows_of("netdev", 1) != []
    assert not flows_of("system", ports, *rules)


def learning(switch: FakeSwitch) -> dict[int, set[tuple[int, int]]]:
    """By the tag of a network what learns there: the cookie and the limit of each kind of learned flow."""
    found: dict[int, set[tuple[int, int]]] = {}
    for line in switch.dump():
        for limit, cookie in re.findall(r"learn\([^)]*?limit=(\d+),cookie=0x([0-9a-f]+)", line):
            (tag,) = re.findall(r"\breg6=(\d+)", line)
            found.setdefault(int(tag), set()).add((int(cookie, 16), int(limit)))
    return found


def wanted(limit: int, *tags: int) -> dict[int, set[tuple[int, int]]]:
    kinds = [(side, answers) for side in (INITIATOR, RESPONDER) for answers in (False, True)]
    return {tag: {(cookie_of(tag, *kind), limit) for kind in kinds} for tag in tags}


def test_each_network_has_a_share_while_it_has_a_guest_with_rules() -> None:
    switch = FakeSwitch("agent.connections_per_network=100")
    switch.cloud.put(network(), network("net-b"), network("net-c"), group("web", *OUT))
    switch.cloud.port(port(1, ("web",)))
    switch.cloud.port(port(2, ("web",), "net-b"))
    switch.cloud.port(port(3, (), "net-c", port_security=False))
    switch.plug(1, 2, 3)
    switch.sync()
    tags = switch.role._wiring.networks.tags
    assert learning(switch) == wanted(100, tags["net-a"], tags["net-b"])
    before = len(switch.dump())
    switch.cloud.remove_port(port_id(2))
    switch.sync()
    assert learning(switch) == wanted(100, tags["net-a"]) and len(switch.dump()) < before


@pytest.mark.parametrize(("setting", "limit"), [(7, 7), (0, 0), (65_536, MOST)])
def test_the_setting_of_the_next_agent_counts(setting: int, limit: int) -> None:
    switch = FakeSwitch("agent.connections_per_network=100")
    switch.cloud.put(network(), group("web", *OUT))
    switch.cloud.port(port(1, ("web",)))
    switch.plug(1)
    switch.sync()
    switch.configure(f"agent.connections_per_network={setting}")
    switch.start()
    switch.sync()
    assert learning(switch) == wanted(limit, *switch.role._wiring.networks.tags.values())
