"""Floating IPs of distributed routers are translated on the hosts of their guests.

    carrier   the host that carries the router, without guests of it
    near      the guests `one` and `two` of the network a, each with a floating IP, and `plain` without
    far       the guest `three` of the network b with a floating IP, and `outside`, on the external network
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.cluster.lab import Lab
from tests.cluster.tenants import Guest, RouterScene, Tenant, crowd, forwarded
from tests.cluster.test_distributed import Pings, flows
from tests.real.testhost import PATIENCE, TestHost
from tests.real.traffic import connects, listening, talking

COUNT = 50


@dataclass
class Scene(RouterScene):
    external: dict[str, Any]
    networks: dict[str, dict[str, Any]]
    carrier: TestHost
    near: TestHost
    far: TestHost
    guests: dict[str, Guest]
    floating: dict[str, dict[str, Any]]

    def address(self, name: str) -> str:
        return str(self.floating[name]["floating_ip_address"])

    def crowd(self, source: Guest, address: str) -> int:
        """How many packets of pings the router's host forwards."""
        return crowd(self.lab, source, address, lambda: forwarded(self.carrier, self.router["id"]), COUNT)

    def space(self, host: TestHost, *command: str) -> str:
        """What a command says in the namespace that translates for the router on a host."""
        return host.run("ip", "netns", "exec", f"qfip-{self.router['id']}", *command)

    def translates(self, host: TestHost) -> bool:
        return f"qfip-{self.router['id']}" in host.run("ip", "netns", "list")

    def associate(self, floating: dict[str, Any], port_id: str | None) -> None:
        body = {"floatingip": {"port_id": port_id}}
        self.lab.api.request("PUT", f"/v2.0/floatingips/{floating['id']}", body)

    def status(self, name: str) -> str:
        found = self.lab.api.get(f"/v2.0/floatingips/{self.floating[name]['id']}")["floatingip"]
        return str(found["status"])

    def active(self) -> None:
        self.lab.until(lambda: {self.status(name) for name in self.floating} == {"ACTIVE"}, 20, "all are ACTIVE")


@pytest.fixture(scope="module")
def scene(lab: Lab) -> Iterator[Scene]:
    tenant = Tenant(lab, "fip")
    external = tenant.network("outside", "203.0.113.0/24", dhcp=False, **{
        "router:external": True, "provider:network_type": "vlan", "provider:physical_network": "physnet1",
        "provider:segmentation_id": 400,
    })  # fmt: skip
    networks = {"a": tenant.network("a", "10.31.0.0/24"), "b": tenant.network("b", "10.32.0.0/24")}
    router = tenant.router("router", *networks.values(), outside=external["id"], distributed=True)
    (agent,) = lab.api.get(f"/v2.0/routers/{router['id']}/l3-agents")["agents"]
    carrier = next(host for host in lab.hosts if host.name == agent["host"])
    near, far = (host for host in lab.hosts if host is not carrier)
    guests = {
        "one": tenant.guest(networks["a"], near), "two": tenant.guest(networks["a"], near),
        "plain": tenant.guest(networks["a"], near), "three": tenant.guest(networks["b"], far),
        "outside": tenant.guest(external, far, gateway=False),
    }  # fmt: skip
    floating = {
        name: tenant.make("floatingip", "", floating_network_id=external["id"], port_id=guests[name].port["id"])
        for name in ("one", "two", "three")
    }
    tenant.wait()
    yield Scene(lab, tenant, router, external, networks, carrier, near, far, guests, floating)
    tenant.remove_all()


def test_no_packet_of_a_floating_ip_passes_the_router_s_host(scene: Scene) -> None:
    """And when the router is central all of them do."""
    outside, one = scene.guests["outside"], scene.guests["one"]
    scene.active()
    assert scene.crowd(outside, scene.address("one")) < 10
    assert scene.crowd(one, outside.ip) < 10
    scene.convert(False)
    scene.active()
    assert scene.crowd(outside, scene.address("one")) >= 2 * COUNT
    assert scene.crowd(one, outside.ip) >= 2 * COUNT
    scene.convert(True)
    scene.active()
    scene.lab.until(lambda: scene.crowd(outside, scene.address("one")) < 10, 20, "the guest's host translates again")
    assert scene.crowd(one, outside.ip) < 10


def test_floating_ips_reach_each_other_and_are_reached_from_inside(scene: Scene) -> None:
    """From a guest without one it goes by the router's host, which translates that guest."""
    guests = scene.guests
    scene.active()
    for source, sink in (("one", "three"), ("three", "one"), ("one", "two"), ("one", "one")):
        assert scene.crowd(guests[source], scene.address(sink)) < 10, f"from {source} to {sink}"
    for sink in ("one", "three"):
        assert scene.crowd(guests["plain"], scene.address(sink)) >= 2 * COUNT


def test_the_guest_is_seen_under_its_floating_ip_and_its_rules_hold(scene: Scene) -> None:
    """A group lets in one port, from the outside alone; who sees the guest's connections lets in its floating IP."""
    outside, one, api = scene.guests["outside"], scene.guests["one"], scene.lab.api
    closed = scene.tenant.make("security_group", "closed")
    for prefix, port in (("203.0.113.0/24", 80), (f"{scene.address('one')}/32", 90)):
        scene.tenant.make(
            "security_group_rule", "", security_group_id=closed["id"], direction="ingress", ethertype="IPv4",
            protocol="tcp", port_range_min=port, port_range_max=port, remote_ip_prefix=prefix,
        )  # fmt: skip
    for guest in (one, outside):
        api.request("PUT", f"/v2.0/ports/{guest.port['id']}", {"port": {"security_groups": [closed["id"]]}})
    try:
        scene.lab.until(lambda: not outside.pings(scene.address("one"), wait=0.3), 10, "the guest is closed")
        with listening(one.host, one.name, 80), listening(one.host, one.name, 81):
            assert connects(outside.host, outside.name, scene.address("one"), 80)
            assert not connects(outside.host, outside.name, scene.address("one"), 81)
        with listening(outside.host, outside.name, 90):
            two = scene.guests["two"]
            scene.lab.until(lambda: not connects(two.host, two.name, outside.ip, 90), 10, "another is kept out")
            assert connects(one.host, one.name, outside.ip, 90)
    finally:
        for guest in (one, outside):
            groups = {"port": {"security_groups": guest.port["security_groups"]}}
            api.request("PUT", f"/v2.0/ports/{guest.port['id']}", groups)
    scene.lab.until(lambda: outside.pings(scene.address("one")), 10, "the guest is open again")


def test_the_sender_is_told_of_the_guests_mtu(scene: Scene) -> None:
    outside, mtu = scene.guests["outside"], scene.networks["a"]["mtu"]
    assert mtu < scene.external["mtu"]
    for size, said in ((mtu - 28, "1 received"), (scene.external["mtu"] - 28, f"mtu = {mtu}")):
        words = ("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(size), scene.address("one"))
        assert said in outside.host.guest(outside.name, *words), size


def test_an_association_makes_reachable_and_its_end_silent(scene: Scene) -> None:
    """Connections that went on are cut; those of the other guest go on."""
    outside, one, two = (scene.guests[name] for name in ("outside", "one", "two"))
    scene.active()
    first = talking(outside.host, (outside.name, one.name), scene.address("one"), 4001, there=one.host)
    second = talking(outside.host, (outside.name, two.name), scene.address("two"), 4001, there=two.host)
    with first as (cut,), second as (kept,):
        scene.associate(scene.floating["one"], None)
        scene.lab.until(lambda: not outside.pings(scene.address("one"), wait=0.3), 10, "it is silent")
        assert cut.is_silent() and kept.goes_on()
    assert not outside.pings(scene.address("one"), 3, wait=0.5)
    scene.associate(scene.floating["one"], one.port["id"])
    scene.lab.until(lambda: outside.pings(scene.address("one")), 10, "it is reachable again")
    scene.active()


def test_it_follows_a_guest_to_another_host(scene: Scene) -> None:
    """The outside hears of it: who is on the third host has not asked anew."""
    outside, guest, api = scene.guests["outside"], scene.guests["two"], scene.lab.api
    assert scene.crowd(outside, scene.address("two")) < 10
    there = guest
    for target in (scene.far, scene.near):
        there.host.unplug(there.name)
        api.request("PUT", f"/v2.0/ports/{guest.port['id']}", {"port": {"binding:host_id": target.name}})
        cidr = f"{guest.ip}/24"
        target.plug(guest.name, guest.port["mac_address"], [cidr], guest.port["id"], gateway="10.31.0.1")
        there = Guest(guest.name, target, guest.port)
        scene.lab.until(lambda: outside.pings(scene.address("two")), 15, f"it is reached on {target.name}")
        assert scene.crowd(outside, scene.address("two")) < 10
        scene.active()


def test_agents_die_and_nothing_is_lost(scene: Scene) -> None:
    outside, one = scene.guests["outside"], scene.guests["one"]
    assert scene.crowd(outside, scene.address("one")) < 10
    agent = next(each for each in scene.lab.agents if each.where is one.host)
    before, rules, lost = flows(one.host), scene.space(one.host, "nft", "list", "ruleset"), []
    for _ in range(3):  # a machine without time for the switches loses pings by itself
        adopted = agent.log.count(" adopted")
        with Pings(outside, scene.address("one")) as pings:
            agent.end(signal.SIGKILL)
            agent.start()
            scene.lab.until(lambda n=adopted: agent.log.count(" adopted") > n, 30, "the agent has adopted")
            time.sleep(0.5)  # what it does next is pinged through as well
        lost.append(pings.lost)
        assert pings.sent > 20 and flows(one.host) == before
        assert scene.space(one.host, "nft", "list", "ruleset") == rules
        if not pings.lost:
            break
    assert 0 in lost, f"lost in each turn: {lost}"


def test_what_is_changed_by_hand_is_found_and_mended(scene: Scene) -> None:
    """By who asks, or by the host's own audit: that comes every four seconds, maybe between a change and the look."""
    outside, address, silent = scene.guests["outside"], scene.address("one"), False
    look = ("audit", "--host", scene.near.name)
    agent = next(each for each in scene.lab.agents if each.where is scene.near)
    scene.lab.until(lambda: outside.pings(address), 10, "it is reachable")
    scene.lab.until(lambda: scene.lab.client(*look, check=False).startswith("0 deviations"), 20, "nothing deviates")
    for _ in range(5):
        before = len(agent.log)
        scene.space(scene.near, "nft", "flush", "chain", "inet", "heddle", "postrouting")
        scene.space(scene.near, "ip", "route", "delete", f"{scene.guests['one'].ip}/32")
        silent = not outside.pings(address, wait=0.5)
        said = scene.lab.client(*look, "--repair", check=False) + agent.log[before:]
        assert "table inet heddle" in said and f"route {scene.guests['one'].ip}/32" in said, said
        scene.lab.until(lambda: outside.pings(address), 10, "it is mended")
        if silent:
            break
    assert silent, "what was changed matters"


def test_a_router_s_host_that_is_cut_off_does_not_matter(scene: Scene) -> None:
    """To who has a floating IP; who has none is not reached."""
    outside, one, plain = (scene.guests[name] for name in ("outside", "one", "plain"))
    for guest in (one, plain):
        scene.lab.until(lambda g=guest: g.pings(outside.ip), 20, "both reach the outside")
    link = ("ip", "link", "set", "eth0")
    try:
        scene.carrier.run(*link, "down")
        for guest in (one, outside):
            guest.host.guest(guest.name, "ip", "neigh", "flush", "all")
        assert outside.pings(scene.address("one"), 5) and one.pings(outside.ip, 5)
        assert not plain.pings(outside.ip, wait=0.5)
    finally:
        scene.carrier.run(*link, "up")


def test_conversion_interrupts_for_a_second_at_most(scene: Scene) -> None:
    """More than the time for which the administrator had it down."""
    outside, address = scene.guests["outside"], scene.address("one")
    scene.lab.until(lambda: scene.crowd(outside, address) < 10, 20, "the guest's host translates")
    for distributed in (False, True):
        with Pings(outside, address) as pings:
            began = time.monotonic()
            scene.convert(distributed)
            down = time.monotonic() - began
            assert scene.lab.until(lambda: outside.pings(address, 20), 10, "it goes on")
        assert pings.lost / 100 <= down + PATIENCE, f"distributed={distributed}: {pings.lost} lost, {down:.1f} s down"
    scene.lab.until(lambda: scene.crowd(outside, address) < 10, 20, "the guest's host translates again")


def test_the_last_takes_all_with_it(scene: Scene) -> None:
    assert scene.translates(scene.far)
    scene.associate(scene.floating["three"], None)
    scene.lab.until(lambda: not scene.translates(scene.far), 10, "nothing is left on the guest's host")
    gates = scene.lab.api.get("/v2.0/ports", device_owner="network:floatingip_agent_gateway")["ports"]
    assert {port["binding:host_id"] for port in gates} == {scene.near.name} and scene.translates(scene.near)
    ports = scene.far.run("ovs-vsctl", "list-ports", "br-int").split()
    assert not [name for name in ports if name.startswith("fg-")]
    assert not scene.guests["outside"].pings(scene.address("three"), wait=0.5)
