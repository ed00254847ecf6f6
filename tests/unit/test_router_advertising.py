"""What a router advertises, and what guests are told of what it advertises no more."""

from __future__ import annotations

from tests.fakes import l3
from tests.real.advertisements import read

from heddle.agent.roles.router_advertising import advertised
from heddle.agent.roles.router_plan import RouterInput, plan
from heddle.host.radvd import Advertised, Farewell, advertisement, configuration, farewells

SOURCE = "fe80::1"
ONE = Advertised("qr-a", SOURCE, 1450, True, False, False, (("fd00::/64", True), ("fd00:1::/64", False)))
OTHER = Advertised("qr-b", SOURCE, 1450, False, True, False, (("fd00:2::/64", False),))


def text(*every: Advertised) -> str:
    return "".join(f"{line}\n" for line in configuration(every))


def told(gateway: str, mode: str = "slaac", address: str = "fd00::1", up: bool = True) -> Advertised | None:
    subnet = l3.subnet("s", "n", "fd00::/64", gateway, ipv6_ra_mode=mode)
    return advertised(l3.interface_port(1, "r", "n", {"s": address}), "qr-a", 1450, {"s": subnet}, up)


def test_a_default_router_has_the_gateway_address() -> None:
    cases = {"fd00::1": True, "fe80::1": True, "fd00::9": False, "": False}
    assert {gateway: (found := told(gateway)) is not None and found.default for gateway in cases} == cases
    down = told("fd00::1", up=False)
    assert down is not None and not down.default


def test_no_mode_no_advertisement() -> None:
    assert told("fd00::1", mode="") is None


def test_name_servers_are_those_of_slaac_and_at_most_three() -> None:
    servers = [f"fd00:53::{number}" for number in range(5)]
    subnets = {
        "a": l3.subnet("a", "n", "fd00::/64", "fd00::1", ipv6_ra_mode="slaac", dns_nameservers=servers),
        "b": l3.subnet("b", "n", "fd00:1::/64", "", ipv6_ra_mode="dhcpv6-stateless", dns_nameservers=["fd00:53::9"]),
        "c": l3.subnet("c", "n", "10.0.0.0/24", "10.0.0.1"),
    }
    port = l3.interface_port(1, "r", "n", {"a": "fd00::1", "b": "fd00:1::1", "c": "10.0.0.1"})
    found = advertised(port, "qr-a", 1450, subnets, True)
    assert found is not None and found.servers == tuple(servers[:3])
    assert found.prefixes == (("fd00::/64", True), ("fd00:1::/64", True)) and found.other and not found.managed


def test_a_link_too_small_for_ipv6_has_no_mtu_option() -> None:
    assert "AdvLinkMTU 1450" in text(ONE)
    assert "AdvLinkMTU" not in text(Advertised("qr-a", SOURCE, 1000, True, False, False, ()))


def test_farewells() -> None:
    before = text(ONE, OTHER)
    assert farewells(before, (ONE, OTHER)) == []
    every = [Farewell("qr-a", SOURCE, 0, ONE.prefixes), Farewell("qr-b", SOURCE, 0, OTHER.prefixes)]
    assert farewells(before, ()) == every
    fewer = Advertised("qr-a", SOURCE, 1450, True, False, False, (("fd00:1::/64", False),))
    assert farewells(before, (fewer, OTHER)) == [Farewell("qr-a", SOURCE, 300, (("fd00::/64", True),))]
    no_default = Advertised("qr-a", SOURCE, 1450, False, False, False, ONE.prefixes)
    assert farewells(before, (no_default, OTHER)) == [Farewell("qr-a", SOURCE, 0)]


def test_what_a_farewell_says() -> None:
    said = read(advertisement(Farewell("qr-a", SOURCE, 0, ONE.prefixes)))
    assert said["lifetime"] == 0
    assert said["prefixes"] == {"fd00::/64": [True, 0], "fd00:1::/64": [False, 0]}


def test_addresses_are_as_the_kernel_writes_them() -> None:
    """Or they would be taken away and given again, time and again."""
    subnets = {"s": l3.subnet("s", "n", "fd00:0::/64", "fd00:0::1", ipv6_ra_mode="slaac")}
    port = l3.interface_port(1, "r", "n", {"s": "FD00:0::1"})
    made = plan(RouterInput(l3.router("r"), (port,), {"n": l3.network("n")}, subnets))
    assert made.layout.interfaces[0].addresses == {"fd00::1/64"}
    assert made.advertised[0].default and made.advertised[0].prefixes == (("fd00::/64", True),)
