"""Profiles of a switch that follow single changes: nothing is forgotten, and nothing dearer in a large group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.objects import allow, default_group, group, ip, network, port, port_id
from tests.fakes.steps import steps_of
from tests.fakes.switch import FakeSwitch

from heddle.agent import permissions, security
from heddle.agent.owners import INT
from heddle.agent.roles import switch_connections
from heddle.agent.wiring import Wiring
from heddle.host.connection import CUT, Tracked
from heddle.host.openflow import FlowSet
from heddle.view.types import MemberView, Ref

GROUPS = ("one", "two", "campus")
RULES = (
    allow(), allow("egress", 6), allow(protocol=6, ports=(70, 90)), allow(cidr="10.0.0.1/32"), allow(cidr="nonsense"),
    *(allow(version, number, *service, remote=name) for name in GROUPS for version in ("ingress", "egress")
      for number in (4, 6) for service in ((-1, (-1, -1)), (6, (70, 90)))),
)  # fmt: skip
ADDRESSES = ("10.0.0.1/32", "10.0.1.0/24", "2001:db8::1/128", "nonsense")
PORTS = (1, 2, 3)


# Whatever happened

CHANGES = st.one_of(
    st.tuples(st.just("group"), st.sampled_from(GROUPS), st.sets(st.sampled_from(RULES), max_size=5), st.booleans()),
    st.tuples(st.just("no group"), st.sampled_from(GROUPS)),
    st.tuples(st.just("member"), st.sampled_from(GROUPS), st.sampled_from("ab"),
              st.lists(st.sampled_from(ADDRESSES), max_size=3)),
    st.tuples(st.just("no member"), st.sampled_from(GROUPS), st.sampled_from("ab")),
    st.tuples(st.just("port"), st.sampled_from(PORTS), st.sets(st.sampled_from(GROUPS), max_size=2), st.booleans()),
    st.tuples(st.just("no port"), st.sampled_from(PORTS)),
    st.tuples(st.just("plug"), st.sampled_from(PORTS)),
    st.tuples(st.just("unplug"), st.sampled_from(PORTS)),
    st.tuples(st.just("refuse"), st.sampled_from(("reg7", "tp_dst", "conj", "delete_strict"))),
    st.tuples(st.just("sync")),
    st.tuples(st.just("look at everything")),
)  # fmt: skip


def change(switch: FakeSwitch, kind: str, *what: Any) -> None:
    cloud = switch.cloud
    match kind:
        case "group":
            cloud.put(group(what[0], *sorted(what[1], key=lambda rule: str(rule.id)), stateful=what[2]))
        case "no group":
            cloud.remove(Ref("group", what[0]))
        case "member":
            cloud.put(MemberView(id=f"{what[0]}/{what[1]}", group_id=what[0], addresses=what[2]))
        case "no member":
            cloud.remove(Ref("member", f"{what[0]}/{what[1]}"))
        case "port":
            cloud.port(port(what[0], tuple(sorted(what[1])), port_security=what[2]))
        case "no port":
            cloud.remove_port(port_id(what[0]))
        case "plug":
            switch.plug(what[0])
        case "unplug":
            switch.unplug(what[0])
        case "refuse":
            switch.flows[INT].refuse = what[0]
        case "sync" | "look at everything":
            refused, switch.flows[INT].refuse = switch.sync(kind != "sync"), "never"
            switch.sync(also=[Ref(each.kind, each.id) for each in refused if each.state == "error"])


def check(switch: FakeSwitch) -> None:
    """What is planned, installed and on the bridge, and what is permitted, is what comes out when one begins anew."""
    wiring = switch.role._wiring
    fresh = Wiring("host1", switch.ovs.plugged)
    plan = fresh.plan(switch.mirror, None)
    assert of_profiles(wiring.installed.items()) == of_profiles(plan.flows.items())
    assert switch.flows[INT].differences(wiring.installed.of_bridge(INT)) == []
    profiles = {id: each.profile for id, each in wiring.ports.items()}
    assert profiles == {id: each.profile for id, each in fresh.ports.items()}
    assert wiring.profiles.permissions.keys() == fresh.profiles.permissions.keys()
    for number, now in wiring.profiles.permissions.items():
        afresh = fresh.profiles.permissions[number]
        assert not now.narrower_than(afresh) and not afresh.narrower_than(now)


def of_profiles(flows: Iterable[tuple[Any, FlowSet]]) -> dict[str, FlowSet]:
    return {owner.id: own for owner, own in flows if owner.kind == "profile" and own}


@settings(max_examples=150, deadline=None)
@given(st.lists(CHANGES, max_size=25))
def test_after_any_changes_the_flows_are_those_of_an_agent_that_knows_nothing_else(given_changes: list[Any]) -> None:
    switch = FakeSwitch()
    switch.flows[INT].refuse = "never"
    switch.cloud.put(network())
    change(switch, "plug", 1)
    change(switch, "port", 1, {"one"}, True)
    switch.sync()
    for each in (*given_changes, ("sync",)):
        change(switch, *each)
        if each[0] not in ("sync", "look at everything"):
            continue
        check(switch)


# What it costs


def crowd(members: int) -> FakeSwitch:
    """Three ports of a group whose rules name it, and more members elsewhere; another group names it as well."""
    switch = FakeSwitch()
    naming = group("web", allow(protocol=6, ports=(80, 80), remote="default"), allow("egress"))
    switch.cloud.put(network(), default_group(), naming)
    for number in (1, 2, 3):
        switch.cloud.port(port(number, ("web",) if number == 3 else ("default",)))
    switch.plug(1, 2, 3)
    switch.cloud.put(*(member(number) for number in range(members)))
    switch.sync()
    switch.sync()
    return switch


def member(number: int) -> MemberView:
    cidr = f"10.9.{number // 250}.{number % 250 + 1}/32"
    return MemberView(id=f"default/far{number}", group_id="default", addresses=[cidr])


def costs(members: int) -> dict[str, tuple[Counter[str], int]]:
    """What changes cost in a group: the agent's steps by function, and lines to the switch."""
    switch = crowd(members)
    eighty, tls = (allow(protocol=6, ports=(number, number), remote="default") for number in (80, 443))
    changes: dict[str, Callable[[], object]] = {
        "a member joins": lambda: switch.cloud.put(member(9999)),
        "a member leaves": lambda: switch.cloud.remove(Ref("member", member(5).id)),
        "a member moves": lambda: switch.cloud.put(MemberView(
            id=member(6).id, group_id="default", addresses=["10.8.0.1/32"])),
        "a rule more": lambda: switch.cloud.put(group("web", eighty, allow("egress"), tls)),
        "a rule fewer": lambda: switch.cloud.put(group("web", tls, allow("egress"))),
        "a rule of the crowd more": lambda: switch.cloud.put(
            group("default", *default_group().rules, allow(protocol=6, ports=(22, 22)))),
    }  # fmt: skip
    found = {}
    for name, make in changes.items():
        make()
        security.peer_match.cache_clear()
        permissions._network.cache_clear()
        sent: list[str] = []
        flows, apply = switch.flows[INT], switch.flows[INT].apply
        flows.apply = lambda lines: apply(sent.extend(lines) or sent)  # type: ignore[method-assign,func-returns-value] # noqa: B023
        steps = steps_of(switch.sync)
        flows.apply = apply  # type: ignore[method-assign]
        found[name] = steps, len(sent)
    return found


def test_a_change_in_a_group_of_two_thousand_costs_what_it_costs_in_one_of_twenty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(switch_connections, "AGAIN", 3600.0)
    few, many = costs(20), costs(2000)
    assert many == few
    assert {name: sent for name, (_, sent) in many.items()} == {
        "a member joins": 2, "a member leaves": 2, "a member moves": 4,
        "a rule more": 1, "a rule fewer": 1, "a rule of the crowd more": 1,
    }  # fmt: skip
    assert all(sum(steps.values()) > 100 for steps, _ in many.values()), "steps are counted"


def test_ports_are_not_looked_at_for_a_rule() -> None:
    """Unless their profile has another number: a group without state."""
    switch = crowd(20)
    rule = allow(protocol=6, ports=(443, 443))
    switch.cloud.put(group("web", allow("egress"), rule))
    assert not {Ref(each.kind, each.id) for each in switch.sync()} & {Ref("port", port_id(3))}
    switch.cloud.put(group("web", allow("egress"), rule, stateful=False))
    assert {Ref(each.kind, each.id) for each in switch.sync()} >= {Ref("port", port_id(3))}


# What is cut


def test_connections_are_cut_when_the_flows_that_permit_less_are_in() -> None:
    """A member leaves, and the switch refuses: its connection goes on until the flows are those of today."""
    switch = crowd(20)
    tag = switch.role._wiring.networks.tags["net-a"]
    far = member(5).addresses[0].partition("/")[0]
    other = member(6).addresses[0].partition("/")[0]
    switch.connections.table = [
        Tracked(tag, 6, peer, ip(3), 40000, 80, mark=2) for peer in (far, other)
    ]
    switch.flows[INT].refuse = f"nw_src={far}"
    switch.cloud.remove(Ref("member", member(5).id))
    refused = switch.sync()
    assert [each.mark for each in switch.connections.table] == [2, 2]
    switch.flows[INT].refuse = "never"
    switch.sync(also=[Ref(each.kind, each.id) for each in refused if each.state == "error"])
    assert [each.mark for each in switch.connections.table] == [CUT, 2]
    check(switch)
