"""What the agent relies on of Open vSwitch, on the fake and on the real one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fakes.ovs import FakeFlows, FakeMeters, fake_ovs
from tests.real.testhost import wait_until

from heddle.host.flow_meters import KBPS, LAST_METER, MOST, PACKETS, Meter, MeterError, Meters
from heddle.host.openflow import FlowBody, FlowKey, changes, cookie_of, repairs, stated
from heddle.host.ovs import Ovs, OvsConflict, OvsdbError, PortSpec, patch_pair
from heddle.host.run import CommandError

INSIDE = "HEDDLE_INSIDE_TEST_HOST" in os.environ
REAL = os.geteuid() == 0 and shutil.which("ovs-vswitchd") is not None
FLOWS = {
    FlowKey(0, 10, "in_port=1,vlan_tci=0x0000/0x1000"): FlowBody("set_field:7->reg6,resubmit(,20)", cookie_of("a")),
    FlowKey(10, 10, "arp,reg5=1,arp_spa=10.0.0.1"): FlowBody("resubmit(,20)", cookie_of("a")),
    FlowKey(33, 20, "tcp,tp_dst=0x50/0xfff0,reg7=5"): FlowBody("conjunction(3,1/2),conjunction(9,2/2)", cookie_of("b")),
}


class FakeWorld:
    def __init__(self) -> None:
        self.ovs, self.database = fake_ovs()
        self.flows = FakeFlows("br-int")
        self.meters = FakeMeters(None, "br-int")

    def device(self, name: str) -> None:
        self.database.devices.add(name)

    def remove_device(self, name: str) -> None:
        self.database.devices.discard(name)


class RealWorld:
    """Runs in a process inside a test host (see `test_real_open_vswitch`)."""

    def __init__(self) -> None:
        from heddle.host.openflow import Flows

        self.ovs = Ovs("unix:/run/openvswitch/db.sock")
        self.ovs.start()
        self.flows = Flows("br-int")
        self.meters = Meters(Path("/run/openvswitch"), "br-int")

    def device(self, name: str) -> None:
        subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}x"], check=True)


World = FakeWorld | RealWorld


@pytest.fixture
def world() -> Iterator[World]:
    made: World = RealWorld() if INSIDE else FakeWorld()
    batch = made.ovs.batch()
    batch.ensure_bridge("br-int", "bridge", "netdev")
    batch.commit(wait=True)
    yield made
    with contextlib.suppress(OvsdbError):
        batch = made.ovs.batch()
        batch.delete_bridge("br-int")
        batch.delete_bridge("br-tun")
        batch.commit(wait=True)
    made.flows.close()
    made.ovs.close()


def soon(condition: Callable[[], object]) -> None:
    wait_until(condition, 5, "Open vSwitch has it")


def test_a_bridge_bears_our_mark_and_settings(world: World) -> None:
    bridge = world.ovs.bridge("br-int")
    assert bridge is not None
    assert (bridge.kind, bridge.datapath_type, bridge.fail_mode) == ("bridge", "netdev", "secure")
    batch = world.ovs.batch()
    batch.ensure_bridge("br-int", "bridge", "netdev")
    assert not batch.pending, "what is right is left alone"
    world.ovs.check_ours(["br-int", "br-none"])


def test_a_plugged_port_gets_a_number_and_is_found_by_its_id(world: World) -> None:
    heard: list[tuple[str, int]] = []
    world.ovs.listen(lambda pairs: heard.extend((after.name, after.ofport) for _, after in pairs if after))
    world.device("c1")
    world.ovs.add_ports([PortSpec("br-int", "c1", external_ids={"iface-id": "port-1"})])
    soon(lambda: (found := world.ovs.plugged("port-1")) is not None and found.ofport > 0)
    found = world.ovs.plugged("port-1")
    assert found is not None and (found.name, found.bridge, found.tag, found.error) == ("c1", "br-int", 0, "")
    soon(lambda: ("c1", found.ofport) in heard)
    world.ovs.add_ports([PortSpec("br-int", "c1", external_ids={"iface-id": "port-1"})])
    world.ovs.delete_ports(["c1", "no-such-port"])
    soon(lambda: world.ovs.plugged("port-1") is None)


def test_a_port_without_a_device_has_an_error_and_hinders_no_other(world: World) -> None:
    world.device("c2")
    world.ovs.add_ports([PortSpec("br-int", "absent", external_ids={"iface-id": "x"}), PortSpec("br-int", "c2")])
    soon(lambda: (found := world.ovs.interface("c2")) is not None and found.ofport > 0)
    soon(lambda: (found := world.ovs.interface("absent")) is not None and "No such device" in found.error)
    found = world.ovs.plugged("x")
    assert found is not None and found.ofport == 0
    world.ovs.delete_ports(["absent", "c2"])


def test_tag_and_ids_of_a_port(world: World) -> None:
    world.device("c3")
    world.ovs.add_ports([PortSpec("br-int", "c3", port_external_ids={"heddle": "guest"})])
    batch = world.ovs.batch()
    batch.set_port("c3", 7, {"heddle-network": "net"})
    batch.commit()
    soon(lambda: (found := world.ovs.interface("c3")) is not None and found.tag == 7)
    found = world.ovs.interface("c3")
    assert found is not None and found.port_external_ids == {"heddle": "guest", "heddle-network": "net"}
    batch = world.ovs.batch()
    batch.set_port("c3", 7, {"heddle-network": "net"})
    assert not batch.pending
    batch.set_port("c3", 0, {})
    batch.commit()
    soon(lambda: (found := world.ovs.interface("c3")) is not None and found.tag == 0)
    world.ovs.delete_ports(["c3"])


def test_patch_ports_join_two_bridges(world: World) -> None:
    batch = world.ovs.batch()
    batch.ensure_bridge("br-tun", "bridge", "netdev")
    for spec in patch_pair(("br-int", "patch-tun"), ("br-tun", "patch-int")):
        batch.ensure_port(spec)
    batch.commit(wait=True)
    one, other = world.ovs.interface("patch-tun"), world.ovs.interface("patch-int")
    assert one is not None and other is not None and one.ofport and other.ofport
    assert (one.bridge, other.bridge, one.options["peer"]) == ("br-int", "br-tun", "patch-int")
    with pytest.raises(OvsConflict, match="br-int"):
        world.ovs.add_ports([PortSpec("br-tun", "patch-tun")])


def test_a_bundle_changes_and_adopts(world: World) -> None:
    world.flows.apply(changes({}, FLOWS))
    assert world.flows.differences(FLOWS) == []
    first, *others = FLOWS
    changed = {key: FLOWS[key] for key in others} | {first: FlowBody("drop", cookie_of("a"))}
    world.flows.apply(changes(FLOWS, changed))
    found = world.flows.differences(FLOWS)
    assert len(found) == 1 and found[0].cookie == cookie_of("a")
    assert "drop" in found[0].found and "resubmit" in found[0].expected
    world.flows.apply(changes(changed, {}))
    assert len(world.flows.differences(FLOWS)) == len(FLOWS)
    world.flows.apply(repairs(world.flows.differences(FLOWS)))
    assert world.flows.differences(FLOWS) == []
    surplus = FLOWS | {FlowKey(5, 1, "ip"): FlowBody("drop", 77)}
    world.flows.apply(changes(FLOWS, surplus))
    world.flows.apply(repairs(world.flows.differences(FLOWS)))
    assert world.flows.differences(FLOWS) == []


def test_flows_are_told_so_that_they_can_be_kept_and_deleted(world: World) -> None:
    world.flows.apply(repairs(world.flows.differences(FLOWS)))
    told = dict(stated(each.found) for each in world.flows.differences({}))
    assert len(told) == len(FLOWS) and world.flows.differences(told) == []
    world.flows.apply(changes(told, {}))
    assert world.flows.differences({}) == []


def test_a_refused_bundle_changes_nothing(world: World) -> None:
    world.flows.apply(changes({}, FLOWS))
    if isinstance(world.flows, FakeFlows):
        world.flows.refuse = "no_such_field"
    bad = {FlowKey(1, 1, "ip"): FlowBody("drop", 1), FlowKey(2, 1, "no_such_field=1"): FlowBody("drop", 1)}
    with pytest.raises(CommandError):
        world.flows.apply(changes({}, bad))
    assert world.flows.differences(FLOWS) == []


def test_meters_are_made_changed_and_gone(world: World) -> None:
    """Whether they were there or not; what is refused names its meter."""
    assert world.meters.read() == {}
    units = {0: PACKETS, 1: KBPS}
    several = {number: Meter(units[number % 2], 1000 * number, 7 * number) for number in range(1, 1500)}
    world.meters.put(several)
    world.meters.put({1: Meter(PACKETS, MOST, MOST), 5000: Meter(KBPS, 1, 1)})
    expected = several | {1: Meter(PACKETS, MOST, MOST), 5000: Meter(KBPS, 1, 1)}
    assert world.meters.read() == expected
    world.meters.delete([*range(2, 1500), 7777])
    assert world.meters.read() == {number: expected[number] for number in (1, 5000)}
    with pytest.raises(MeterError, match="the meter"):
        world.meters.put({LAST_METER + 1: Meter(KBPS, 1, 1)})
    world.meters.delete([1, 5000])
    assert world.meters.capacity() > 1500
    world.meters.put({})
    world.meters.delete([])
    assert world.meters.read() == {}


def test_the_fake_fails_on_command() -> None:
    fake = FakeWorld()
    fake.database.refuse = "disk full"
    with pytest.raises(OvsdbError, match="disk full"):
        fake.ovs.add_ports([PortSpec("br-int", "c9")])
    fake.ovs.add_ports([])


@pytest.mark.real
@pytest.mark.skipif(not REAL or INSIDE, reason="needs root and Open vSwitch, and is what runs the others inside")
def test_real_open_vswitch() -> None:
    """The tests of this file again, in a test host."""
    from tests.real.testhost import host

    root = Path(__file__).parent.parent.parent
    environment = {**os.environ, "HEDDLE_INSIDE_TEST_HOST": "1"}
    with host() as made:
        inside = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__]
        child = made.popen(
            *inside, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        output, _ = child.communicate(timeout=90)
    assert child.returncode == 0, output
