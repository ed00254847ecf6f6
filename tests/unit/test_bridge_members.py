"""The members of groups on Linux bridges, change by change: as if read from nothing, and no dearer in a crowd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.cloud import FakeCloud
from tests.fakes.objects import OUT, allow, default_group, group, network, port
from tests.fakes.steps import steps_of

from heddle.agent.bridge.filter import filter_table
from heddle.agent.bridge.members import Members
from heddle.agent.bridge.plan import Desired, Place, Planner
from heddle.agent.bridge.ports import device_names
from heddle.agent.bridge.rules import rules_table
from heddle.agent.mirror import Mirror
from heddle.agent.tunnel import Underlay
from heddle.host.nft import Table
from heddle.host.nft_delta import delta
from heddle.view.types import FetchRequest, HostView, MemberView, Ref, Segment

CIDRS = ("10.0.0.1/32", "10.0.0.1", "10.0.0.9/32", "10.0.0.0/24", "10.0.0.128/25", "10.0.1.0/24", "10.0.0.7/24",
         "2001:db8::1/128", "2001:db8::/64", "nonsense")  # fmt: skip
CHANGES = st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.sampled_from(CIDRS), max_size=3)), max_size=12)


@settings(max_examples=300, deadline=None)
@given(CHANGES)
def test_changes_lead_to_the_sets_that_are_made_from_nothing(changes: list[tuple[str, list[str]]]) -> None:
    grown, held = Members("g"), dict[str, list[str]]()
    for id, addresses in changes:
        grown.set_member(id, addresses)
        held[id] = addresses
        fresh = Members("g")
        for each, its in held.items():
            fresh.set_member(each, its)
        assert grown.sets() == fresh.sets()
        assert grown.problems == fresh.problems
        singles = {each.partition("/")[0] for its in held.values() for each in its
                   if each.startswith("10.") and each.partition("/")[2] in ("", "32")}  # fmt: skip
        assert set(grown.sets()[0].items) == singles


class Planned:
    """A host with one guest of a group, of whose members `far` are elsewhere; `follow` is what the role does."""

    def __init__(self, far: int) -> None:
        self.cloud, self._mirror, self.sent = FakeCloud(), Mirror(), ""
        self._planner = Planner(Place("host1", Underlay("192.0.2.1", "eth0", 1600)))
        self._devices = device_names(port(1).id)
        self._tables: tuple[Table, ...] = ()
        net = network("net-a", Segment("vxlan", "", 7))
        self.cloud.put(net, default_group(), HostView(id="host2", tunnel_ip="192.0.2.2"))
        self.cloud.port(port(1, ("default",)))
        elsewhere = [self.cloud.port_objects(port(100 + number), "host2") for number in range(far)]
        self.cloud.put(*(item for items in elsewhere for item in items))
        self.follow()
        self.follow()
        self._planner.note(None)
        self.follow()

    def follow(self) -> Desired:
        request = FetchRequest(host="host1", revision=self._mirror.revision, scopes=sorted(self._mirror.scopes))
        self._planner.note(self._mirror.apply(self.cloud.fetch(request)))
        desired = self._planner.plan(self._mirror, self._devices)
        networks = list(desired.networks.values())
        rules = rules_table(list(desired.profiles.values()), desired.members, networks).table
        tables = filter_table(list(desired.ports.values()), networks), rules
        if self._tables:
            self.sent = "".join(delta(old, new) for old, new in zip(self._tables, tables, strict=True))
        self._tables = tables
        return desired


def costs(far: int) -> dict[str, tuple[Counter[str], str]]:
    """What changes cost: the agent's steps by function, and what nft is told."""
    planned = Planned(far)
    mine = default_group().rules
    changes: dict[str, Callable[[], object]] = {
        "a member joins": lambda: planned.cloud.put(
            MemberView(id="default/x", group_id="default", addresses=["10.77.0.1/32"])),
        "a member moves": lambda: planned.cloud.put(
            MemberView(id="default/x", group_id="default", addresses=["10.77.0.2/32"])),
        "a member leaves": lambda: planned.cloud.remove(Ref("member", "default/x")),
        "a rule more": lambda: planned.cloud.put(group("default", *mine, allow(protocol=6, ports=(22, 22)))),
        "a rule fewer": lambda: planned.cloud.put(group("default", *mine)),
    }  # fmt: skip
    found = {}
    for name, make in changes.items():
        make()
        found[name] = steps_of(planned.follow), planned.sent
    return found


def test_a_change_in_a_group_of_two_thousand_costs_what_it_costs_in_one_of_twenty() -> None:
    few, many = costs(20), costs(2000)
    assert many == few
    sent = {name: text for name, (_, text) in many.items()}
    assert sent["a member joins"].count("\n") == 1 and "add element" in sent["a member joins"]
    assert sent["a member moves"].count("\n") == 2
    assert sent["a member leaves"].count("\n") == 1 and "10.77.0.2" in sent["a member leaves"]
    assert "tcp" in sent["a rule more"] and "element" not in sent["a rule more"]
    assert all(sum(steps.values()) > 100 for steps, _ in many.values()), "steps are counted"


def test_groups_that_no_rule_names_any_more_are_read_anew_when_one_does() -> None:
    planned = Planned(3)
    planned.cloud.put(group("default", *OUT))
    assert planned.follow().members == {}
    planned.cloud.put(MemberView(id="default/x", group_id="default", addresses=["10.77.0.1/32"]))
    planned.follow()
    planned.cloud.put(default_group())
    assert "10.77.0.1" in planned.follow().members["default"].sets()[0].items
