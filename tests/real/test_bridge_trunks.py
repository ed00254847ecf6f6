"""Trunks on a host with Linux bridges, with packets.

The guest is an Open vSwitch of its own: its card is a port of that, and what is "in" the guest are namespaces on access
ports.  The agent knows nothing of it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.objects import default_group, ip, mac, network, policy, port, port_id
from tests.real.bridgehost import BridgeHost, BridgeLab, device, start
from tests.real.rates import comes, pouring
from tests.real.testhost import DATAPATH, TestHost, wait_until
from tests.real.traffic import Pinging, arp, bare, catching, eventually, send, udp

from heddle.view.types import FixedIp, PortView, Ref, Segment

SWITCH = "vm"
NETWORKS = ("net-a", "net-b", "net-c")
CARD, FIRST, SECOND = 1, 2, 3
VLANS = {CARD: 0, FIRST: 101, SECOND: 102}
NONCE = "feedc0de" * 2


def six(number: int) -> str:
    return f"fd00::{number:x}"


class Host(BridgeHost):
    """A host whose agent has Linux bridges, with an Open vSwitch for the guest."""

    def __init__(self) -> None:
        TestHost.__init__(self, "host1")


class Trunk(BridgeLab):
    """The card has the port 1; the ports 2 and 3 are subports; 11, 12 and 13 are guests on the same networks."""

    def view(self, number: int, **more: object) -> PortView:
        net = NETWORKS[(number - 1) % 10]
        place = {"parent_port_id": port_id(CARD), "vlan": VLANS[number]} if number in (FIRST, SECOND) else {}
        addresses = [FixedIp(f"subnet-{net}", ip(number)), FixedIp(f"six-{net}", six(number))]
        return port(number, net=net, **{"fixed_ips": addresses, **place, **more})  # type: ignore[arg-type]

    def build(self) -> None:
        numbered = [network(name, Segment("vxlan", "", 70 + place)) for place, name in enumerate(NETWORKS)]
        self.cloud.put(*numbered, default_group())
        self.host.sh(f"ovs-vsctl add-br {SWITCH} -- set bridge {SWITCH} datapath_type={DATAPATH}")
        for number in VLANS:
            self.cloud.port(self.view(10 + number))
            self.plug(10 + number, f"{ip(10 + number)}/16", f"{six(10 + number)}/64")
            self.host.add_guest(f"in{number}", mac(number), [f"{ip(number)}/16", f"{six(number)}/64"])
            tag = [f"tag={VLANS[number]}"] if VLANS[number] else []
            self.host.run("ovs-vsctl", "add-port", SWITCH, f"p-in{number}", *tag)
        self.cloud.port(self.view(CARD))
        self.cloud.port(self.view(FIRST))

    def bring_card(self) -> None:
        self.host.sh(f"""
            ip link add {device(CARD)} mtu 1450 type veth peer name {SWITCH}0 mtu 1450
            ethtool -K {SWITCH}0 tx off >/dev/null; ip link set {SWITCH}0 up; ip link set {device(CARD)} up
            ovs-vsctl --may-exist add-port {SWITCH} {SWITCH}0
        """)

    def take_card(self) -> None:
        self.host.sh(f"ovs-vsctl del-port {SWITCH}0; ip link del {device(CARD)}")

    def reaches(self, number: int, target: int) -> bool:
        return self.host.pings(f"in{number}", ip(target)) and self.host.pings(f"in{number}", six(target))

    def state(self, number: int) -> str:
        return self.cloud.state_of("port", port_id(number))

    def message(self, number: int) -> str:
        return self.cloud.statuses[Ref("port", port_id(number))].message

    def programs(self) -> str:
        return self.host.sh(f"tc filter show dev {device(CARD)} ingress; tc filter show dev {device(FIRST)} egress")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trunk]:
    folder: Path = tmp_path_factory.mktemp("trunk")
    test_host = Host()
    try:
        made = start(test_host, folder, "agent.tunnel_ip=127.0.0.1", "agent.audit_seconds=0.5")
        trunk = Trunk(made.host, made.cloud, made.agent)
        try:
            trunk.build()
            yield trunk
        finally:
            made.agent.stop()
            made.cloud.stop_serving()
    finally:
        test_host.stop()


def test_each_vlan_is_a_network(lab: Trunk) -> None:
    wait_until(lambda: lab.state(FIRST) == "down", 10, "the subport waits for its card")
    assert device(CARD) in lab.message(FIRST)
    lab.bring_card()
    lab.wait_up(CARD, FIRST, 11, 12, 13)
    for number in (CARD, FIRST):
        assert eventually(lambda: lab.reaches(number, 10 + number))  # noqa: B023
        assert lab.host.pings(f"g{10 + number}", ip(number)) and lab.host.pings(f"g{10 + number}", six(number))
    assert lab.host.guest("in2", "ping", "-nqc", "2", "-i", "0.1", "-s", "1300", ip(12), check=True)
    for inside, others, control in ((CARD, (12, 13), 11), (FIRST, (11, 13), 12)):
        frames = [udp(mac(inside), mac(each), ip(inside), ip(each), NONCE) for each in (*others, control)]
        assert set(heard(lab, f"in{inside}", frames, NONCE)) == {f"g{control}"}, "others are on other networks"
    assert not lab.host.pings("in3", ip(13), wait=0.3), "no subport has its VLAN ID"


def heard(lab: Trunk, source: str, frames: list[str], nonce: str) -> dict[str, set[str]]:
    """What the plain guests hear of these frames; the last is sent as a sign that they were listening."""
    found: dict[str, list[str]] = {}

    def listened() -> bool:
        with catching(lab.host, ["g11", "g12", "g13"], nonce) as caught:
            send(lab.host, source, *frames)
        found.update(caught)
        return any(frames[-1] in each for each in caught.values())

    assert eventually(listened, 15), f"nobody heard {frames[-1]}: {found}"
    return {guest: set(each) for guest, each in found.items() if each}


def test_a_subport_may_send_only_from_its_addresses(lab: Trunk) -> None:
    honest = arp(mac(FIRST), ip(FIRST), ip(12))
    forged = [arp(mac(FIRST), "10.0.0.77", ip(12)), arp(mac(FIRST), ip(FIRST), ip(12), eth_src=mac(CARD))]
    assert heard(lab, "in2", [*forged, honest], bare(mac(FIRST))) == {"g12": {honest}}
    inner = udp(mac(FIRST), mac(12), ip(FIRST), ip(12), NONCE)
    assert heard(lab, "in2", [f"{inner[:24]}81000066{inner[24:]}", inner], NONCE) == {"g12": {inner}}


def test_the_rules_of_a_subport_are_its_own(lab: Trunk) -> None:
    lab.cloud.port(lab.view(FIRST, security_groups=[]))
    assert eventually(lambda: not lab.host.pings("g12", ip(FIRST), wait=0.3))
    assert lab.reaches(CARD, 11)
    lab.cloud.port(lab.view(FIRST))
    assert eventually(lambda: lab.reaches(FIRST, 12))


def test_a_subport_has_limits_of_its_own(lab: Trunk) -> None:
    lab.cloud.put(policy("slow", ("egress", "kbps", 2000, 600), ("ingress", "kbps", 2000, 600)))
    for limited, free in ((FIRST, CARD), (CARD, FIRST)):
        lab.cloud.port(lab.view(limited, qos_policy="slow"))
        for ends in (("in", "g"), ("g", "in")):
            (source, low), (other, high) = [
                (f"{ends[0]}{each if ends[0] == 'in' else each + 10}", ip(each + 10 if ends[0] == "in" else each))
                for each in (limited, free)
            ]
            with pouring(lab.host, source, low), pouring(lab.host, other, high):
                comes(lab.host, f"{ends[1]}{limited + 10 if ends[1] == 'g' else limited}", 1600, 2400)
                comes(lab.host, f"{ends[1]}{free + 10 if ends[1] == 'g' else free}", 8000, 60000)
        lab.cloud.port(lab.view(limited))


def test_subports_come_and_go_while_others_talk(lab: Trunk) -> None:
    pinging = Pinging(lab.host, "in2", ip(12), 3)
    lab.cloud.port(lab.view(SECOND))
    lab.wait_up(SECOND)
    assert eventually(lambda: lab.reaches(SECOND, 13))
    lab.cloud.remove_port(port_id(SECOND))
    assert eventually(lambda: not lab.host.pings("in3", ip(13), wait=0.3))
    assert eventually(lambda: device(SECOND) not in lab.host.run("ip", "link"))
    lab.cloud.port(lab.view(SECOND, vlan=103))
    lab.wait_up(SECOND)
    assert not lab.host.pings("in3", ip(13), wait=0.3), "its VLAN ID is another now"
    lab.host.run("ovs-vsctl", "set", "port", "p-in3", "tag=103")
    assert eventually(lambda: lab.reaches(SECOND, 13))
    assert pinging.result() == (300, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_of_the_agent_changes_nothing(lab: Trunk, number: int) -> None:
    before = lab.programs()
    assert before.count("handle 0x1 heddle") == 2
    pinging = Pinging(lab.host, "in2", ip(12), 2)
    lab.agent.stop(number)
    fetches = len(lab.cloud.fetches)
    lab.agent.start()
    wait_until(lambda: len(lab.cloud.fetches) > fetches + 1, 10, "the agent has its view")
    assert lab.programs() == before
    assert pinging.result() == (200, 0)


def test_what_is_changed_by_hand_is_put_right(lab: Trunk) -> None:
    """The audit sees it; a device that is deleted is made again at once."""
    for side, name in (("ingress", device(CARD)), ("egress", device(FIRST))):
        before = lab.agent.log.count("led otherwise")
        lab.host.run("tc", "filter", "del", "dev", name, side)
        assert eventually(lambda: lab.reaches(FIRST, 12), 5)
        assert lab.agent.log.count("led otherwise") == before + 1
    lab.host.run("ip", "link", "del", device(FIRST))
    assert eventually(lambda: lab.reaches(FIRST, 12), 5)


def test_the_card_goes_and_comes(lab: Trunk) -> None:
    lab.take_card()
    wait_until(lambda: (lab.state(CARD), lab.state(FIRST)) == ("down", "down"), 5, "both are down")
    assert eventually(lambda: device(FIRST) not in lab.host.run("ip", "link"))
    lab.bring_card()
    lab.wait_up(CARD, FIRST, SECOND)
    assert eventually(lambda: lab.reaches(FIRST, 12) and lab.reaches(CARD, 11))


def test_a_device_of_somebody_else_is_left_alone(lab: Trunk) -> None:
    lab.cloud.remove_port(port_id(SECOND))
    assert eventually(lambda: device(SECOND) not in lab.host.run("ip", "link"))
    lab.host.sh(f"ip link add {device(SECOND)} type veth peer name other; ip link set {device(SECOND)} up")
    lab.cloud.port(lab.view(SECOND))
    wait_until(lambda: lab.state(SECOND) == "error", 5, "it is told")
    assert "is not Heddle's" in lab.message(SECOND)
    assert " master " not in lab.host.run("ip", "link", "show", device(SECOND))
    assert lab.reaches(FIRST, 12)
    lab.host.run("ip", "link", "del", device(SECOND))
    lab.wait_up(SECOND)


def test_nothing_is_left_where_there_is_no_trunk(lab: Trunk) -> None:
    lab.cloud.remove_port(port_id(FIRST))
    lab.cloud.remove_port(port_id(SECOND))
    assert eventually(lambda: "heddle" not in lab.host.run("tc", "filter", "show", "dev", device(CARD), "ingress"))
    assert lab.reaches(CARD, 11)
