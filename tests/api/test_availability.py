"""The use of addresses: of networks, of their subnets, of the pools in them; lists of it."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Cloud
from tests.api.talk import Talk, addresses

PATH = "/v2.0/network-ip-availabilities"


def show(admin: Talk, network: dict[str, Any], query: str = "") -> dict[str, Any]:
    answer = admin.client.get(f"{PATH}/{network['id']}{query}")
    assert answer.status == 200, answer.body
    return dict(answer.json()["network_ip_availability"])


def listed(admin: Talk, query: str) -> list[dict[str, Any]]:
    answer = admin.client.get(f"{PATH}?{query}")
    assert answer.status == 200, answer.body
    return list(answer.json()["network_ip_availabilities"])


def test_pools_and_what_is_beside_them(admin: Talk, blue: Talk) -> None:
    network, subnet = blue.network("10.3.0.0/28", allocation_pools=[{"start": "10.3.0.3", "end": "10.3.0.7"}])
    ports = [blue.port(network) for _ in range(2)]
    blue.port(network, fixed_ips=[{"ip_address": "10.3.0.12"}])
    shown = show(admin, network)
    details = {
        "total_ips_in_subnet": 14, "total_ips_in_allocation_pool": 5, "used_ips_in_subnet": 3,
        "used_ips_in_allocation_pool": 2,
    }  # fmt: skip
    assert shown == {
        "network_id": network["id"], "network_name": "net", "project_id": blue.project_id, "total_ips": 5,
        "tenant_id": blue.project_id, "used_ips": 3, "ip_availability_details": details, "subnet_ip_availability": [
            {"subnet_id": subnet["id"], "subnet_name": "", "cidr": "10.3.0.0/28", "ip_version": 4, "total_ips": 5,
             "used_ips": 3, "ip_availability_details": details},
        ],
    }  # fmt: skip
    assert show(admin, network, "?fields=used_ips&fields=network_name") == {"used_ips": 3, "network_name": "net"}
    blue.delete("port", ports[0]["id"])
    assert show(admin, network)["ip_availability_details"]["used_ips_in_allocation_pool"] == 1
    assert addresses(ports[1]) == ["10.3.0.4"]


def test_ipv6_and_networks_without_subnets(admin: Talk, blue: Talk) -> None:
    network, _ = blue.network("10.3.0.0/24")
    blue.subnet(network, "2001:db8::/64")
    blue.port(network)
    shown = show(admin, network)
    four, six = sorted(shown["subnet_ip_availability"], key=lambda each: int(each["ip_version"]))
    assert (four["total_ips"], six["total_ips"]) == (253, 2**64 - 2)
    assert six["ip_availability_details"]["total_ips_in_subnet"] == 2**64
    assert shown["total_ips"] == 2**64 + 251
    details = show(admin, blue.create("network"))["ip_availability_details"]
    assert set(details.values()) == {0} and len(details) == 4


def test_filters_and_pages(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    networks = [blue.create("network", name=f"n{number}") for number in range(5)]
    blue.subnet(networks[0], "10.0.0.0/24")
    blue.subnet(networks[0], "2001:db8::/64")
    blue.subnet(networks[1], "10.1.0.0/24")
    ids = sorted(network["id"] for network in networks)
    assert [item["network_id"] for item in listed(admin, "sort_key=network_id")] == ids
    assert [item["network_id"] for item in listed(admin, "sort_key=network_id&sort_dir=desc&limit=2")] == ids[:2:-1]
    assert [item["network_id"] for item in listed(admin, f"limit=2&marker={ids[1]}&sort_key=network_id")] == ids[2:4]
    assert {item["network_name"] for item in listed(admin, "network_name=n1&network_name=n3")} == {"n1", "n3"}
    assert listed(admin, "tenant_id=nobody") == [] and len(listed(admin, f"project_id={blue.project_id}")) == 5
    (six,) = listed(admin, "ip_version=6")
    assert (six["network_name"], six["total_ips"], len(six["subnet_ip_availability"])) == ("n0", 2**64 - 2, 1)
    assert len(listed(admin, "ip_version=4")) == 2
    assert listed(admin, f"network_id={ids[0]}&fields=network_id") == [{"network_id": ids[0]}]
    for wrong in ("colour=red", "ip_version=x", "sort_key=network_name", "limit=x", "marker=x", "total_ips=5"):
        admin.refused(400, "HTTPBadRequest", "GET", f"{PATH}?{wrong}")


def test_only_for_the_administrator(admin: Talk, blue: Talk) -> None:
    network, _ = blue.network("10.3.0.0/24")
    blue.refused(404, "NetworkNotFound", "GET", f"{PATH}/{network['id']}")
    assert listed(blue, "") == []
    admin.refused(404, "NetworkNotFound", "GET", f"{PATH}/x")
