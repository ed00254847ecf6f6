"""The DHCP role on a fake host: when dnsmasq is signalled, when it is started anew, and when it is left alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.fakes import l3
from tests.fakes.cloud import FakeCloud
from tests.fakes.kernel import FakeKernel

from heddle.agent.mirror import Mirror
from heddle.agent.roles.base import Host
from heddle.agent.roles.dhcp import DhcpRole
from heddle.config import Settings
from heddle.host.dnsmasq import Lease, release6_packet, release_packet
from heddle.view.types import AssignmentView, FetchRequest, Ref, Status


class World:
    def __init__(self) -> None:
        self.cloud, self.kernel = FakeCloud("host1"), FakeKernel()
        self.restart()

    def restart(self) -> None:
        self.mirror = Mirror()
        self.role = DhcpRole(self.kernel.spaces, self.kernel.server)  # type: ignore[arg-type]
        ovs: Any = self.kernel.ovs
        self.role.prepare(Host(Settings(), ovs, "netdev"))

    def network(self, number: int) -> str:
        name = f"n{number}"
        self.cloud.put(
            l3.network(name), l3.subnet(f"s{number}", name, "10.0.0.0/24", "10.0.0.1"),
            AssignmentView(id=f"dhcp/{name}", role="dhcp", object_id=name),
        )  # fmt: skip
        self.cloud.port(l3.dhcp_port(number, name, {f"s{number}": "10.0.0.2"}))
        return name

    def guest(self, number: int, network: int) -> None:
        self.cloud.port(l3.port(number, f"n{network}", {f"s{network}": f"10.0.0.{number}"}), host="elsewhere")

    def step(self, everything: bool = False) -> dict[Ref, Status]:
        self.kernel.touched.clear()
        changed: set[Ref] = set()
        for _ in range(2):
            request = FetchRequest(host="host1", revision=self.mirror.revision, scopes=sorted(self.mirror.scopes))
            changed |= self.mirror.apply(self.cloud.fetch(request))
        statuses = self.role.reconcile(self.mirror, None if everything else frozenset(changed))
        return {Ref(each.kind, each.id): each for each in statuses}


@pytest.fixture
def world() -> World:
    return World()


def test_a_network_is_served(world: World) -> None:
    network = world.network(2)
    assert world.step()[Ref("network", network)].state == "up"
    assert world.kernel.touched == [("namespace", "qdhcp-n2"), ("layout", "qdhcp-n2"), ("started", "n2")]
    assert world.kernel.ovs.ports["tap00000002-00"].external_ids["iface-id"] == l3.uuid(2)


def test_ports_that_come_together_are_one_signal(world: World) -> None:
    world.network(2)
    world.network(3)
    world.step()
    for number in range(10, 60):
        world.guest(number, 2)
    world.step()
    assert world.kernel.touched == [("reloaded", "n2")]
    assert len(world.kernel.servers["n2"].hosts) == 50


def test_another_subnet_is_another_configuration(world: World) -> None:
    world.network(2)
    world.step()
    world.cloud.put(l3.subnet("s2", "n2", "10.0.0.0/24", "10.0.0.1", dns_nameservers=["9.9.9.9"]))
    world.step()
    assert world.kernel.touched == [("reloaded", "n2")]
    world.cloud.put(l3.subnet("s2", "n2", "10.0.0.0/24", "10.0.0.1", enable_dhcp=False))
    world.step()
    assert world.kernel.touched == [("restarted", "n2")]


def test_leases_of_deleted_ports_are_released(world: World) -> None:
    world.network(2)
    world.guest(10, 2)
    world.guest(11, 2)
    world.step()
    kept = Lease(l3.mac(10), "10.0.0.10", "*")
    world.kernel.leases["n2"] = [kept, Lease(l3.mac(11), "10.0.0.11", "01:02")]
    world.cloud.remove_port(l3.uuid(11))
    world.step()
    assert [each.address for each in world.kernel.released] == ["10.0.0.11"]
    assert world.kernel.leases["n2"] == [kept]


def test_a_restart_adopts_the_server(world: World) -> None:
    world.network(2)
    world.step()
    world.restart()
    world.step(everything=True)
    assert world.kernel.touched == []


def test_a_network_that_is_down_is_not_served(world: World) -> None:
    world.network(2)
    world.step()
    up = l3.network("n2")
    world.cloud.put(msgspec.structs.replace(up, admin_state_up=False))
    world.step()
    assert "n2" not in world.kernel.servers and "tap00000002-00" not in world.kernel.ovs.ports
    world.cloud.put(up)
    world.step()
    assert "n2" in world.kernel.servers


def test_without_its_port_a_network_is_not_served(world: World) -> None:
    world.network(2)
    world.step()
    world.cloud.remove_port(l3.uuid(2))
    world.step()
    assert world.kernel.servers == {} and world.kernel.held == {} and world.kernel.ovs.ports == {}


def test_a_network_that_leaves_the_host(world: World) -> None:
    world.network(2)
    world.step()
    world.cloud.remove(Ref("assignment", "dhcp/n2"))
    world.restart()
    world.step(everything=True)
    assert world.kernel.servers == {} and world.kernel.held == {} and world.kernel.ovs.ports == {}


def test_a_network_that_fails_leaves_the_others(world: World) -> None:
    world.network(2)
    world.network(3)
    world.kernel.fail["qdhcp-n2"] = OSError(5, "no")
    statuses = world.step()
    assert statuses[Ref("network", "n2")].state == "error"
    assert statuses[Ref("network", "n3")].state == "up"


def test_a_killed_server_is_drift(world: World) -> None:
    world.network(2)
    world.step()
    del world.kernel.servers["n2"]
    (drift,) = world.role.audit(world.mirror)
    assert (drift.kind, drift.id) == ("network", "n2")
    assert world.role.audit(world.mirror) == []


def test_a_killed_server_that_a_change_comes_upon_is_drift(world: World) -> None:
    world.network(2)
    world.network(3)
    world.step()
    del world.kernel.servers["n2"]
    del world.kernel.held["qdhcp-n3"]
    world.guest(10, 2)
    world.guest(11, 3)
    world.step()
    assert {"n2", "n3"} <= world.kernel.servers.keys()
    assert world.role.audit(world.mirror, repair=False) == []
    told = [(each.id, each.expected) for each in world.role.audit(world.mirror)]
    assert told == [("n2", "qdhcp-n2: dnsmasq in qdhcp-n2"), ("n3", "namespace qdhcp-n3")]
    assert world.role.audit(world.mirror) == []


def test_leases_of_ipv6_are_released_when_their_address_has_another_holder_or_none(world: World) -> None:
    world.network(2)
    world.cloud.put(l3.subnet("s6", "n2", "fd00::/64", "fd00::1", ipv6_address_mode="dhcpv6-stateful"))
    world.cloud.port(l3.dhcp_port(2, "n2", {"s2": "10.0.0.2", "s6": "fd00::2"}))
    for number in (10, 11, 12):
        world.cloud.port(l3.port(number, "n2", {"s6": f"fd00::{number}"}))
    world.step()
    leases = [Lease("", f"fd00::{number}", f"00:04:{number}", number) for number in (10, 11, 12)]
    world.kernel.leases["n2"] = list(leases)
    world.cloud.remove_port(l3.uuid(11))
    world.cloud.remove_port(l3.uuid(12))
    world.cloud.port(l3.port(13, "n2", {"s6": "fd00::12"}))
    world.step()
    assert world.kernel.released == leases[1:]
    world.cloud.port(l3.port(14, "n2", {"s6": "fd00::14"}))
    world.step()
    assert world.kernel.leases["n2"] == leases[:1]


def test_the_packet_that_releases_a_lease_of_ipv6() -> None:
    packet = release6_packet(Lease("", "fd00::9", "00:04:0a", 7), "00:01:0b")
    assert packet[0] == 8 and packet[4:18] == bytes.fromhex("0001000300040a" "0002000300010b")
    assert packet[18:] == bytes.fromhex(
        "00030028" "00000007" + 16 * "0" + "00050018" "fd000000000000000000000000000009" + 16 * "0"
    )


def test_the_packet_that_releases_a_lease() -> None:
    packet = release_packet(Lease("fa:16:3e:00:00:09", "10.0.0.9", "01:fa:16"), "10.0.0.2")
    assert packet[:4] == b"\x01\x01\x06\x00"
    assert packet[12:16] == bytes([10, 0, 0, 9])
    assert packet[28:34] == bytes.fromhex("fa163e000009")
    assert packet[236:] == bytes.fromhex("63825363" "350107" "36040a000002" "3d0301fa16" "ff")
