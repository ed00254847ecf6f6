"""Trunks, from the API to packets: a guest with several networks on one card, told apart by VLAN IDs.

The guest is a switch of its own on the host: its card is plugged as that of a virtual machine is, and what is "in" the
guest are namespaces on access ports of that switch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.client import ApiError
from bench.cloud import NAME, Cloud, running
from tests.real.rates import comes, pouring
from tests.real.testhost import plug_arguments, wait_until
from tests.real.traffic import Pinging, arp, catching, connects, eventually, listening, send, udp
from tests.scenarios.test_who_reaches_whom import Project, network
from tests.scenarios.test_who_reaches_whom import pytestmark as pytestmark

SWITCH = "vm"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running(Path("/var/tmp")) as made:
        yield made


class Trunked:
    """A project with three networks, a trunk on a port of the first, and a plain guest on each."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.project = cloud, Project(cloud, "blue")
        project = self.project
        self.networks = [network(project, f"10.{number}.0.0/24") for number in (20, 21, 22)]
        self.group = project.make("security-groups", name="open")["id"]
        project.rule(self.group, 80)
        project.make("security-group-rules", security_group_id=self.group, direction="ingress", protocol="icmp")
        self.ports = [project.make("ports", network_id=id, security_groups=[self.group]) for id in self.networks]
        self.guests = [project.guest(id, f"g{number}", self.group) for number, id in enumerate(self.networks)]
        sub_ports = [self.subport(1, 101)]
        self.trunk = project.make("trunks", port_id=self.ports[0]["id"], sub_ports=sub_ports)
        cloud.host.sh(f"ovs-vsctl add-br {SWITCH} -- set bridge {SWITCH} datapath_type=netdev")
        for number, vlan in ((0, 0), (1, 101), (2, 102)):
            self._inside(number, vlan)

    def subport(self, number: int, vlan: int) -> dict[str, Any]:
        return {"port_id": self.ports[number]["id"], "segmentation_type": "vlan", "segmentation_id": vlan}

    def address(self, number: int) -> str:
        return str(self.ports[number]["fixed_ips"][0]["ip_address"])

    def _inside(self, number: int, vlan: int) -> None:
        """The guest's end of a port, on an access port of its switch."""
        name, port = f"in{number}", self.ports[number]
        self.cloud.host.add_guest(name, port["mac_address"], [f"{self.address(number)}/24"], 1400)
        tag = [f"tag={vlan}"] if vlan else []
        self.cloud.host.run("ovs-vsctl", "add-port", SWITCH, f"p-{name}", *tag)

    def bind(self, host: str) -> None:
        self.cloud.api.call("PUT", f"/v2.0/ports/{self.ports[0]['id']}", {"port": {"binding:host_id": host}})

    def plug(self) -> None:
        """The card comes to the host, as a hypervisor brings it."""
        host, port = self.cloud.host, self.ports[0]
        host.sh(f"ip link add p-{SWITCH} mtu 1500 type veth peer name {SWITCH}0 mtu 1500; ip link set p-{SWITCH} up; "
                f"ethtool -K {SWITCH}0 tx off >/dev/null; ip link set {SWITCH}0 up")  # fmt: skip
        host.run("ovs-vsctl", "add-port", SWITCH, f"{SWITCH}0")
        host.run("ovs-vsctl", *plug_arguments(SWITCH, port["mac_address"], port["id"]))

    def unplug(self) -> None:
        self.cloud.host.sh(f"ovs-vsctl del-port p-{SWITCH} -- del-port {SWITCH}0; ip link del p-{SWITCH}")

    def status(self) -> str:
        return str(self.project.api.call("GET", f"/v2.0/trunks/{self.trunk['id']}")["trunk"]["status"])

    def becomes(self, status: str) -> None:
        wait_until(lambda: self.status() == status, 15, f"the trunk is {status}: {self.cloud.log_tail()}")

    def act(self, action: str, *sub_ports: dict[str, Any]) -> None:
        path = f"/v2.0/trunks/{self.trunk['id']}/{action}"
        self.project.api.call("PUT", path, {"sub_ports": list(sub_ports)})

    def reaches(self, number: int, target: int) -> bool:
        """Whether the guest's end of a port reaches the plain guest of a network."""
        return bool(self.cloud.host.pings(f"in{number}", self.guests[target]["address"]))


@pytest.fixture(scope="module")
def trunked(cloud: Cloud) -> Iterator[Trunked]:
    yield Trunked(cloud)


def test_a_trunk_is_active_when_all_its_ports_are(cloud: Cloud, trunked: Trunked) -> None:
    """The subport goes to the host of the card, and away with it."""
    assert trunked.status() == "DOWN"
    trunked.bind(NAME)
    found = cloud.api.call("GET", f"/v2.0/ports/{trunked.ports[1]['id']}")["port"]
    assert (found["binding:host_id"], found["binding:vif_type"], found["status"]) == (NAME, "ovs", "DOWN")
    assert trunked.status() == "DOWN" and not trunked.reaches(0, 0)
    trunked.plug()
    trunked.becomes("ACTIVE")
    assert trunked.project.port(trunked.ports[1]["id"])["status"] == "ACTIVE"
    with pytest.raises(ApiError, match="409"):
        trunked.project.api.call("DELETE", f"/v2.0/trunks/{trunked.trunk['id']}")


def test_each_vlan_is_a_network(trunked: Trunked) -> None:
    assert trunked.reaches(0, 0) and trunked.reaches(1, 1)
    host = trunked.cloud.host
    assert host.pings("g1", trunked.address(1)) and host.pings("g0", trunked.address(0))
    assert host.guest("in1", "ping", "-nqc", "3", "-i", "0.1", "-s", "1300", trunked.guests[1]["address"], check=True)
    for inside, other in (("in0", 1), ("in1", 0), ("in2", 2)):
        nonce, mac = "feedc0de" * 2, trunked.ports[int(inside[2])]["mac_address"]
        guests = [f"g{number}" for number in range(3)]
        with catching(host, guests, nonce) as caught:
            target = trunked.guests[other]
            send(
                host, inside, udp(mac, target["mac_address"], trunked.address(int(inside[2])), target["address"], nonce)
            )
        assert not any(caught.values()), f"{inside} reached {caught}: its VLAN is not of that network"


def test_a_subport_is_filtered_like_any_port(trunked: Trunked) -> None:
    """Rules, and the addresses that it may send from."""
    host, project = trunked.cloud.host, trunked.project
    with listening(host, "in1", 80), listening(host, "in1", 81):
        assert eventually(lambda: connects(host, "g1", trunked.address(1), 80))
        assert not connects(host, "g1", trunked.address(1), 81)
        rule = project.rule(trunked.group, 81)
        assert eventually(lambda: connects(host, "g1", trunked.address(1), 81))
        project.api.call("DELETE", f"/v2.0/security-group-rules/{rule}")
        assert eventually(lambda: not connects(host, "g1", trunked.address(1), 81))
    own, target = trunked.ports[1]["mac_address"], trunked.guests[1]["address"]
    honest, forged = arp(own, trunked.address(1), target), arp(own, "10.21.0.77", target)
    for frame, passes in ((honest, True), (forged, False)):
        with catching(host, ["g1"], frame[-40:]) as caught:
            send(host, "in1", frame)
        assert bool(caught["g1"]) is passes


def test_a_subport_has_limits_of_its_own(trunked: Trunked) -> None:
    """In both directions; what else goes through the card is not limited by them."""
    cloud, host, kbps = trunked.cloud, trunked.cloud.host, 2_000
    open_udp = {"security_group_id": trunked.group, "direction": "ingress", "protocol": "udp"}
    trunked.project.make("security-group-rules", **open_udp)
    made = cloud.api.call("POST", "/v2.0/qos/policies", {"policy": {"name": "slow", "shared": True}})["policy"]
    for direction in ("egress", "ingress"):
        rule = {"max_kbps": kbps, "max_burst_kbps": 600, "direction": direction}
        path = f"/v2.0/qos/policies/{made['id']}/bandwidth_limit_rules"
        cloud.api.call("POST", path, {"bandwidth_limit_rule": rule})
    for one in (1, 0):
        ports = [f"/v2.0/ports/{trunked.ports[number]['id']}" for number in (one, 1 - one)]
        cloud.api.call("PUT", ports[0], {"port": {"qos_policy_id": made["id"]}})
        pairs = [(f"in{number}", trunked.address(number), f"g{number}", trunked.guests[number]["address"])
                 for number in (one, 1 - one)]  # fmt: skip
        with pouring(host, pairs[0][0], pairs[0][3]), pouring(host, pairs[1][0], pairs[1][3]):
            comes(host, pairs[0][2], 0.8 * kbps, 1.2 * kbps)
            comes(host, pairs[1][2], 8_000, 60_000)
        with pouring(host, pairs[0][2], pairs[0][1]), pouring(host, pairs[1][2], pairs[1][1]):
            comes(host, pairs[0][0], 0.8 * kbps, 1.2 * kbps)
            comes(host, pairs[1][0], 8_000, 60_000)
        cloud.api.call("PUT", ports[0], {"port": {"qos_policy_id": None}})


def test_subports_come_and_go_while_others_talk(trunked: Trunked) -> None:
    host = trunked.cloud.host
    pinging = Pinging(host, "in1", trunked.guests[1]["address"], 4)
    assert not trunked.reaches(2, 2)
    trunked.act("add_subports", trunked.subport(2, 102))
    trunked.becomes("ACTIVE")
    assert eventually(lambda: trunked.reaches(2, 2))
    trunked.act("remove_subports", {"port_id": trunked.ports[2]["id"]})
    assert eventually(lambda: not trunked.reaches(2, 2))
    found = trunked.project.port(trunked.ports[2]["id"])
    assert (found["status"], found["device_owner"], found["device_id"]) == ("DOWN", "", "")
    trunked.act("add_subports", trunked.subport(2, 103))
    trunked.becomes("ACTIVE")
    assert not trunked.reaches(2, 2), "its VLAN ID is another now"
    host.run("ovs-vsctl", "set", "port", "p-in2", "tag=103")
    assert eventually(lambda: trunked.reaches(2, 2))
    assert pinging.result() == (400, 0)


def test_a_restart_of_the_agent_changes_nothing(trunked: Trunked) -> None:
    """The networks of subports keep their tags, though no card of theirs is there."""
    cloud, host = trunked.cloud, trunked.cloud.host
    before = sorted(host.run("ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "dump-flows", "br-int").splitlines())
    pinging = Pinging(host, "in2", trunked.guests[2]["address"], 4)
    cloud.command("stop")
    cloud.command("up", "--detach")
    wait_until(lambda: "changed=0 adopted" in cloud.log_tail(), 15, f"all was right: {cloud.log_tail()}")
    assert pinging.result() == (400, 0)
    after = sorted(host.run("ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "dump-flows", "br-int").splitlines())
    assert before == after


def test_the_card_goes_and_all_with_it(trunked: Trunked) -> None:
    trunked.unplug()
    trunked.becomes("DOWN")
    assert trunked.project.port(trunked.ports[1]["id"])["status"] == "DOWN"
    trunked.bind("")
    found = trunked.cloud.api.call("GET", f"/v2.0/ports/{trunked.ports[1]['id']}")["port"]
    assert (found["binding:host_id"], found["binding:vif_type"]) == ("", "unbound")
    trunked.project.api.call("DELETE", f"/v2.0/trunks/{trunked.trunk['id']}")
    assert trunked.project.port(trunked.ports[1]["id"])["device_owner"] == ""
