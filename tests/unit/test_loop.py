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
from heddle.view.types import AssignmentView, NetworkView, Ref, RoleState, Segment, Status

NETWORK = Ref("network", "n1")


@dataclass
class FakeRole:
    """Says `problem` of the network, "" when it is well."""

    name: str
    problem: str = ""
    asked: list[frozenset[Ref] | None] = field(default_factory=list)
    broken: bool = False

    def prepare(self, host: Host) -> None: ...

    def close(self) -> None: ...

    def audit(self, mirror: Mirror) -> list[Drift]:
        return []

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
