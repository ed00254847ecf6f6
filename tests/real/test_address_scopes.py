"""Address scopes at a router, with packets: what is routed as it is, what is translated, what does not pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import msgspec
import pytest
from tests.fakes import l3
from tests.real.lab import L3Lab, l3_lab
from tests.real.traffic import Talking, eventually, talking

from heddle.view.types import AssignmentView, GroupView, Ref, RuleView, SubnetView

pytestmark = pytest.mark.real

RULES = [
    RuleView(id=f"{way}{version}", direction=way, ethertype=version)
    for way in ("ingress", "egress")
    for version in (4, 6)
]
ROUTER = l3.uuid(0x500)
# By network: its number, and the scopes of its IPv4 and IPv6 subnets.
NETWORKS = {"one": (1, "A", "X"), "two": (2, "B", "X"), "three": (3, "A", "Y"), "four": (4, "", "")}
OUTSIDE = "203.0.113.1"


def subnets(network: str) -> tuple[SubnetView, SubnetView]:
    number, four, six = NETWORKS[network]
    return (
        l3.subnet(f"{network}4", network, f"10.0.{number}.0/24", f"10.0.{number}.1", address_scope=four),
        l3.subnet(f"{network}6", network, f"fd00:{number}::/64", f"fd00:{number}::1", address_scope=six),
    )


PUBLIC = l3.subnet("public4", "public", "203.0.113.0/24", OUTSIDE, address_scope="A")
FLOATING = "203.0.113.20"


class Site:
    """A router with a network and a guest for each of `NETWORKS`, and an outside that knows the way back."""

    def __init__(self, lab: L3Lab) -> None:
        self.lab, self.cloud = lab, lab.cloud
        self.cloud.put(GroupView(id="open", rules=RULES), l3.network("public", mtu=1500, external=True), PUBLIC)
        lab.until(lambda: "br-ex" in lab.host.run("ovs-vsctl", "list-br").split(), 5, "br-ex is there")
        lab.outside("outside", f"{OUTSIDE}/24")
        for network, (number, _, _) in NETWORKS.items():
            self._network(network, number)
            lab.in_space("outside", "ip", "route", "add", f"10.0.{number}.0/24", "via", "203.0.113.10")
        gateway = l3.gateway_port(0x501, ROUTER, {"public4": "203.0.113.10"})
        self.cloud.port(gateway)
        self.cloud.put(
            l3.router(ROUTER, gateway),
            AssignmentView(id=f"router/{ROUTER}", role="router", object_id=ROUTER),
        )
        lab.until(lambda: self.cloud.state_of("router", ROUTER) == "up", 10, "the router is up")

    def _network(self, network: str, number: int) -> None:
        addresses = {f"{network}4": f"10.0.{number}.10", f"{network}6": f"fd00:{number}::10"}
        own = {f"{network}4": f"10.0.{number}.1", f"{network}6": f"fd00:{number}::1"}
        port = l3.port(0x520 + number, network, addresses, security_groups=["open"])
        self.cloud.put(l3.network(network, tunnel=500 + number), *subnets(network))
        self.cloud.port(l3.interface_port(0x510 + number, ROUTER, network, own))
        self.cloud.port(port)
        cidrs = [f"10.0.{number}.10/24", f"fd00:{number}::10/64"]
        self.lab.host.plug(network, port.mac_address, cidrs, port.id, gateway=f"10.0.{number}.1")
        self.lab.host.run("ip", "-n", network, "-6", "route", "replace", "default", "via", f"fd00:{number}::1",
                          "dev", "eth0")  # fmt: skip

    def reaches(self, guest: str, address: str) -> None:
        self.lab.until(lambda: self.lab.host.pings(guest, address), 8, f"{guest} reaches {address}")

    def does_not_reach(self, guest: str, address: str) -> None:
        assert not self.lab.host.pings(guest, address), f"{guest} reaches {address}"

    def source_seen(self, guest: str) -> str:
        """The address that the outside sees when the guest connects to it."""
        server = self.lab.host.popen(
            "ip", "netns", "exec", "outside", "python3", "-c",
            f"import socket; s = socket.create_server(('{OUTSIDE}', 8080)); s.settimeout(8); c, a = s.accept();"
            "c.sendall(a[0].encode())",
        )  # fmt: skip
        connect = f"import socket; c = socket.create_connection(('{OUTSIDE}', 8080), 2); print(c.recv(99).decode())"
        seen: list[str] = []

        def connects() -> bool:
            seen.append(self.lab.host.guest(guest, "python3", "-c", connect).strip())
            return "Error" not in seen[-1]

        self.lab.until(connects, 8, f"{guest} connects to the outside")
        server.wait(9)
        return seen[-1]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with l3_lab() as lab:
        yield Site(lab)


def test_one_scope_is_routed_and_others_are_not_reached(site: Site) -> None:
    site.reaches("one", "10.0.3.10")
    site.reaches("three", "10.0.1.10")
    for guest, address in (("one", "10.0.2.10"), ("two", "10.0.1.10"), ("four", "10.0.1.10"), ("three", "10.0.4.10")):
        site.does_not_reach(guest, address)


def test_each_ip_version_has_its_own(site: Site) -> None:
    site.reaches("one", "fd00:2::10")
    site.reaches("two", "fd00:1::10")
    site.does_not_reach("one", "fd00:3::10")
    site.does_not_reach("four", "fd00:1::10")


def test_into_the_gateways_scope_nothing_is_translated(site: Site) -> None:
    assert site.source_seen("one") == "10.0.1.10"
    site.reaches("outside", "10.0.3.10")


def test_out_of_other_scopes_the_routers_address_is_seen(site: Site) -> None:
    for guest in ("two", "four"):
        assert site.source_seen(guest) == "203.0.113.10"
    site.does_not_reach("outside", "10.0.2.10")


def test_a_floating_ip_leads_across(site: Site) -> None:
    two = l3.port(0x522, "two", {"two4": "10.0.2.10"})
    site.cloud.put(l3.floating_ip("f", ROUTER, FLOATING, "10.0.2.10", two))
    site.reaches("outside", FLOATING)
    site.reaches("one", FLOATING)
    site.does_not_reach("one", "10.0.2.10")
    site.cloud.remove(Ref("floating_ip", "f"))


def test_a_pool_changes_its_scope(site: Site) -> None:
    other, _ = subnets("two")
    site.does_not_reach("one", "10.0.2.10")
    site.cloud.put(msgspec.structs.replace(other, address_scope="A"))
    site.reaches("one", "10.0.2.10")
    site.cloud.put(other)
    site.lab.until(lambda: not site.lab.host.pings("three", "10.0.2.10"), 8, "three does not reach two")


def test_established_connections_follow_the_scope(site: Site) -> None:
    """Those that a new connection could not be any more end, with both IP versions and both ways; others go on."""
    host, cloud = site.lab.host, site.cloud
    four, six = subnets("two")
    two = l3.port(0x522, "two", {"two4": "10.0.2.10"})
    cloud.put(msgspec.structs.replace(four, address_scope="A"), l3.floating_ip("f", ROUTER, FLOATING, "10.0.4.10",
              l3.port(0x524, "four", {"four4": "10.0.4.10"})))  # fmt: skip
    for guest, addresses in (("one", ("10.0.2.10", "fd00:2::10")), ("outside", ("10.0.2.10", FLOATING))):
        for address in addresses:
            site.reaches(guest, address)
    with ExitStack() as all_of:

        def talk(source: str, target: str, address: str, port: int) -> Talking:
            (made,) = all_of.enter_context(talking(host, (source, target), address, port))
            return made

        inward, outward = talk("outside", "two", "10.0.2.10", 7001), talk("two", "outside", OUTSIDE, 7002)
        across, by_six = talk("one", "two", "10.0.2.10", 7003), talk("two", "one", "fd00:1::10", 7004)
        beside, floating = talk("one", "three", "10.0.3.10", 7005), talk("outside", "four", FLOATING, 7006)
        cloud.put(four)
        for each in (inward, outward, across):
            assert eventually(lambda each=each: each.is_silent(0.5), 8)
        for each in (beside, floating, by_six):
            assert each.goes_on()
        translated = talk("two", "outside", OUTSIDE, 7007)
        cloud.put(msgspec.structs.replace(six, address_scope="Y"))
        assert eventually(lambda: by_six.is_silent(0.5), 8)
        assert translated.goes_on()
        cloud.put(msgspec.structs.replace(four, address_scope="A"))
        assert eventually(lambda: translated.is_silent(0.5), 8)
        for each in (beside, floating):
            assert each.goes_on()
        assert by_six.is_silent(0.5)  # the others may go on, where neither end has given up
    assert site.source_seen("two") == two.fixed_ips[0].ip_address
    cloud.remove(Ref("floating_ip", "f"))
    cloud.put(four, six)
