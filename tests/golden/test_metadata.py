"""What guests read, as text: network_data.json as cloud-init's OpenStack data source knows it, and the rest."""

from __future__ import annotations

import json

import msgspec
import pytest
from tests.fakes import l3
from tests.golden.helper import check_golden

from heddle.agent.metadata.documents import answer, meta_data
from heddle.agent.metadata.guests import Guest, Guests
from heddle.agent.metadata.network_data import network_data
from heddle.host.metadata_wire import News
from heddle.view.types import CLOUD, HostRoute, HostView, NeighbourView, Object, ScopeNews, network_scope

SERVERS = ["9.9.9.9", "1.1.1.1"]
SUBNETS = {
    "dhcp": l3.subnet("dhcp", "n1", "10.0.0.0/24", "10.0.0.1", dns_nameservers=SERVERS),
    "hand": l3.subnet(
        "hand", "n1", "10.0.2.0/23", "10.0.2.1", enable_dhcp=False, dns_nameservers=["9.9.9.9", "0.0.0.0"],
        host_routes=[HostRoute("10.9.0.0/16", "10.0.2.7")],
    ),
    "bare": l3.subnet("bare", "n2", "10.1.0.0/24", enable_dhcp=False),
    "v6": l3.subnet("v6", "n1", "fd00:1::/64", "fd00:1::1", dns_nameservers=["fd00::53"], ipv6_address_mode="slaac"),
    "v6-stateful": l3.subnet("v6-stateful", "n1", "fd00:2::/64", "fd00:2::1", ipv6_address_mode="dhcpv6-stateful"),
    "v6-hand": l3.subnet("v6-hand", "n1", "fd00:3::/64", "fd00:3::1", enable_dhcp=False),
    "v6-dhcp": l3.subnet("v6-dhcp", "n1", "fd00:4::/64", "fd00:4::1"),
}  # fmt: skip
NETWORKS = {"n1": l3.network("n1", mtu=1450), "n2": l3.network("n2", mtu=8950, dns_domain="own.example.")}
FIRST = {
    "dhcp": {"dhcp": "10.0.0.9"},
    "by-hand": {"hand": "10.0.2.9"},
    "both-versions": {"dhcp": "10.0.0.9", "v6": "fd00:1::9", "v6-stateful": "fd00:2::9"},
    "ipv6-by-hand": {"v6-hand": "fd00:3::9", "v6-dhcp": "fd00:4::9"},
    "two-cards": {"dhcp": "10.0.0.9"},
    "no-address": {},
}


def known(*ports: NeighbourView) -> Guests:
    """What is told of two networks with these ports."""
    made = Guests()
    scopes = []
    for id, network in NETWORKS.items():
        items: list[Object] = [network, *(each for each in SUBNETS.values() if each.network_id == id)]
        items += [port for port in ports if port.network_id == id]
        raws = [msgspec.Raw(msgspec.msgpack.encode(item)) for item in items]
        scopes.append(ScopeNews(scope=network_scope(id), whole=True, objects=raws))
    host = HostView(id="host1", availability_zone="north")
    scopes.append(ScopeNews(scope=CLOUD, whole=True, objects=[msgspec.Raw(msgspec.msgpack.encode(host))]))
    made.take(News(scopes=scopes))
    return made


def card(number: int, fixed: dict[str, str], network: str = "n1", **more: object) -> NeighbourView:
    options = {"host": "host1", "device_id": "vm-1", "project_id": "blue", "name": "Web Server_1!", **more}
    return l3.neighbour(l3.port(number, network, fixed), **options)


def guest(kind: str) -> Guest:
    ports = [card(9, FIRST[kind])]
    if kind == "two-cards":
        ports.append(card(8, {"bare": "10.1.0.8"}, "n2"))
    made = known(*ports)
    floating = l3.floating_ip("f", "r1", "203.0.113.9", "10.0.0.9", l3.port(9, "n1", {}))
    raw = msgspec.Raw(msgspec.msgpack.encode(floating))
    made.take(News(scopes=[ScopeNews(scope="router:r1", whole=True, objects=[raw])]))
    found = made.find("n1", "fe80::f816:3eff:fe00:9", l3.mac(9))
    assert found is not None
    return found


def test_a_host_that_says_no_zone_and_one_that_is_not_known() -> None:
    for host in ("", "elsewhere"):
        made = known(card(9, FIRST["dhcp"], host=host)).find("n1", "10.0.0.9", l3.mac(9))
        assert made is not None and "availability_zone" not in meta_data(made, "cloud.", b"seed")
        assert answer(made, "/latest/meta-data/placement/availability-zone", "cloud.").status == 404


@pytest.mark.parametrize("kind", FIRST)
def test_network_data(kind: str) -> None:
    check_golden(f"metadata/{kind}.json", json.dumps(network_data(guest(kind).cards), indent=2) + "\n")


def test_meta_data() -> None:
    check_golden("metadata/meta_data.json", json.dumps(meta_data(guest("dhcp"), "cloud.", b"seed"), indent=2) + "\n")


def test_the_tree() -> None:
    """Every path that lists leads to, folders first looked into."""
    seen: list[str] = []

    def walk(path: str) -> None:
        found = answer(guest("two-cards"), path, "cloud.")
        text = found.body.decode()
        assert found.status == 200, path
        if "seed" in text or "json" in path:
            text = f"({found.type})"
        seen.append(f"== {path}\n{text}\n")
        if path.endswith("/"):
            for name in text.split("\n"):
                walk(path + name + ("/" if path == "/openstack/" else ""))

    for path in ("/openstack/latest/", "/latest/meta-data/"):
        walk(path)
    check_golden("metadata/tree.txt", "".join(seen))
