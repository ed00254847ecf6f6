"""The agent's loop with roles that do as they are told: what it reports, and what it tries again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.cloud import FakeCloud

from heddle.agent.events import Events
from heddle.agent.loop import Loop
from heddle.agent.mirror import Mirror
from heddle.agent.roles.base import Drift, Host
from heddle.config import Agent, Settings
from heddle.errors import HeddleError
from heddle.view.types import AssignmentView, AuditView, NetworkView, Ref, RoleState, Segment, Status

NETWORK = Ref("network", "n1")


@dataclass
class FakeRole:
    """Says `problem` of the network, "" when it is well."""

    name: str
    problem: str = ""
    asked: list[frozenset[Ref] | None] = field(default_factory=list)
    broken: bool = False
    drifts: list[Drift] = field(default_factory=list)
    looked: list[bool] = field(default_factory=list)

    def prepare(self, host: Host) -> None: ...

    def close(self) -> None: ...

    def audit(self, mirror: Mirror, repair: bool = True) -> list[Drift]:
        self.looked.append(repair)
        return self.drifts

    def state(self, mirror: Mirror) -> RoleState:
        return RoleState(role=self.name)

    def reconcile(self, mirror: Mirror, changed: frozenset[Ref] | None) -> list[Status]:
        self.asked.append(changed)
        if self.broken:
            raise HeddleError("the switch is away")
        state = "error" if self.problem else "up"
        return [Status(kind="network", id="n1", revision=1, state=state, message=self.problem)]


def test_an_object_is_well_when_all_its_roles_say_so(tmp_path: Path) -> None:
    cloud = FakeCloud()
    network = NetworkView(id="n1", mtu=1450, segments=[Segment("vxlan", "", 7)])
    cloud.put(network, AssignmentView(id="dhcp/n1", role="dhcp", object_id="n1"))
    switch, dhcp = FakeRole("switch", "no bridge for it"), FakeRole("dhcp")
    events = Events()
    loop = Loop(Settings(agent=Agent(host="host1")), cloud, [switch, dhcp], "netdev", events)

    def look() -> None:
        events.touch([NETWORK])
        loop.cycle()

    cloud.start("host1", lambda wake: None)
    loop.cycle()
    look()
    assert cloud.statuses[NETWORK].message == "no bridge for it"
    switch.problem, dhcp.problem = "", "no server"
    look()
    assert cloud.statuses[NETWORK].message == "no server"
    dhcp.problem = ""
    look()
    assert cloud.statuses[NETWORK].state == "up"
    assert len(switch.asked) == len(dhcp.asked) >= 4


def test_a_host_says_soon_that_news_are_applied_and_not_before(tmp_path: Path) -> None:
    cloud, role = FakeCloud(), FakeRole("switch")
    cloud.put(NetworkView(id="n1", mtu=1450, segments=[Segment("vxlan", "", 7)]),
              AssignmentView(id="dhcp/n1", role="dhcp", object_id="n1"))  # fmt: skip
    events = Events()
    loop = Loop(Settings(agent=Agent(host="host1")), cloud, [role], "netdev", events)
    cloud.start("host1", events.wake)

    def change(mtu: int) -> int:
        """The revision that the host says it has, after a change; or 0 where it says nothing."""
        before = len(cloud.reports)
        cloud.put(NetworkView(id="n1", mtu=mtu, segments=[Segment("vxlan", "", 7)]))
        loop.cycle()
        return cloud.reports[-1].revision if len(cloud.reports) > before else 0

    for _ in range(3):
        events.touch([NETWORK])
        loop.cycle()
    assert change(1400) == cloud.revision, "though no status is another"
    applied = cloud.revision
    role.broken = True
    assert change(1401) in (0, applied)
    events.touch([NETWORK])
    loop.cycle()
    assert cloud.reports[-1].revision == applied
    role.broken = False
    events.touch([Ref("bridge", "br-int")])
    loop.cycle()
    assert cloud.reports[-1].revision == cloud.revision > applied
    count = len(cloud.reports)
    events.touch([NETWORK])
    loop.cycle()
    assert len(cloud.reports) == count, "nothing new is no report"


def test_an_audit_is_answered_once_and_only_looks(tmp_path: Path) -> None:
    cloud, role, other = FakeCloud(), FakeRole("router"), FakeRole("switch")
    cloud.put(NetworkView(id="n1", mtu=1450, segments=[Segment("vxlan", "", 7)]))
    events = Events()
    loop = Loop(Settings(agent=Agent(host="host1", audit_seconds=3600)), cloud, [role, other], "netdev", events)
    cloud.start("host1", events.wake)
    loop.cycle()
    role.drifts = [Drift("router", f"r{number}", "a route", "missing") for number in range(300)]
    cloud.put(AuditView(id="a1"), AuditView(id="a2"))
    loop.cycle()
    assert (role.looked, other.looked) == ([False], [False])
    one, two = cloud.reports[-1].audits
    assert {one.id, two.id} == {"a1", "a2"} and one.total == 300 and len(one.deviations) == 200
    assert one.problem == "" and one.deviations[0].role == "router" and cloud.reports[-1].drift == 0
    events.touch([NETWORK])
    loop.cycle()
    assert role.looked == [False]
    other.broken = True
    cloud.put(AuditView(id="a3", repair=True), NetworkView(id="n1", mtu=1400, segments=[Segment("vxlan", "", 7)]),
              AssignmentView(id="dhcp/n1", role="dhcp", object_id="n1"))  # fmt: skip
    loop.cycle()
    assert role.looked == [False, True] and cloud.reports[-1].drift == 300
    (answer,) = cloud.reports[-1].audits
    assert answer.id == "a3" and answer.problem.startswith("switch: it cannot work at the moment")
    cloud.down = True
    cloud.put(AuditView(id="a4"))
    cloud.down = False
    cloud.put(AuditView(id="a5"))
    loop.cycle()
    assert [answer.id for answer in cloud.reports[-1].audits] == ["a4", "a5"]
