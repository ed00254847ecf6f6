"""Distributed routers: the hosts of the guests forward between their networks, for both IP versions.

    carrier   the host that carries the router, without guests of it
    near      guests of the networks a and b (IPv4), a6 and b6 (IPv6)
    far       the same
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.cluster.lab import Lab
from tests.cluster.tenants import Guest, RouterScene, Tenant, crowd, forwarded
from tests.real.testhost import PATIENCE, TestHost
from tests.real.traffic import connects, listening

from heddle.agent.routed_flows import host_mac


@dataclass
class Scene(RouterScene):
    """Guests by the name of their network and of the place of their host, as "a near"."""

    networks: dict[str, dict[str, Any]]
    carrier: TestHost
    guests: dict[str, Guest]

    def received(self) -> int:
        """How many packets the router has got on the host that carries it."""
        count = "cat /sys/class/net/qr-*/statistics/rx_packets"
        text = self.carrier.run("ip", "netns", "exec", f"qrouter-{self.router['id']}", "sh", "-c", count)
        return sum(int(word) for word in text.split())

    def crowd(self, one: str, other: str) -> int:
        """How many packets of pings the router's host forwards."""
        source, sink = self.guests[one], self.guests[other]
        return crowd(self.lab, source, sink.ip, lambda: forwarded(self.carrier, self.router["id"]))


@pytest.fixture(scope="module")
def scene(lab: Lab) -> Iterator[Scene]:
    tenant = Tenant(lab, "dist")
    networks = {
        "a": tenant.network("a", "10.11.0.0/24"), "b": tenant.network("b", "10.12.0.0/24"),
        "a6": tenant.network("a6", "2001:db8:a::/64", dhcp=False),
        "b6": tenant.network("b6", "2001:db8:b::/64", dhcp=False),
    }  # fmt: skip
    router = tenant.router("router", *networks.values(), distributed=True)
    (agent,) = lab.api.get(f"/v2.0/routers/{router['id']}/l3-agents")["agents"]
    carrier = next(host for host in lab.hosts if host.name == agent["host"])
    near, far = (host for host in lab.hosts if host is not carrier)
    guests = {
        f"{name} {place}": tenant.guest(networks[name], host)
        for name, place, host in (
            ("a", "near", near), ("b", "near", near), ("b", "far", far), ("a6", "near", near), ("b6", "near", near),
            ("b6", "far", far),
        )
    }  # fmt: skip
    tenant.wait()
    yield Scene(lab, tenant, router, networks, carrier, guests)
    tenant.remove_all()


PAIRS = [("a near", "b near"), ("a near", "b far"), ("b far", "a near"), ("a6 near", "b6 near"), ("a6 near", "b6 far")]


def test_no_packet_between_networks_passes_the_router_s_host(scene: Scene) -> None:
    """And when the router is central all of them do."""
    for one, other in PAIRS:
        assert scene.crowd(one, other) < 10, f"from {one} to {other}"
    owners = scene.lab.api.get("/v2.0/ports", device_id=scene.router["id"])["ports"]
    assert {port["device_owner"] for port in owners} == {"network:router_interface_distributed"}
    scene.convert(False)
    for one, other in PAIRS:
        assert scene.crowd(one, other) >= 100, f"from {one} to {other}"
    scene.convert(True)
    scene.lab.until(lambda: scene.crowd("a near", "b far") < 10, 20, "the hosts forward again")


@pytest.mark.parametrize(("one", "other", "version"), [("a near", "b far", 4), ("a6 near", "b6 far", 6)])
def test_a_hop_is_a_hop(scene: Scene, one: str, other: str, version: int) -> None:
    """A packet at the end of its hops is told of by the router, one with a hop more arrives with it taken off."""
    source, sink = scene.guests[one], scene.guests[other]
    scene.lab.until(lambda: source.pings(sink.ip), 20, "they reach each other")
    said = source.host.guest(source.name, "ping", f"-{version}", "-n", "-c", "3", "-t", "1", "-W", "1", sink.ip)
    assert f"From {scene.networks[one.split()[0]]['subnet']['gateway_ip']}" in said and "0 received" in said
    assert "exceeded" in said
    said = source.host.guest(source.name, "ping", f"-{version}", "-n", "-c", "3", "-t", "2", "-W", "1", sink.ip)
    assert "3 received" in said and "ttl=63" in said


def test_rules_hold_across_networks(scene: Scene) -> None:
    """Another group, which lets in one port from the network a alone: on the same host and on another."""
    source = scene.guests["a near"]
    closed = scene.tenant.make("security_group", "closed")
    scene.tenant.make(
        "security_group_rule", "", security_group_id=closed["id"], direction="ingress", ethertype="IPv4",
        protocol="tcp", port_range_min=80, port_range_max=80, remote_ip_prefix="10.11.0.0/24",
    )  # fmt: skip
    for name in ("b near", "b far"):
        sink = scene.guests[name]
        groups = sink.port["security_groups"]
        path = f"/v2.0/ports/{sink.port['id']}"
        scene.lab.api.request("PUT", path, {"port": {"security_groups": [closed["id"]]}})
        try:
            scene.lab.until(lambda s=sink: not source.pings(s.ip, wait=0.3), 10, f"{name} is closed")
            with listening(sink.host, sink.name, 80), listening(sink.host, sink.name, 81):
                assert connects(source.host, source.name, sink.ip, 80)
                assert not connects(source.host, source.name, sink.ip, 81)
        finally:
            scene.lab.api.request("PUT", path, {"port": {"security_groups": groups}})
        scene.lab.until(lambda s=sink: source.pings(s.ip), 10, f"{name} is open again")


def test_the_router_itself_and_unknown_addresses_are_for_its_host(scene: Scene) -> None:
    source = scene.guests["a near"]
    assert scene.crowd("a near", "b far") < 10
    for address in ("10.11.0.1", "10.12.0.1"):
        before = scene.received()
        assert source.pings(address, 5)
        assert scene.received() - before >= 5
    said = source.host.guest(source.name, "ping", "-n", "-c", "2", "-W", "5", "10.12.0.200")
    assert "Unreachable" in said


def test_a_switch_between_hosts_sees_the_router_in_one_place(scene: Scene) -> None:
    """On VLAN networks, where it is not the only one: frames of hosts bear their own MACs."""
    tenant, source, sink = scene.tenant, scene.guests["a near"], scene.guests["b far"]
    left, right = (
        tenant.network(name, f"10.{number}.0.0/24", dhcp=False, **{
            "provider:network_type": "vlan", "provider:physical_network": "physnet1",
            "provider:segmentation_id": 300 + number,
        })
        for name, number in (("left", 21), ("right", 22))
    )  # fmt: skip
    router = tenant.router("vlans", left, right, distributed=True)
    one, other = tenant.guest(left, source.host), tenant.guest(right, sink.host)
    tenant.wait()
    scene.lab.until(lambda: one.pings(other.ip), 20, "they reach each other")
    ports = scene.lab.api.get("/v2.0/ports", device_id=router["id"], network_id=right["id"])["ports"]
    own, theirs = host_mac(source.host.name, "fa:16:3f:00:00:00"), ports[0]["mac_address"]
    scene.lab.until(lambda: own in senders(one, other), 20, "the guest's host forwards")
    assert theirs not in senders(one, other)


def senders(one: Guest, other: Guest) -> set[str]:
    """The source MACs of pings from one to the other, where they come to the other's host."""
    heard = other.host.popen(
        "timeout", "20", "tcpdump", "-lnei", "eth0", "vlan and icmp and dst host " + other.ip,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert heard.stderr is not None and heard.stderr.readline()
    assert one.pings(other.ip, 10)
    time.sleep(0.5)
    other.host.run("pkill", "-INT", "-x", "tcpdump")
    return {line.split()[1] for line in heard.communicate(timeout=30)[0].splitlines() if " > " in line}


@dataclass
class Pings:
    """Pings every 10 ms; how many were lost when it has ended."""

    source: Guest
    address: str

    def __enter__(self) -> Pings:
        self._process = self.source.host.popen(
            "ip", "netns", "exec", self.source.name, "ping", "-n", "-q", "-i", "0.01", "-W", "1", self.address,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self.source.host.run("pkill", "-INT", "-x", "ping")
        text = self._process.communicate(timeout=20 * PATIENCE)[0]
        words = text.split()
        self.sent, received = int(words[words.index("packets") - 1]), int(words[words.index("received,") - 1])
        self.lost = self.sent - received


def test_conversion_interrupts_for_a_second_at_most(scene: Scene) -> None:
    """More than the time for which the administrator had it down."""
    one, other = scene.guests["a near"], scene.guests["b far"]
    assert scene.crowd("a near", "b far") < 10
    for distributed in (False, True):
        with Pings(one, other.ip) as pings:
            began = time.monotonic()
            scene.convert(distributed)
            down = time.monotonic() - began
            seen = scene.lab.until(lambda: one.pings(other.ip, 20), 10, "it goes on")
            assert seen
        assert pings.lost / 100 <= down + PATIENCE, f"distributed={distributed}: {pings.lost} lost, {down:.1f} s down"
    scene.lab.until(lambda: scene.crowd("a near", "b far") < 10, 20, "the hosts forward again")


def test_agents_and_servers_die_and_nothing_is_lost(scene: Scene) -> None:
    one, other = scene.guests["a near"], scene.guests["b far"]
    assert scene.crowd("a near", "b far") < 10
    agent = next(each for each in scene.lab.agents if each.where is one.host)
    before, lost = flows(one.host), []
    for _ in range(3):  # a machine without time for the switches loses pings by itself
        adopted = agent.log.count(" adopted")
        with Pings(one, other.ip) as pings:
            agent.end(signal.SIGKILL)
            agent.start()
            scene.lab.until(lambda n=adopted: agent.log.count(" adopted") > n, 30, "the agent has adopted")
            time.sleep(0.5)  # what it does next is pinged through as well
        lost.append(pings.lost)
        assert pings.sent > 20 and flows(one.host) == before
        if not pings.lost:
            break
    assert 0 in lost, f"lost in each turn: {lost}"


def flows(host: TestHost) -> list[str]:
    """What forwards for routers, and where it leads to."""
    text = host.run("ovs-ofctl", "--no-stats", "dump-flows", "br-int") + host.run(
        "ovs-ofctl", "--no-stats", "dump-flows", "br-tun"
    )
    return sorted(line.strip() for line in text.splitlines() if "table=" in line)


def test_a_host_that_is_cut_off_does_not_matter(scene: Scene) -> None:
    """Neither to packets nor to guests that forget where the router is; a central router takes all with it."""
    one, other = scene.guests["a near"], scene.guests["b far"]
    assert scene.crowd("a near", "b far") < 10
    link = ("ip", "link", "set", "eth0")
    try:
        scene.carrier.run(*link, "down")
        for guest in (one, other):
            guest.host.guest(guest.name, "ip", "neigh", "flush", "all")
        assert one.pings(other.ip, 5)
        assert not one.pings("10.12.0.200", wait=0.5)
    finally:
        scene.carrier.run(*link, "up")
