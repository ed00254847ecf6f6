"""Networks of several segments, from the API to packets: who shares one meets, and what leads on is outside.

Two hosts, each on a physical network of its own, and a site with what is not Heddle's: a switch of each physical
network, machines there, and what joins them.  The first host's physical network has VLANs.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from bench.cloud import NAME, Cloud
from tests.real.testhost import TestHost, host, join, wait_until
from tests.real.traffic import arp, catching, lease, send
from tests.scenarios.test_who_reaches_whom import pytestmark as pytestmark

HOSTS = (NAME, "host2")
SWITCHES = ("br-one", "br-two")
FLAT = {"provider:network_type": "flat", "provider:physical_network": "physnet2"}
Place = tuple[str, int]  # a switch, and a VLAN in it or 0


def vlan(number: int) -> dict[str, Any]:
    return {"provider:network_type": "vlan", "provider:physical_network": "physnet1",
            "provider:segmentation_id": number}  # fmt: skip


class Guest:
    def __init__(self, where: TestHost, name: str, port: dict[str, Any]) -> None:
        self.host, self.name, self.port = where, name, port

    @property
    def ip(self) -> str:
        return str(self.port["fixed_ips"][0]["ip_address"])

    def pings(self, address: str) -> bool:
        return self.host.pings(self.name, address, wait=0.5)

    def route(self, *words: str) -> str:
        return self.host.run("ip", "-n", self.name, "route", *words)


class Sites:
    """The cloud, its two hosts, and the site."""

    def __init__(self, cloud: Cloud, hosts: tuple[TestHost, TestHost], site: TestHost) -> None:
        self.cloud, self.hosts, self.site = cloud, hosts, site
        self.group = self.make("security-groups", name="open")["id"]
        self.make("security-group-rules", security_group_id=self.group, direction="ingress")

    def make(self, path: str, **body: Any) -> dict[str, Any]:
        member = path[:-1].replace("-", "_")
        made: dict[str, Any] = self.cloud.api.call("POST", f"/v2.0/{path}", {member: body})[member]
        return made

    def guest(self, network: dict[str, Any], place: int, name: str, deferred: bool = False) -> Guest:
        """A guest of a host, whose card has no address yet.  With `deferred` its port is made before it has a host."""
        there = {"binding:host_id": HOSTS[place]}
        port = self.make("ports", network_id=network["id"], security_groups=[self.group], **({} if deferred else there))
        if deferred:
            assert (port["ip_allocation"], port["fixed_ips"]) == ("deferred", [])
            port = self.cloud.api.call("PUT", f"/v2.0/ports/{port['id']}", {"port": there})["port"]
        self.hosts[place].plug(name, port["mac_address"], [], port["id"], mtu=network["mtu"])
        path = f"/v2.0/ports/{port['id']}"
        wait_until(lambda: self.cloud.api.call("GET", path)["port"]["status"] == "ACTIVE", 20, f"{name} is ACTIVE")
        return Guest(self.hosts[place], name, port)

    def addressed(self, network: dict[str, Any], place: int, name: str) -> Guest:
        """A guest with its address set by hand."""
        made = self.guest(network, place, name)
        made.host.run("ip", "-n", name, "addr", "add", f"{made.ip}/24", "dev", "eth0")
        return made

    def machine(self, name: str, place: Place, cidr: str) -> None:
        self.site.add_guest(name, f"fa:16:3e:ee:00:{place[1] % 256:02x}", [cidr], mtu=1500)
        self._plug(place, f"p-{name}")

    def router(self, name: str, **links: tuple[Place, str]) -> None:
        """A namespace that forwards between places, with an address in each."""
        self.site.sh(f"ip netns add {name}; ip netns exec {name} sysctl -qw net.ipv4.ip_forward=1")
        for device, (place, cidr) in links.items():
            self.site.sh(f"""
                ip link add {name}-{device} type veth peer name {device} netns {name}
                ip netns exec {name} ethtool -K {device} tx off >/dev/null
                ip link set {name}-{device} up; ip -n {name} link set {device} up
                ip -n {name} addr add {cidr} dev {device}
            """)
            self._plug(place, f"{name}-{device}")

    def join(self, one: Place, other: Place) -> None:
        """Make one broadcast domain of two."""
        self.site.sh("ip link add j-one type veth peer name j-two; ip link set j-one up; ip link set j-two up")
        self._plug(one, "j-one")
        self._plug(other, "j-two")

    def _plug(self, place: Place, device: str) -> None:
        tag = [f"tag={place[1]}"] if place[1] else []
        self.site.run("ovs-vsctl", "add-port", place[0], device, *tag)


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="heddle-segments-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        first, second, site = (stack.enter_context(host(name)) for name in (*HOSTS, "site"))
        for number, (each, bridge) in enumerate(zip((first, second), SWITCHES, strict=True), 1):
            join(site, each, f"eth{number}", bridge, net=number)
            each.run("ovs-vsctl", "br-set-external-id", bridge, "heddle", "bridge")
        cloud = Cloud(first, folder, ("agent.bridge_mappings=physnet1:br-one", "agent.tunnel_ip=172.31.1.2"))
        cloud.start()
        stack.callback(cloud.stop)
        _start_second(stack, second, folder)
        wait_until(lambda: both(cloud), 30, "both hosts report", step=0.1)
        yield Sites(cloud, (first, second), site)


def _start_second(stack: ExitStack, host: TestHost, folder: Path) -> None:
    """The agent of the second host, which reaches the server by a link in its own run folder."""
    own = folder / "second"
    words = [f"paths.{each}={own}/{each}" for each in ("state", "run", "log")]
    words += ["agent.host=host2", "agent.bridge_mappings=physnet2:br-two", "agent.tunnel_ip=172.31.2.2"]
    settings = [word for each in words for word in ("--set", each)]
    log = folder / "second.log"
    output = stack.enter_context(log.open("wb"))
    agent = host.popen(sys.executable, "-m", "heddle.cli.main", *settings, "agent", stdout=output, stderr=output)
    made = own / "run" / ".heddle"
    wait_until(lambda: made.exists() or agent.poll() is not None, 20, "the second host's agent makes its folders")
    assert agent.poll() is None, log.read_text()
    (own / "run" / "bus.sock").symlink_to(folder / "run" / "bus.sock")


def both(cloud: Cloud) -> bool:
    agents = cloud.api.call("GET", "/v2.0/agents")["agents"]
    return {agent["host"] for agent in agents if agent["alive"]} == set(HOSTS)


def meet(*pairs: tuple[Guest, str]) -> None:
    for guest, address in pairs:
        wait_until(lambda: guest.pings(address), 20, f"{guest.name} reaches {address}")  # noqa: B023


def do_not_meet(*pairs: tuple[Guest, str]) -> None:
    for guest, address in pairs:
        assert not guest.pings(address), f"{guest.name} reaches {address}"


def heard_by(sites: Sites, sender: Guest, target: str, *guests: Guest) -> list[str]:
    """Which of the guests hear a broadcast."""
    nonce = "0badcafe"
    with ExitStack() as stack:
        caught = [stack.enter_context(catching(each.host, [each.name], nonce)) for each in guests]
        send(sender.host, sender.name, arp(sender.port["mac_address"], sender.ip, target) + nonce)
    return [name for each in caught for name, frames in each.items() if frames]


def test_segments_are_one_network_where_the_site_joins_them(sites: Sites) -> None:
    """A VLAN of one physical network, and the whole of another."""
    network = sites.make("networks", name="joined", segments=[vlan(301), FLAT])
    sites.make("subnets", network_id=network["id"], ip_version=4, cidr="10.30.0.0/24", enable_dhcp=False)
    a, b = sites.addressed(network, 0, "j1"), sites.addressed(network, 0, "j2")
    c, d = sites.addressed(network, 1, "j3"), sites.addressed(network, 1, "j4")
    sites.machine("near", ("br-one", 301), "10.30.0.201/24")
    sites.machine("far", ("br-two", 0), "10.30.0.202/24")
    meet((a, b.ip), (c, d.ip), (a, "10.30.0.201"), (c, "10.30.0.202"))
    do_not_meet((a, c.ip), (d, b.ip), (a, "10.30.0.202"), (c, "10.30.0.201"))
    assert heard_by(sites, a, "10.30.0.250", b, c) == ["j2"]
    sites.join(("br-one", 301), ("br-two", 0))
    meet((a, c.ip), (d, b.ip), (a, "10.30.0.202"), (c, "10.30.0.201"), (a, b.ip))
    assert heard_by(sites, a, "10.30.0.250", b, c) == ["j2", "j3"]
    sites.site.sh("ovs-vsctl del-port j-one; ip link del j-one")
    for guest in (c, d):
        guest.host.unplug(guest.name)
        sites.cloud.api.call("DELETE", f"/v2.0/ports/{guest.port['id']}")
    (flat,) = sites.cloud.api.call("GET", f"/v2.0/segments?network_id={network['id']}&network_type=flat")["segments"]
    sites.cloud.api.call("DELETE", f"/v2.0/segments/{flat['id']}")


def test_a_host_joins_by_the_first_segment_that_it_reaches(sites: Sites) -> None:
    """The host that has the physical network by its VLAN, the other in tunnels, which do not lead to the first."""
    network = sites.make("networks", name="mixed", segments=[vlan(303), {"provider:network_type": "vxlan"}])
    sites.make("subnets", network_id=network["id"], ip_version=4, cidr="10.31.0.0/24", enable_dhcp=False)
    a, c, d = (sites.addressed(network, place, name) for place, name in ((0, "m1"), (1, "m3"), (1, "m4")))
    sites.machine("machine", ("br-one", 303), "10.31.0.203/24")
    meet((a, "10.31.0.203"), (c, d.ip))
    do_not_meet((c, "10.31.0.203"), (a, c.ip), (c, a.ip))
    assert heard_by(sites, c, "10.31.0.250", a, d) == ["m4"]


def test_a_routed_network(sites: Sites) -> None:
    """Guests get an address of their host's segment and the way to the other one, from a server on each."""
    network = sites.make("networks", name="routed", **vlan(311))
    api = sites.cloud.api
    (first,) = api.call("GET", f"/v2.0/segments?network_id={network['id']}")["segments"]
    second = sites.make("segments", network_id=network["id"], network_type="flat", physical_network="physnet2")
    for place, segment in enumerate((first, second), 1):
        sites.make("subnets", network_id=network["id"], ip_version=4, cidr=f"10.32.{place}.0/24",
                   segment_id=segment["id"])  # fmt: skip
    assert api.call("GET", f"/v2.0/networks/{network['id']}")["network"]["l2_adjacency"] is False
    one, two, three = (sites.guest(network, place, name) for place, name in ((0, "r1"), (0, "r2"), (1, "r3")))
    four = sites.guest(network, 1, "r4", deferred=True)
    for guest, place in ((one, 1), (two, 1), (three, 2), (four, 2)):
        assert guest.ip.startswith(f"10.32.{place}."), guest.port
        said = lease(guest.host, guest.name)
        assert guest.ip in guest.host.run("ip", "-n", guest.name, "-4", "addr", "show", "dev", "eth0"), said
        assert f"10.32.{3 - place}.0/24 via 10.32.{place}.1 dev eth0" in guest.route()
    meet((one, two.ip), (three, four.ip))
    do_not_meet((one, three.ip), (four, two.ip))

    sites.router("between", one=(("br-one", 311), "10.32.1.1/24"), two=(("br-two", 0), "10.32.2.1/24"))
    across = [(one, three.ip), (two, four.ip), (three, two.ip), (four, one.ip)]
    meet(*across)
    for guest in (one, two, three, four):
        guest.route("del", "default")
    meet(*across)
    one.route("del", "10.32.2.0/24")
    do_not_meet((one, three.ip))
    one.route("add", f"{three.ip}/32", "dev", "eth0")
    do_not_meet((one, three.ip))
    assert heard_by(sites, one, "10.32.1.250", two, three) == ["r2"]
