"""Flows that follow single changes: the same as if worked out from nothing, and no dearer in a large group."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.objects import allow, default_group, group, network, port, port_id
from tests.fakes.switch import FakeSwitch

from heddle.agent import rule_tables
from heddle.agent.rule_tables import ProfileRules
from heddle.host.openflow import FlowSet, cookie_of
from heddle.view.types import MemberView, Ref, RuleView

CIDRS = ("10.0.0.1/32", "10.0.0.2/32", "10.0.0.0/24", "0.0.0.0/0", "2001:db8::1/128", "2001:db8::/64", "nonsense")
GROUPS = ("one", "two", "three")
RULES = (
    allow(), allow(protocol=6, ports=(80, 80)), allow(protocol=6, ports=(70, 90)), allow("egress", cidr="10.0.0.0/24"),
    allow(cidr="10.0.0.1/32"), allow(protocol=33, ports=(1, 2)), allow(cidr="nonsense"),
    *(allow(way, version, *service, remote=name) for name in GROUPS for way in ("ingress", "egress")
      for version in (4, 6) for service in ((-1, (-1, -1)), (6, (80, 80)), (6, (70, 90)), (17, (53, 53)))),
)  # fmt: skip
Given = tuple[str, Any]


def made(rules: dict[str, RuleView], members: dict[tuple[str, str], list[str]]) -> ProfileRules:
    """From nothing."""
    found = ProfileRules(7, cookie_of("p"))
    found.set_rules(rules.values())
    for name in GROUPS:
        found.set_members(name, {id: each for (group, id), each in members.items() if group == name})
    return found


RULE_CHANGES = st.tuples(st.just("rules"), st.sets(st.sampled_from(RULES), max_size=8))
MEMBER_CHANGES = st.tuples(
    st.just("member"),
    st.tuples(st.sampled_from(GROUPS), st.sampled_from("abc"), st.lists(st.sampled_from(CIDRS), max_size=3)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(RULE_CHANGES | MEMBER_CHANGES, max_size=14))
def test_changes_lead_to_what_is_worked_out_from_nothing(given_changes: list[Given]) -> None:
    grown, flows = ProfileRules(7, cookie_of("p")), FlowSet()
    rules: dict[str, RuleView] = {}
    members: dict[tuple[str, str], list[str]] = {}
    for kind, what in given_changes:
        if kind == "rules":
            rules = {rule.id: rule for rule in what}
            grown.set_rules(what)
        else:
            name, id, addresses = what
            members[name, id] = addresses
            grown.set_member(name, id, addresses)
        for key, body in grown.changes().items():
            if body is None:
                flows.pop(key, None)
            else:
                flows[key] = body
        fresh = made(rules, members)
        assert flows == grown.flows() == fresh.flows()
        assert grown.problems == fresh.problems
        assert set(grown.named) == {rule.remote_group for rule in rules.values()} - {""}


def test_groups_whose_numbers_would_be_the_same_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_tables, "conjunction_number", lambda name, version, used: max(used) + 1)
    found = ProfileRules(7, cookie_of("p"))
    found.set_rules([allow(protocol=6, ports=(80, 80), remote="one"), allow(protocol=6, ports=(90, 90), remote="two")])
    for name in ("one", "two"):
        found.set_member(name, "a", ["10.0.0.1/32"])
    (both,) = [body.actions for key, body in found.flows().items() if "nw_src=10.0.0.1" in key.match]
    assert both == "conjunction(1,1/2),conjunction(2,1/2)"


def calls_of(work: Callable[[], object]) -> int:
    """How many functions of the agent are called, and loops of comprehensions begun."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call" and "/heddle/agent/" in frame.f_code.co_filename

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


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
    return MemberView(id=f"default/far{number}", group_id="default",
                      addresses=[f"10.9.{number // 250}.{number % 250 + 1}/32"])  # fmt: skip


def costs(members: int) -> dict[str, tuple[int, int]]:
    """What changes cost in a group: calls in the agent, and lines to the switch."""
    switch = crowd(members)
    changes: dict[str, Callable[[], object]] = {
        "a member joins": lambda: switch.cloud.put(member(9999)),
        "a member leaves": lambda: switch.cloud.remove(Ref("member", member(5).id)),
        "a rule more": lambda: switch.cloud.put(
            group("web", allow(protocol=6, ports=(80, 80), remote="default"), allow("egress"),
                  allow(protocol=6, ports=(443, 443), remote="default"))),
        "a rule fewer": lambda: switch.cloud.put(
            group("web", allow(protocol=6, ports=(443, 443), remote="default"), allow("egress"))),
    }  # fmt: skip
    found = {}
    for name, change in changes.items():
        change()
        before = set(switch.dump())
        calls = calls_of(switch.sync)
        found[name] = calls, len(before ^ set(switch.dump()))
    return found


def test_a_change_in_a_group_of_two_thousand_costs_what_it_costs_in_one_of_twenty() -> None:
    costs(20)  # what is remembered of addresses is remembered now
    few, many = costs(20), costs(2000)
    assert many == few
    assert {lines for _, lines in many.values()} == {1, 2}


def test_ports_are_not_looked_at_for_a_rule() -> None:
    """Unless their profile has another number: a group without state."""
    switch = crowd(20)
    rule = allow(protocol=6, ports=(443, 443))
    switch.cloud.put(group("web", allow("egress"), rule))
    assert not {Ref(each.kind, each.id) for each in switch.sync()} & {Ref("port", port_id(3))}
    switch.cloud.put(group("web", allow("egress"), rule, stateful=False))
    assert {Ref(each.kind, each.id) for each in switch.sync()} >= {Ref("port", port_id(3))}
