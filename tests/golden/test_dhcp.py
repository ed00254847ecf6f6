"""dnsmasq's files, as text."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes import l3
from tests.golden.helper import check_golden

from heddle.agent.roles.dhcp_plan import DhcpInput, plan
from heddle.host.dnsmasq import Dnsmasq
from heddle.view.types import DhcpOption, HostRoute


def given(kind: str) -> DhcpInput:
    plain = l3.subnet("s1", "n1", "10.0.0.0/24", "10.0.0.1")
    full = l3.subnet(
        "s1", "n1", "10.0.0.0/24", "10.0.0.1", dns_nameservers=["9.9.9.9", "1.1.1.1"],
        host_routes=[HostRoute("10.9.0.0/16", "10.0.0.7")],
    )  # fmt: skip
    isolated = l3.subnet("s1", "n1", "10.0.0.0/24")
    off = l3.subnet("s2", "n1", "10.0.2.0/24", "10.0.2.1", enable_dhcp=False)
    stateful = l3.subnet("s6", "n1", "fd00:1::/64", "fd00:1::1", ipv6_address_mode="dhcpv6-stateful")
    stateless = l3.subnet("s7", "n1", "fd00:2::/64", "fd00:2::1", ipv6_address_mode="dhcpv6-stateless")
    slaac = l3.subnet("s8", "n1", "fd00:3::/64", "fd00:3::1", ipv6_address_mode="slaac")
    server = l3.dhcp_port(2, "n1", {"s1": "10.0.0.2", "s2": "10.0.2.2", "s6": "fd00:1::2", "s7": "fd00:2::2"})
    web = l3.port(9, "n1", {"s1": "10.0.0.9", "s6": "fd00:1::9", "s7": "fd00:2::9", "s8": "fd00:3::9"})
    other = l3.port(10, "n1", {"s1": "10.0.0.10", "s2": "10.0.2.10"})
    options = [DhcpOption("bootfile-name", "a.0"), DhcpOption("150", "10.0.0.3"), DhcpOption("42", "x\ninjected"),
               DhcpOption("ntp-server", "[fd00:1::7]", 6)]  # fmt: skip
    router = l3.interface_port(1, "r1", "n1", {"s1": "10.0.0.1"})
    people = (l3.neighbour(server), l3.neighbour(other, hostname="bad name,x"), l3.neighbour(web, hostname="Web"))
    optioned = (l3.neighbour(web, hostname="web", dhcp_options=options),)
    named = tuple(
        l3.neighbour(l3.port(number, "n1", {"s1": f"10.0.0.{number}"}), hostname=name, domain=domain)
        for number, name, domain in (
            (20, "web", "own.example."), (21, "web.eu", ""), (22, "db.blue.example.", ""), (23, "db.elsewhere.", ""),
            (24, "db.own.", "own."), (25, "a..b", ""), (26, "x", "bad domain,x"),
        )
    )  # fmt: skip
    cases = {
        "plain": ((plain,), people, ""),
        "full": ((full,), people, "blue.example."),
        "isolated": ((isolated,), people, ""),
        "metadata": ((full,), people, ""),
        "metadata-routed": ((full,), (*people, l3.neighbour(router)), ""),
        "two-subnets": ((off, plain), people, ""),
        "ipv6": ((plain, stateful, stateless, slaac), people, ""),
        "options": ((plain, stateful), optioned, ""),
        "domains": ((plain,), named, "blue.example."),
    }
    subnets, neighbours, domain = cases[kind]
    network = l3.network("n1", dns_domain=domain)
    metadata = kind.startswith(("isolated", "metadata"))
    return DhcpInput(network, server, subnets, neighbours, "openstacklocal", 86400, metadata)


KINDS = [
    "plain", "full", "isolated", "two-subnets", "ipv6", "options", "domains", "metadata", "metadata-routed",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_files(kind: str, tmp_path: Path) -> None:
    made = plan(given(kind))
    server = Dnsmasq("n1", "qdhcp-n1", tmp_path / "run", tmp_path / "state")
    (tmp_path / "run" / "dhcp" / "n1").mkdir(parents=True)
    text = "".join(f"{line}\n" for line in server.configuration(made.files)).replace(str(tmp_path), "")
    check_golden(f"dhcp/{kind}.conf", text.replace("user=root\n", "user=dnsmasq\n"))
    for name in ("hosts", "opts", "names"):
        check_golden(f"dhcp/{kind}.{name}", "".join(f"{line}\n" for line in getattr(made.files, name)))


def test_the_layout_has_the_servers_addresses_and_a_way_out() -> None:
    made = plan(given("plain"))
    (interface,) = made.layout.interfaces
    assert interface.name == "tap00000002-00"
    assert interface.addresses == {"10.0.0.2/24"}
    assert {(route.destination, route.gateway) for route in made.layout.routes} == {("0.0.0.0/0", "10.0.0.1")}


@pytest.mark.parametrize(
    ("kind", "addresses"),
    [
        ("isolated", {"10.0.0.2/24", "169.254.169.254/32", "fe80::a9fe:a9fe/64"}),
        ("metadata", {"10.0.0.2/24", "169.254.169.254/32", "fe80::a9fe:a9fe/64"}),
        ("metadata-routed", {"10.0.0.2/24"}),
        ("plain", {"10.0.0.2/24"}),
    ],
)
def test_who_has_no_router_finds_the_metadata_at_the_server(kind: str, addresses: set[str]) -> None:
    (interface,) = plan(given(kind)).layout.interfaces
    assert interface.addresses == addresses
