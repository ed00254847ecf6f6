"""The flows of rules and what they permit, change by change: the same as if worked out from nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.objects import allow

from heddle.agent import rule_tables
from heddle.agent.permissions import Permissions
from heddle.agent.rule_tables import ProfileRules
from heddle.host.openflow import FlowSet, cookie_of
from heddle.view.types import RuleView

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


def said(permissions: Permissions) -> tuple[Any, ...]:
    """What permissions consist of; a group without addresses is as none."""
    return set(permissions.rules), {name: peers.networks for name, peers in permissions.peers.items() if peers.networks}


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
        assert said(grown.permissions) == said(fresh.permissions)
        assert set(grown.named) == {rule.remote_group for rule in rules.values()} - {""}


def test_groups_whose_numbers_would_be_the_same_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_tables, "conjunction_number", lambda name, version, used: max(used) + 1)
    found = ProfileRules(7, cookie_of("p"))
    found.set_rules([allow(protocol=6, ports=(80, 80), remote="one"), allow(protocol=6, ports=(90, 90), remote="two")])
    for name in ("one", "two"):
        found.set_member(name, "a", ["10.0.0.1/32"])
    (both,) = [body.actions for key, body in found.flows().items() if "nw_src=10.0.0.1" in key.match]
    assert both == "conjunction(1,1/2),conjunction(2,1/2)"


def test_it_is_noticed_when_something_is_permitted_no_more() -> None:
    web, dns = allow(protocol=6, ports=(80, 80), remote="one"), allow(protocol=17, ports=(53, 53))
    found = ProfileRules(7, cookie_of("p"))

    def narrows() -> bool:
        was, found.narrowed = found.narrowed, False
        return was

    found.set_rules([web])
    found.set_rules([web, dns])
    found.set_member("one", "a", ["10.0.0.1/32", "nonsense"])
    found.set_member("one", "b", ["10.0.0.1/32"])
    found.set_member("one", "a", ["nonsense"])
    assert not narrows(), "another member has the address"
    found.set_member("one", "a", [])
    assert not narrows()
    found.set_member("one", "b", ["10.0.0.2/32"])
    assert narrows()
    found.set_rules([web])
    assert narrows() and not narrows()
