"""Routers, floating IPs and DHCP on a host with Linux bridges, with packets."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes import l3
from tests.fakes.api import PASSWORD
from tests.real.bridgehost import BridgeLab, bridge_lab
from tests.real.test_guests import BY_HAND, FREE, OBJECTS, PORT
from tests.real.testhost import PATIENCE, wait_until
from tests.real.traffic import Pinging, eventually, lease

from heddle.view.types import AssignmentView, GroupView, RuleView

OPEN = GroupView(
    id="open", rules=[RuleView(id="in", direction="ingress", ethertype=4), RuleView(id="out", direction="egress",
                                                                                     ethertype=4)]
)  # fmt: skip
ROUTER = l3.uuid(0x100)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[BridgeLab]:
    """The external network is behind the card eth1, whose other end is outside."""
    settings = (
        "agent.roles=switch,router,dhcp,metadata", "agent.physical_interface_mappings=public:eth1",
        "agent.tunnel_ip=127.0.0.1",
        f"paths.run={tmp_path}/run", f"paths.state={tmp_path}/state",
    )  # fmt: skip
    with bridge_lab(tmp_path, *settings) as made:
        made.host.sh("""
            ip netns add outside; ip link add eth1 type veth peer name eth0 netns outside; ip link set eth1 up
            ip -n outside addr add 203.0.113.1/24 dev eth0; ip -n outside link set eth0 up; ip -n outside link set lo up
        """)
        made.cloud.put(
            OPEN, l3.network("public", mtu=1500, external=True),
            l3.subnet("public4", "public", "203.0.113.0/24", "203.0.113.1"),
        )  # fmt: skip
        yield made


def start_guest(lab: BridgeLab, number: int, *cidrs: str, gateway: str = "") -> str:
    name, device = f"n{number:x}", f"tap{l3.uuid(number)[:11]}"
    lab.host.add_guest(name, l3.mac(number), cidrs, gateway=gateway)
    lab.host.sh(f"ip link set p-{name} down; ip link set p-{name} name {device}; ip link set {device} up")
    return name


def routed(lab: BridgeLab) -> list[str]:
    """A router between two networks and the outside, with a guest on each network."""
    gateway = l3.gateway_port(0x101, ROUTER, {"public4": "203.0.113.10"})
    guests = []
    for number, name in ((0, "blue-a"), (1, "blue-b")):
        lab.cloud.put(
            l3.network(name, tunnel=100 + number),
            l3.subnet(f"{name}-4", name, f"10.0.{number}.0/24", f"10.0.{number}.1"),
        )
        lab.cloud.port(l3.interface_port(0x102 + number, ROUTER, name, {f"{name}-4": f"10.0.{number}.1"}))
        lab.cloud.port(l3.port(0x110 + number, name, {f"{name}-4": f"10.0.{number}.10"}, security_groups=["open"]))
        guests.append(
            start_guest(lab, 0x110 + number, f"10.0.{number}.10/24", gateway=f"10.0.{number}.1")
        )
    lab.cloud.port(gateway)
    lab.cloud.put(l3.router(ROUTER, gateway), AssignmentView(id=f"router/{ROUTER}", role="router", object_id=ROUTER))
    wait_until(lambda: lab.cloud.state_of("router", ROUTER) == "up", 10, f"the router is up: {lab.agent.log[-3000:]}")
    return guests


def test_between_networks_and_outward(lab: BridgeLab) -> None:
    one, other = routed(lab)
    assert eventually(lambda: lab.host.pings(one, "10.0.1.10"), 10), lab.agent.log[-3000:]
    assert lab.host.pings(one, "10.0.1.10", count=3) and lab.host.pings(other, "10.0.0.10", count=3)
    assert eventually(lambda: lab.host.pings(one, "203.0.113.1"), 5)
    assert not lab.host.pings("outside", "10.0.0.10", wait=0.5)


def test_metadata(lab: BridgeLab) -> None:
    """Behind a router, and by the link-local address on a network that has none."""
    guests = routed(lab)
    lab.cloud.put(
        l3.network("alone", tunnel=110), l3.subnet("alone4", "alone", "10.5.0.0/24"),
        AssignmentView(id="dhcp/alone", role="dhcp", object_id="alone"),
    )  # fmt: skip
    lab.cloud.port(l3.dhcp_port(0x120, "alone", {"alone4": "10.5.0.2"}))
    lab.cloud.port(l3.port(0x121, "alone", {"alone4": "10.5.0.10"}, port_security=False))
    lonely = start_guest(lab, 0x121, "10.5.0.10/24")

    def who(guest: str, base: str = "http://169.254.169.254", *options: str) -> str:
        path = "/latest/meta-data/instance-id"
        return lab.host.guest(guest, "curl", "-sgf", "-m", str(PATIENCE), *options, base + path)

    ipv6 = "http://[fe80::a9fe:a9fe%25eth0]"
    assert eventually(lambda: who(guests[0]) == l3.uuid(0x110), 10), lab.agent.log[-3000:]
    assert who(guests[1]) == l3.uuid(0x111)
    assert eventually(lambda: who(lonely, ipv6) == l3.uuid(0x121), 10), lab.agent.log[-3000:]
    lab.host.guest("outside", "ip", "route", "add", "169.254.169.254", "via", "203.0.113.10")
    assert lab.host.pings("outside", "203.0.113.10") and who("outside") == ""
    assert who("outside", "http://203.0.113.10:9697") == "" and who("outside", "http://203.0.113.10") == ""
    lab.host.guest(guests[0], "ip", "addr", "add", "10.0.0.99/24", "dev", "eth0")
    assert who(guests[0], "http://169.254.169.254", "--interface", "10.0.0.99") == ""
    lab.host.guest(lonely, "ip", "route", "add", "169.254.169.254", "via", "10.5.0.2")
    assert who(lonely) == l3.uuid(0x121)


def test_a_floating_ip(lab: BridgeLab) -> None:
    one, _ = routed(lab)
    guest = l3.port(0x110, "blue-a", {"blue-a-4": "10.0.0.10"})
    assert eventually(lambda: lab.host.pings(one, "203.0.113.1"), 10)
    assert not lab.host.pings("outside", "203.0.113.50", wait=0.5)
    lab.cloud.put(l3.floating_ip("f1", ROUTER, "203.0.113.50", "10.0.0.10", guest))
    assert eventually(lambda: lab.host.pings("outside", "203.0.113.50"), 5)


def test_a_restart_of_the_agent_loses_no_routed_ping(lab: BridgeLab) -> None:
    one, _ = routed(lab)
    assert eventually(lambda: lab.host.pings(one, "10.0.1.10"), 10)
    pinging = Pinging(lab.host, one, "10.0.1.10", 3)
    lab.agent.stop()
    before = len(lab.cloud.fetches)
    lab.agent.start()
    wait_until(lambda: len(lab.cloud.fetches) > before + 1, 10, "the agent has its view")
    assert pinging.result() == (300, 0)


def test_lab_guests(lab: BridgeLab, tmp_path: Path) -> None:
    """`heddle guest` on a host with bridges; the API behind it is a fake."""
    lab.cloud.put(
        l3.network("n1"), l3.subnet("s1", "n1", "10.0.0.0/24", "10.0.0.1"),
        AssignmentView(id="dhcp/n1", role="dhcp", object_id="n1"),
    )  # fmt: skip
    lab.cloud.port(l3.dhcp_port(2, "n1", {"s1": "10.0.0.2"}))
    for each in (FREE, BY_HAND):
        lab.cloud.port(each)
    file = tmp_path / "objects.json"
    file.write_text(json.dumps(OBJECTS), encoding="utf-8")
    lab.host.python(str(Path(__file__).parents[1] / "fakes" / "api.py"), str(PORT), str(file))
    wait_until(lambda: "LISTEN" in lab.host.run("ss", "-tln", f"sport = :{PORT}"), 10, "the API listens")

    def heddle(*words: str) -> str:
        auth = {"AUTH_URL": f"http://127.0.0.1:{PORT}/v3", "USERNAME": "admin", "PASSWORD": PASSWORD,
                "PROJECT_NAME": "admin"}  # fmt: skip
        environment = [f"OS_{name}={value}" for name, value in auth.items()]
        settings = ("--set", "agent.host=host1", "--set", "agent.data_plane=linuxbridge")
        command = [sys.executable, "-m", "heddle.cli.main", *settings, "guest", *words]
        return lab.host.run("env", "-u", "OS_CLOUD", *environment, *command)

    assert "10.0.0.10/24" in heddle("add", "web", "--port", "web")
    assert "10.0.0.11/24" in heddle("add", "hand", "--port", "hand", "--no-dhcp")
    assert "1 received" in heddle("exec", "hand", "--", "ping", "-c1", "-W2", "10.0.0.10")
    assert {(line.split()[0], line.split()[1]) for line in heddle("list").splitlines()} == {
        ("web", FREE.id), ("hand", BY_HAND.id)
    }
    heddle("delete", "web")
    assert {line.split()[0] for line in heddle("list").splitlines()} == {"hand"}
    assert f"tap{FREE.id[:11]}" not in lab.host.run("ip", "-o", "link")


def test_a_lease(lab: BridgeLab) -> None:
    lab.cloud.put(
        l3.network("served", tunnel=900, mtu=1400), l3.subnet("served4", "served", "10.5.0.0/24", "10.5.0.1"),
        AssignmentView(id="dhcp/served", role="dhcp", object_id="served"),
    )  # fmt: skip
    lab.cloud.port(l3.dhcp_port(0x900, "served", {"served4": "10.5.0.2"}))
    lab.cloud.port(l3.port(0x901, "served", {"served4": "10.5.0.10"}, security_groups=["open"]))
    guest = start_guest(lab, 0x901)
    for number in (0x900, 0x901):
        wait_until(
            lambda number=number: lab.cloud.state_of("port", l3.uuid(number)) == "up", 10, f"{number:x} is wired"
        )
    said = lease(lab.host, guest)
    assert "lease of 10.5.0.10 obtained" in said
    assert "mtu 1400" in lab.host.guest(guest, "ip", "link", "show", "eth0")
    assert "default via 10.5.0.1" in lab.host.guest(guest, "ip", "route")
