"""Subnets that are brought into a pool, from the API to packets: they are of the pool's address scope from then on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.cloud import Cloud, running
from tests.real.testhost import wait_until
from tests.real.traffic import eventually, talking
from tests.scenarios.test_who_reaches_whom import Project
from tests.scenarios.test_who_reaches_whom import pytestmark as pytestmark

OUTSIDE = "203.0.113.1"
TELLS = """
import socket
server = socket.create_server(("", 8080))
while True:
    connection, (address, _) = server.accept()
    connection.sendall(address.encode())
    connection.close()
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running(Path("/var/tmp")) as made:
        yield made


class Site:
    """An outside in a scope; a project's router with two networks that are in no pool, and a guest on each."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.host, self.project = cloud, cloud.host, Project(cloud, "blue")
        self.scope = self.admin("address-scopes", name="everybody's", ip_version=4, shared=True)["id"]
        prefixes = ["203.0.113.0/24"]
        pool = self.admin("subnetpools", name="public", prefixes=prefixes, address_scope_id=self.scope,
                           default_prefixlen=24)["id"]  # fmt: skip
        self.public = self.admin("networks", name="public", **{
            "router:external": True, "provider:network_type": "flat", "provider:physical_network": "public",
        })["id"]  # fmt: skip
        self.admin("subnets", network_id=self.public, subnetpool_id=pool, ip_version=4, cidr=prefixes[0],
                    gateway_ip=OUTSIDE, enable_dhcp=False)  # fmt: skip
        self.group = self.project.make("security-groups", name="open")["id"]
        self.project.make("security-group-rules", security_group_id=self.group, direction="ingress")
        gateway = {"network_id": self.public}
        self.router = self.project.make("routers", name="router", external_gateway_info=gateway)
        shown = cloud.api.call("GET", f"/v2.0/routers/{self.router['id']}")["router"]["external_gateway_info"]
        self.gateway = shown["external_fixed_ips"][0]["ip_address"]
        self.networks = [self._network(number) for number in (40, 41)]
        self.guests = [self._guest(network, number) for network, number in zip(self.networks, (40, 41), strict=True)]
        self._outside()

    def admin(self, path: str, **body: Any) -> dict[str, Any]:
        member = path[:-1].replace("-", "_")
        made: dict[str, Any] = self.cloud.api.call("POST", f"/v2.0/{path}", {member: body})[member]
        return made

    def _network(self, number: int) -> str:
        id: str = self.project.make("networks", name=f"n{number}")["id"]
        subnet = self.project.make("subnets", network_id=id, ip_version=4, cidr=f"10.{number}.0.0/24")
        path = f"/v2.0/routers/{self.router['id']}/add_router_interface"
        self.project.api.call("PUT", path, {"subnet_id": subnet["id"]})
        return id

    def _guest(self, network: str, number: int) -> dict[str, Any]:
        made = self.project.guest(network, f"g{number}", self.group)
        self.host.run("ip", "-n", made["name"], "route", "add", "default", "via", f"10.{number}.0.1")
        return made

    def _outside(self) -> None:
        self.host.add_guest("outside", "fa:16:3e:ff:00:01", [f"{OUTSIDE}/24"], mtu=1500)
        self.host.run("ovs-vsctl", "add-port", "br-ex", "p-outside")
        self.host.run("ip", "-n", "outside", "route", "add", "10.0.0.0/8", "via", self.gateway)
        self.host.popen("ip", "netns", "exec", "outside", "python3", "-c", TELLS)

    def seen_as(self, guest: dict[str, Any], address: str) -> None:
        """Under which address the outside sees the guest."""
        ask = f"timeout 2 bash -c 'exec 3<>/dev/tcp/{OUTSIDE}/8080 && cat <&3' 2>/dev/null"
        said: list[str] = []

        def is_seen() -> bool:
            said.append(self.host.guest(guest["name"], "sh", "-c", ask).strip())
            return said[-1] == address

        wait_until(is_seen, 15, f"{guest['name']} is seen as {address}: {said[-3:]} {self.cloud.log_tail()}")

    def pings(self, source: str, guest: dict[str, Any]) -> bool:
        return self.host.pings(source, guest["address"])


def test_what_is_onboarded_is_of_the_pools_scope(cloud: Cloud) -> None:
    """Inside the gateway's scope nothing is translated, and everybody reaches it; to another scope nothing goes."""
    site = Site(cloud)
    one, other = site.guests
    for guest in site.guests:
        site.seen_as(guest, site.gateway)
        assert not site.pings("outside", guest)
    assert site.pings("g40", other) and site.pings("g41", one)

    pool = site.admin("subnetpools", name="pool", prefixes=["10.99.0.0/24"], address_scope_id=site.scope, shared=True)
    path = f"/v2.0/subnetpools/{pool['id']}/onboard_network_subnets"
    talk = lambda name, port: talking(site.host, (name, "outside"), OUTSIDE, port)  # noqa: E731
    with talk("g40", 8090) as (translated,), talk("g41", 8091) as (kept,):
        cloud.api.call("PUT", path, {"network_id": site.networks[0]})
        site.seen_as(one, one["address"])
        assert eventually(lambda: site.pings("outside", one), 8)
        assert eventually(lambda: translated.is_silent(0.5), 8) and kept.goes_on()
    site.seen_as(other, site.gateway)
    assert not site.pings("outside", other)
    assert not site.pings("g40", other) and not site.pings("g41", one)
