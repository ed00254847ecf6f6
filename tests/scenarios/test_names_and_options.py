"""What a guest learns from its network's DHCP server, from the API to packets: names of others, and DHCP options.

Guests ask as guests do: by datagrams to the server, and with a client of DHCP.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest
from bench.cloud import NAME, Cloud, running
from tests.real import questions
from tests.real.testhost import wait_until
from tests.scenarios.test_who_reaches_whom import Project
from tests.scenarios.test_who_reaches_whom import pytestmark as pytestmark

TOOL = questions.__file__
SCRIPT = "/run/told"
GONE = ["NXDOMAIN"]


class Net:
    """A network of a project with DHCP for both IP versions, in the ranges that all such networks have."""

    def __init__(self, project: Project, **more: Any) -> None:
        self.project, self.cloud = project, project.cloud
        made = project.make("networks", name="net", **more)
        self.id, self.mtu = made["id"], made["mtu"]
        modes = {"ipv6_address_mode": "dhcpv6-stateful", "ipv6_ra_mode": "dhcpv6-stateful"}
        self.four = project.make("subnets", network_id=self.id, ip_version=4, cidr="10.0.0.0/24")["id"]
        self.six = project.make("subnets", network_id=self.id, ip_version=6, cidr="fd00::/64", **modes)["id"]
        (server,) = self._ports("network:dhcp")
        self.servers = [self.address(server, each) for each in (self.four, self.six)]

    def _ports(self, owner: str) -> list[dict[str, Any]]:
        query = f"/v2.0/ports?network_id={self.id}&device_owner={owner}"
        found: list[dict[str, Any]] = self.project.api.call("GET", query)["ports"]
        return found

    @staticmethod
    def address(port: dict[str, Any], subnet: str) -> str:
        return next(str(each["ip_address"]) for each in port["fixed_ips"] if each["subnet_id"] == subnet)

    def fixed(self, number: int) -> list[dict[str, str]]:
        return [{"subnet_id": self.four, "ip_address": f"10.0.0.{number}"},
                {"subnet_id": self.six, "ip_address": f"fd00::{number}"}]  # fmt: skip

    def guest(self, name: str, number: int, by_hand: bool = True, **more: Any) -> str:
        """A guest with the addresses of this number, which are set by hand or not; gives its port's id."""
        port = self.project.make("ports", network_id=self.id, fixed_ips=self.fixed(number), **more)
        self.cloud.api.call("PUT", f"/v2.0/ports/{port['id']}", {"port": {"binding:host_id": NAME}})
        cidrs = [f"10.0.0.{number}/24", f"fd00::{number}/64"] if by_hand else []
        self.cloud.host.plug(name, port["mac_address"], cidrs, port["id"])
        up = lambda: self.project.port(port["id"])["status"] == "ACTIVE"  # noqa: E731
        wait_until(up, 15, f"the port is up: {self.cloud.log_tail()}")
        return str(port["id"])

    def change(self, port: str, **body: Any) -> None:
        self.project.api.call("PUT", f"/v2.0/ports/{port}", {"port": body})

    def told(self, guest: str, kind: str, *names: str, version: int = 4) -> list[str]:
        """What the guest is told of each name by the server, asked by an IP version; [] while none answers."""
        server = self.servers[version == 6]
        return self.cloud.host.guest(guest, sys.executable, TOOL, "dns", server, kind, *names).splitlines()

    def becomes(self, wanted: list[str], guest: str, kind: str, *names: str) -> None:
        wait_until(lambda: self.told(guest, kind, *names) == wanted, 8, f"{names} are {wanted}")


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running(Path("/var/tmp")) as made:
        made.host.sh(f"printf '#!/bin/sh\\n[ $1 = bound ] && env\\n' >{SCRIPT}; chmod 755 {SCRIPT}")
        yield made


@pytest.fixture(scope="module")
def blue(cloud: Cloud) -> Net:
    """A network with a domain of its own, where `ask` asks."""
    net = Net(Project(cloud, "blue"), dns_domain="blue.example.")
    net.guest("ask", 9, dns_name="ask")
    return net


@pytest.fixture(scope="module")
def red(cloud: Cloud) -> Net:
    """One of another project, with the same names and addresses, in the domain of the cloud."""
    net = Net(Project(cloud, "red"))
    net.guest("other", 9, dns_name="other")
    return net


def test_the_names_of_a_network_are_answered_there_alone(blue: Net, red: Net) -> None:
    blue.guest("web", 10, dns_name="web")
    red.guest("far", 20, dns_name="web")
    red.guest("secret", 21, dns_name="secret")
    ours, full = "web.blue.example", "web.openstacklocal"
    blue.becomes(["NOERROR 10.0.0.10"], "ask", "A", ours)
    red.becomes(["NOERROR 10.0.0.21"], "other", "A", "secret.openstacklocal")
    assert blue.told("ask", "AAAA", ours) == blue.told("ask", "AAAA", ours, version=6) == ["NOERROR fd00::10"]
    assert blue.told("ask", "A", "web", version=6) == ["NOERROR 10.0.0.10"]
    assert red.told("other", "A", full, "web") == ["NOERROR 10.0.0.20"] * 2
    assert red.told("other", "AAAA", full, version=6) == ["NOERROR fd00::20"]
    for version in (4, 6):
        refused = blue.told("ask", "A", full, "secret.openstacklocal", "example.org", version=version)
        assert refused == ["REFUSED"] * 3
        assert red.told("other", "A", ours, version=version) == ["REFUSED"]
        assert blue.told("ask", "A", "secret.blue.example", version=version) == GONE


def test_addresses_that_do_not_come_by_dhcp_have_names_too(blue: Net) -> None:
    """Those that guests make of advertisements, and those of a subnet without DHCP."""
    net = Net(blue.project)
    net.guest("plain", 9)
    modes = {"ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac"}
    subnets = [
        blue.project.make("subnets", network_id=net.id, ip_version=6, cidr="fd00:5::/64", **modes)["id"],
        blue.project.make("subnets", network_id=net.id, ip_version=4, cidr="10.5.0.0/24", enable_dhcp=False)["id"],
    ]
    fixed = [{"subnet_id": each} for each in subnets]
    port = blue.project.make("ports", network_id=net.id, fixed_ips=fixed, dns_name="made")
    six, four = (net.address(port, each) for each in subnets)
    net.becomes([f"NOERROR {six}"], "plain", "AAAA", "made.openstacklocal")
    assert net.told("plain", "A", "made", "unmade.openstacklocal") == [f"NOERROR {four}", *GONE]


def test_an_address_leads_to_its_name(blue: Net, red: Net) -> None:
    reverse = ("10.0.0.10.in-addr.arpa", "9.0.0.10.in-addr.arpa")
    six = "9." + "0." * 27 + "0.0.d.f.ip6.arpa"
    blue.becomes(["NOERROR ask.blue.example."], "ask", "PTR", reverse[1])
    red.becomes(["NOERROR other.openstacklocal."], "other", "PTR", reverse[1])
    assert blue.told("ask", "PTR", six) == ["NOERROR ask.blue.example."]
    assert red.told("other", "PTR", six, version=6) == ["NOERROR other.openstacklocal."]
    assert blue.told("ask", "PTR", "77.0.0.10.in-addr.arpa")[0].split()[0] != "NOERROR"


def test_names_follow_what_is_changed(cloud: Cloud, blue: Net) -> None:
    """Of a guest that holds a lease, too."""
    port = blue.guest("moves", 30, by_hand=False, dns_name="before")
    assert options(cloud, "moves")["ip"] == "10.0.0.30"
    blue.becomes(["NOERROR 10.0.0.30", *GONE], "ask", "A", "before.blue.example", "after.blue.example")
    blue.change(port, dns_name="after")
    blue.becomes([*GONE, "NOERROR 10.0.0.30"], "ask", "A", "before.blue.example", "after.blue.example")
    blue.change(port, fixed_ips=blue.fixed(31))
    blue.becomes(["NOERROR 10.0.0.31"], "ask", "A", "after.blue.example")
    assert blue.told("ask", "AAAA", "after.blue.example") == ["NOERROR fd00::31"]
    path = f"/v2.0/networks/{blue.id}"
    blue.project.api.call("PUT", path, {"network": {"dns_domain": "new.example."}})
    blue.becomes(["NOERROR 10.0.0.31", "REFUSED"], "ask", "A", "after.new.example", "after.blue.example")
    blue.project.api.call("PUT", path, {"network": {"dns_domain": "blue.example."}})
    blue.becomes(["NOERROR 10.0.0.31"], "ask", "A", "after.blue.example")
    blue.project.api.call("DELETE", f"/v2.0/ports/{port}")
    blue.becomes(GONE, "ask", "A", "after.blue.example")


def test_a_guest_does_not_name_itself(cloud: Cloud, blue: Net) -> None:
    """The name that it says when it asks for its lease is nobody's."""
    blue.guest("thief", 40, by_hand=False)
    assert options(cloud, "thief", "-x", "hostname:ask")["ip"] == "10.0.0.40"
    assert options(cloud, "thief", "-x", "hostname:mine")["hostname"] == "host-10-0-0-40"
    found = blue.told("ask", "A", "ask.blue.example", "mine.blue.example", "host-10-0-0-40.blue.example")
    assert found == ["NOERROR 10.0.0.9", *GONE, "NOERROR 10.0.0.40"]


def options(cloud: Cloud, guest: str, *words: str) -> dict[str, str]:
    """What a guest is told with its lease, by the names that busybox has for it; nothing without a lease."""
    client = ("busybox", "udhcpc", "-f", "-q", "-n", "-t", "8", "-T", "1", "-i", "eth0", "-s", SCRIPT, *words)
    lines = cloud.host.guest(guest, "env", "-i", "PATH=/usr/sbin:/usr/bin:/bin", *client).splitlines()
    return dict(line.partition("=")[::2] for line in lines if "=" in line)


def options6(cloud: Cloud, guest: str, *codes: int) -> dict[int, bytes]:
    """Of DHCPv6, by their numbers."""
    lines = cloud.host.guest(guest, sys.executable, TOOL, "dhcp6", *map(str, codes), check=True).split()
    return {int(code): bytes.fromhex(value) for code, value in zip(lines[::2], lines[1::2], strict=True)}


def extra(version: int = 4, **values: str | None) -> list[dict[str, Any]]:
    """Options of a port by their names, in which "_" stands for "-"; a number has one before it."""
    named = {name.lstrip("_").replace("_", "-"): value for name, value in values.items()}
    return [{"opt_name": name, "opt_value": value, "ip_version": version} for name, value in named.items()]


def process(net: Net) -> str:
    """That of the network's server."""
    return net.cloud.host.run("pgrep", "-f", f"conf-file=.*/{net.id}/conf", check=False).strip()


ASKED = ("-O", "tftp", "-O", "bootfile", "-O", "0x96", "-O", "mtu")
BOOT, PARAM, SEARCH, SERVERS = 59, 60, 24, 23


def test_options_of_a_port_are_told_to_its_guest_alone(cloud: Cloud, blue: Net) -> None:
    """They take the place of those of its subnet, and are read with the next lease after a change."""
    given = extra(tftp_server="10.9.9.9", bootfile_name="boot.0", mtu="1300", _150="10.9.9.8",
                  server_ip_address="10.9.9.7")  # fmt: skip
    port = blue.guest("boots", 50, by_hand=False, extra_dhcp_opts=given)
    blue.guest("usual", 51, by_hand=False)

    def told(guest: str) -> list[str]:
        found = options(cloud, guest, *ASKED)
        return [found.get(name, "") for name in ("ip", "tftp", "bootfile", "mtu", "opt150", "siaddr", "router")]

    server, mtu = blue.servers[0], str(blue.mtu)
    assert told("boots") == ["10.0.0.50", "10.9.9.9", "boot.0", "1300", "0a090908", "10.9.9.7", "10.0.0.1"]
    plain = ["10.0.0.51", "", "", mtu, "", server, "10.0.0.1"]
    assert told("usual") == plain
    server_runs = process(blue)
    for number in (3, 2):
        blue.change(port, extra_dhcp_opts=extra(tftp_server=f"10.9.9.{number}"))
        wait_until(lambda: told("boots")[1] == f"10.9.9.{number}", 8, "the guest is told another value")  # noqa: B023
    blue.change(port, extra_dhcp_opts=extra(tftp_server="10.9.9.1", bootfile_name=None, mtu=None, router="10.0.0.77"))
    wanted = ["10.0.0.50", "10.9.9.1", "", mtu, "0a090908", "10.9.9.7", "10.0.0.77"]
    wait_until(lambda: told("boots") == wanted, 8, "the guest is told what was changed")
    assert process(blue) == server_runs != "", "the server read it again"
    blue.change(port, extra_dhcp_opts=extra(tftp_server=None, _150=None, server_ip_address=None, router=None))
    wait_until(lambda: told("boots") == ["10.0.0.50", *plain[1:]], 8, "the guest is told what others are")
    assert told("usual") == plain


def test_options_of_dhcpv6(cloud: Cloud, blue: Net) -> None:
    given = extra(6, bootfile_url="tftp://[fd00::5]/boot", _60="quiet", dns_server="fd00:53::1")
    port = blue.guest("boots6", 60, by_hand=False, extra_dhcp_opts=[*given, *extra(bootfile_name="four")])
    blue.guest("plain6", 61, by_hand=False)

    def told(guest: str) -> dict[int, bytes]:
        return options6(cloud, guest, BOOT, PARAM, SEARCH, SERVERS)

    search = b"\4blue\7example\0"
    plain = {SEARCH: search, SERVERS: IPv6Address(blue.servers[1]).packed}
    found = told("boots6")
    assert found[BOOT] == b"tftp://[fd00::5]/boot" and found[PARAM].endswith(b"quiet")
    assert found[SEARCH] == search and found[SERVERS] == IPv6Address("fd00:53::1").packed
    assert told("plain6") == plain
    blue.change(port, extra_dhcp_opts=extra(6, bootfile_url="http://[fd00::6]/", _60=None, dns_server=None))
    wanted = {BOOT: b"http://[fd00::6]/", **plain}
    wait_until(lambda: told("boots6") == wanted, 8, "the guest is told what was changed")
    assert options(cloud, "boots6", *ASKED)["bootfile"] == "four" and told("plain6") == plain


def test_what_dnsmasq_does_not_know_keeps_nothing_else_from_guests(cloud: Cloud, blue: Net) -> None:
    """An option that has no such value, or that nobody knows, is not told; the others of the port are."""
    given = extra(tftp_server="10.9.9.9", no_such_option="x", mtu="not a number", bootfile_name="boot.0")
    blue.guest("odd", 70, by_hand=False, extra_dhcp_opts=given)
    found = options(cloud, "odd", *ASKED)
    assert (found["ip"], found["tftp"], found["bootfile"]) == ("10.0.0.70", "10.9.9.9", "boot.0")
    blue.becomes(["NOERROR 10.0.0.9"], "ask", "A", "ask.blue.example")
