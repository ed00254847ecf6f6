"""Private VLANs behind a distributed router: who meets whom on one network, and what the router passes all the same.

    carrier   the host that carries the router; a guest of the private VLAN as well
    near      guests of the private VLAN, of every kind, and one of the network `plain`, which is none
    far       the same, one of the network `second`, which is none either, and `outside` on the external network

The control is each time the same network while it is no private VLAN: there all meet, and the guests' hosts forward.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from tests.cluster.lab import Lab
from tests.cluster.tenants import Guest, RouterScene, Tenant, crowd, forwarded
from tests.real.testhost import TestHost

from heddle.agent.routed_flows import host_mac

PROMISCUOUS, ISOLATED, RED, BLUE = ("promiscuous", ""), ("isolated", ""), ("community", "red"), ("community", "blue")
KINDS = {
    "isolated near": ISOLATED, "isolated far": ISOLATED, "red near": RED, "red far": RED, "blue far": BLUE,
    "blue carrier": BLUE, "promiscuous near": PROMISCUOUS,
}  # fmt: skip
KINDS6 = {"isolated6 near": ISOLATED, "isolated6 far": ISOLATED, "red6 near": RED, "red6 far": RED}
MEETS = {PROMISCUOUS: {*KINDS.values()}, ISOLATED: {PROMISCUOUS}, RED: {PROMISCUOUS, RED}, BLUE: {PROMISCUOUS, BLUE}}
COUNT = 20


@dataclass
class Scene(RouterScene):
    """Guests by the name of their kind or network and of the place of their host, as "red near"."""

    networks: dict[str, dict[str, Any]]
    carrier: TestHost
    guests: dict[str, Guest]

    def crowd(self, one: str, address: str) -> int:
        """How many packets of pings the router's host forwards."""
        return crowd(self.lab, self.guests[one], address, lambda: forwarded(self.carrier, self.router["id"]), COUNT)

    def divide(self, whether: bool = True) -> None:
        """Give the guests their kinds, or have all meet."""
        for name in ("private", "private6"):
            body = {"network": {"pvlan": whether}}
            self.lab.api.request("PUT", f"/v2.0/networks/{self.networks[name]['id']}", body)
        for name, (kind, community) in {**KINDS, **KINDS6}.items() if whether else ():
            body = {"pvlan_type": kind, **({"pvlan_community": community} if community else {})}
            self.lab.api.request("PUT", f"/v2.0/ports/{self.guests[name].port['id']}", {"port": body})

    def meet(self, kinds: dict[str, tuple[str, str]]) -> dict[tuple[str, str], bool]:
        """Who reaches whom of these guests, each asking anew for the other's MAC address; several at once."""
        for name in kinds:
            self.neighbours(name, "flush", "all")
        pairs = [(one, other) for one in kinds for other in kinds if one != other]
        with ThreadPoolExecutor(6) as pool:
            reach = pool.map(lambda pair: self.guests[pair[0]].pings(self.guests[pair[1]].ip, wait=0.5), pairs)
            return dict(zip(pairs, reach, strict=True))

    def become(self, kinds: dict[str, tuple[str, str]], divided: bool) -> None:
        wanted = {
            (one, other): not divided or kinds[other] in MEETS[kinds[one]]
            for one in kinds for other in kinds if one != other
        }  # fmt: skip
        found: dict[tuple[str, str], bool] = {}

        def is_so() -> bool:
            nonlocal found
            found = self.meet(kinds)
            return found == wanted

        try:
            self.lab.until(is_so, 40, "they meet as they shall")
        except AssertionError as error:
            raise AssertionError(f"{ {pair for pair in wanted if found[pair] != wanted[pair]} }: {error}") from None

    def by_heart(self, one: str, other: str, mac: str) -> None:
        """Both take this MAC address for the other's."""
        for name, there in ((one, other), (other, one)):
            self.neighbours(name, "replace", self.guests[there].ip, "lladdr", mac, "dev", "eth0", "nud", "permanent")

    def forget(self, *names: str) -> None:
        for name in names:
            self.neighbours(name, "flush", "nud", "permanent")

    def neighbours(self, name: str, *words: str) -> None:
        guest = self.guests[name]
        guest.host.guest(guest.name, "ip", "neigh", *words, check=True)


@pytest.fixture(scope="module")
def scene(lab: Lab) -> Iterator[Scene]:
    tenant = Tenant(lab, "pv")
    external = tenant.network("outside", "203.0.114.0/24", dhcp=False, **{
        "router:external": True, "provider:network_type": "vlan", "provider:physical_network": "physnet1",
        "provider:segmentation_id": 410,
    })  # fmt: skip
    networks = {
        "private": tenant.network("private", "10.41.0.0/24"), "plain": tenant.network("plain", "10.42.0.0/24"),
        "second": tenant.network("second", "10.43.0.0/24", dhcp=False),
        "private6": tenant.network("private6", "2001:db8:41::/64", dhcp=False),
        "plain6": tenant.network("plain6", "2001:db8:42::/64", dhcp=False),
    }  # fmt: skip
    router = tenant.router("router", *networks.values(), outside=external["id"], distributed=True)
    (agent,) = lab.api.get(f"/v2.0/routers/{router['id']}/l3-agents")["agents"]
    carrier = next(host for host in lab.hosts if host.name == agent["host"])
    near, far = (host for host in lab.hosts if host is not carrier)
    places = {"near": near, "far": far, "carrier": carrier}
    where = dict.fromkeys(KINDS, "private") | dict.fromkeys(KINDS6, "private6")
    where |= {f"{name} {place}": name for name in ("plain", "plain6") for place in ("near", "far")}
    where |= {"second far": "second"}
    guests = {name: tenant.guest(networks[net], places[name.split()[1]]) for name, net in where.items()}
    guests["outside"] = tenant.guest(external, far, gateway=False)
    tenant.wait()
    made = Scene(lab, tenant, router, networks, carrier, guests)
    made.become(KINDS, divided=False)
    made.become(KINDS6, divided=False)
    assert made.crowd("isolated near", guests["plain far"].ip) < 10, "the guests' hosts forward"
    made.divide()
    yield made
    tenant.remove_all()


def test_who_meets_whom_on_three_hosts(scene: Scene) -> None:
    scene.become(KINDS, divided=True)
    scene.become(KINDS6, divided=True)


@pytest.mark.parametrize("name", [*KINDS, *KINDS6])
def test_every_kind_reaches_the_networks_behind_the_router(scene: Scene, name: str) -> None:
    """And is reached from there, on every host; the router's host leads all of it."""
    six = "6" if name in KINDS6 else ""
    scene.lab.until(lambda: scene.guests[name].pings(gateway(scene, name)), 10, "the router answers")
    for other in (f"plain{six} near", f"plain{six} far"):
        scene.lab.until(lambda o=other: scene.crowd(name, scene.guests[o].ip) >= 2 * COUNT, 20, f"{name} to {other}")
        assert scene.crowd(other, scene.guests[name].ip) >= 2 * COUNT, f"{other} to {name}"


def gateway(scene: Scene, name: str) -> str:
    network = scene.networks["private6" if name in KINDS6 else "private"]
    return str(network["subnet"]["gateway_ip"])


@pytest.mark.parametrize("name", ["isolated near", "isolated far", "red far", "blue carrier"])
def test_every_kind_reaches_the_outside(scene: Scene, name: str) -> None:
    """Under the router's address, and a guest with a floating IP is reached."""
    outside, guest = scene.guests["outside"], scene.guests[name]
    assert scene.crowd(name, outside.ip) >= 2 * COUNT
    network = scene.router["external_gateway_info"]["network_id"]
    made = scene.tenant.make("floatingip", "", floating_network_id=network, port_id=guest.port["id"])
    try:
        assert scene.crowd("outside", made["floating_ip_address"]) >= 2 * COUNT
    finally:
        scene.lab.api.request("DELETE", f"/v2.0/floatingips/{made['id']}")


def test_the_other_networks_of_the_router_stay_distributed(scene: Scene) -> None:
    """They have no private VLAN; nothing of theirs passes the router's host."""
    for one, other in (("plain near", "second far"), ("second far", "plain far")):
        assert scene.crowd(one, scene.guests[other].ip) < 10, f"{one} to {other}"


@pytest.mark.parametrize(
    ("one", "other"),
    [("isolated near", "isolated far"), ("red near", "blue far"), ("isolated6 near", "isolated6 far")],
)
def test_no_mac_address_of_the_router_is_a_way_around(scene: Scene, one: str, other: str) -> None:
    """Neither its own nor those of the hosts.  While all meet, its own is one."""
    network = scene.networks["private6" if one in KINDS6 else "private"]
    (port,) = scene.lab.api.get("/v2.0/ports", device_id=scene.router["id"], network_id=network["id"])["ports"]
    source, sink = scene.guests[one], scene.guests[other]
    hosts = [host_mac(guest.host.name, "fa:16:3f:00:00:00") for guest in (source, sink)]
    try:
        for mac in (port["mac_address"], *hosts):
            scene.by_heart(one, other, mac)
            assert not source.pings(sink.ip, 3, wait=0.5), mac
        scene.divide(False)
        scene.by_heart(one, other, port["mac_address"])
        scene.lab.until(lambda: source.pings(sink.ip), 20, "it is a way while all meet")
        scene.divide()
        scene.lab.until(lambda: not source.pings(sink.ip, wait=0.3), 20, "and none when they do not")
        assert not source.pings(sink.ip, 3, wait=0.5)
    finally:
        scene.forget(one, other)
    scene.become(KINDS6 if one in KINDS6 else KINDS, divided=True)


def test_the_router_changes_its_kind(scene: Scene) -> None:
    """Who does not meet does not while the router is central, nor when it is distributed again."""
    plain = scene.guests["plain far"].ip
    for distributed in (False, True):
        scene.convert(distributed)
        scene.lab.until(lambda: scene.guests["isolated near"].pings(plain), 20, "the network behind it is reached")
        scene.become(KINDS, divided=True)
        assert scene.crowd("isolated near", plain) >= 2 * COUNT


def test_the_hosts_forward_when_all_meet_again(scene: Scene) -> None:
    plain = scene.guests["plain far"].ip
    assert scene.crowd("isolated near", plain) >= 2 * COUNT
    scene.divide(False)
    scene.lab.until(lambda: scene.crowd("isolated near", plain) < 10, 20, "the guests' hosts forward")
    scene.become(KINDS, divided=False)
    scene.divide()
    scene.become(KINDS, divided=True)
    scene.lab.until(lambda: scene.crowd("isolated near", plain) >= 2 * COUNT, 20, "the router's host leads")
