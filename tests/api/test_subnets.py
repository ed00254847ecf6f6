"""Subnets: blocks, pools, gateways, IPv6 modes, overlaps, service types."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.talk import Talk, addresses


def test_a_subnet_has_the_defaults(blue: Talk) -> None:
    network = blue.create("network")
    made = blue.subnet(network, "10.0.0.7/24")
    wanted = {
        "name": "", "network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.1",
        "allocation_pools": [{"start": "10.0.0.2", "end": "10.0.0.254"}], "dns_nameservers": [], "host_routes": [],
        "enable_dhcp": True, "ipv6_ra_mode": None, "ipv6_address_mode": None, "subnetpool_id": None, "description": "",
        "service_types": [], "dns_publish_fixed_ip": False, "router:external": False,
        "tags": [], "revision_number": 1, "project_id": blue.project_id,
        "tenant_id": blue.project_id, "id": made["id"], "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }  # fmt: skip
    assert made == wanted
    seen = blue.show("network", network["id"])
    assert (seen["subnets"], seen["revision_number"]) == ([made["id"]], 2)


def test_a_subnet_is_changed(blue: Talk) -> None:
    _, subnet = blue.network("10.0.0.0/24")
    routes = [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}]
    new = blue.update(
        "subnet", subnet["id"], name="n", dns_nameservers=["192.0.2.1", "192.0.2.2"], host_routes=routes,
        enable_dhcp=False, gateway_ip=None,
    )  # fmt: skip
    assert new["host_routes"] == routes and new["dns_nameservers"] == ["192.0.2.1", "192.0.2.2"]
    assert new["gateway_ip"] is None and new["enable_dhcp"] is False and new["revision_number"] == 2
    for fixed, value in (("cidr", "10.0.1.0/24"), ("ip_version", 6), ("network_id", subnet["network_id"])):
        assert fixed in blue.no_update(400, "HTTPBadRequest", "subnet", subnet["id"], {fixed: value})
    blue.delete("subnet", subnet["id"])
    blue.no_delete(404, "SubnetNotFound", "subnet", subnet["id"])


def test_a_block_as_small_as_it_can_be(blue: Talk) -> None:
    network = blue.create("network")
    made = blue.subnet(network, "10.0.0.0/30")
    assert made["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.2"}]
    made = blue.subnet(network, "10.0.1.0/31", enable_dhcp=False)
    assert made["allocation_pools"] == [{"start": "10.0.1.0", "end": "10.0.1.0"}]
    made = blue.subnet(network, "10.0.2.9/32", enable_dhcp=False, gateway_ip=None)
    assert made["allocation_pools"] == [{"start": "10.0.2.9", "end": "10.0.2.9"}]
    blue.no_create(400, "InvalidInput", "subnet", network_id=network["id"], ip_version=4, cidr="10.0.3.0/31")


@pytest.mark.parametrize(
    ("attributes", "status", "kind", "says"),
    [
        ({"cidr": "10.0.0.128/25"}, 400, "InvalidInput", "10.0.0.128/25"),
        ({"cidr": "2001:db8::/64"}, 400, "InvalidInput", "ip_version"),
        ({"cidr": "224.0.0.0/24"}, 400, "InvalidInput", "224.0.0.0/24"),
        ({"cidr": "127.0.0.0/24"}, 400, "InvalidInput", "127.0.0.0/24"),
        ({"cidr": "0.0.0.0/0"}, 400, "InvalidInput", "0"),
        ({"cidr": "10.1.0.0/33"}, 400, "HTTPBadRequest", "10.1.0.0/33"),
        ({"cidr": "10.1.0.0/24", "gateway_ip": "10.1.0.0"}, 400, "InvalidInput", "10.1.0.0"),
        ({"cidr": "10.1.0.0/24", "gateway_ip": "10.1.0.255"}, 400, "InvalidInput", "10.1.0.255"),
        ({"cidr": "10.1.0.0/24", "gateway_ip": "2001:db8::1"}, 400, "InvalidInput", "2001:db8::1"),
        ({"cidr": "10.1.0.0/24", "gateway_ip": "x"}, 400, "HTTPBadRequest", "'x'"),
        ({"cidr": "10.1.0.0/24", "dns_nameservers": ["2001:db8::1"]}, 400, "InvalidInput", "2001:db8::1"),
        ({"cidr": "10.1.0.0/24", "dns_nameservers": ["192.0.2.1", "192.0.2.1"]}, 400, "HTTPBadRequest", "192.0.2.1"),
        ({"cidr": "10.1.0.0/24", "ip_version": 5}, 400, "HTTPBadRequest", "5"),
        ({"cidr": "10.1.0.0/24", "ipv6_ra_mode": "slaac"}, 400, "InvalidInput", "ipv6_ra_mode"),
        ({"cidr": "10.1.0.0/24", "prefixlen": 24}, 400, "BadRequest", "prefixlen"),
        ({}, 400, "BadRequest", "cidr"),
        ({"subnetpool_id": "7c241101-e2bb-4255-8caf-4136c566a963"}, 404, "SubnetPoolNotFound", "7c241101"),
        ({"subnetpool_id": "x"}, 400, "HTTPBadRequest", "subnetpool_id"),
        ({"cidr": "10.1.0.0/24", "project_id": "other"}, 400, "HTTPBadRequest", "project_id"),
    ],
)
def test_a_wrong_subnet_is_refused(blue: Talk, attributes: dict[str, Any], status: int, kind: str, says: str) -> None:
    network, _ = blue.network("10.0.0.0/24")
    body = {"network_id": network["id"], "ip_version": 4, **attributes}
    assert says in blue.no_create(status, kind, "subnet", body)
    assert len(blue.list("subnet", f"?network_id={network['id']}")) == 1


POOLS: list[tuple[list[tuple[str, str]], int, str]] = [
    ([("10.0.0.9", "10.0.0.5")], 400, "InvalidAllocationPool"),
    ([("10.0.0.9", "2001:db8::9")], 400, "InvalidAllocationPool"),
    ([("2001:db8::1", "2001:db8::9")], 400, "InvalidAllocationPool"),
    ([("10.0.0.9", "10.0.1.9")], 400, "OutOfBoundsAllocationPool"),
    ([("10.0.0.0", "10.0.0.9")], 400, "OutOfBoundsAllocationPool"),
    ([("10.0.0.9", "10.0.0.255")], 400, "OutOfBoundsAllocationPool"),
    ([("10.0.0.5", "10.0.0.9"), ("10.0.0.9", "10.0.0.20")], 409, "OverlappingAllocationPools"),
    ([("10.0.0.1", "10.0.0.9")], 409, "GatewayConflictWithAllocationPools"),
]


@pytest.mark.parametrize(("pools", "status", "kind"), POOLS)
def test_wrong_pools_are_refused(blue: Talk, pools: list[tuple[str, str]], status: int, kind: str) -> None:
    network, subnet = blue.network("10.5.0.0/24")
    given = [{"start": first, "end": last} for first, last in pools]
    body = {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.1"}
    blue.no_create(status, kind, "subnet", {**body, "allocation_pools": given})
    del subnet
    made = blue.create("subnet", body)
    blue.no_update(status, kind, "subnet", made["id"], allocation_pools=given)
    assert blue.show("subnet", made["id"])["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]


def test_pools_bound_what_is_given_out_by_itself(blue: Talk) -> None:
    pools = [{"start": "10.0.0.20", "end": "10.0.0.21"}, {"start": "10.0.0.10", "end": "10.0.0.10"}]
    network, subnet = blue.network("10.0.0.0/24", allocation_pools=pools)
    given = [addresses(blue.port(network))[0] for _ in range(3)]
    assert sorted(given) == ["10.0.0.10", "10.0.0.20", "10.0.0.21"]
    message = blue.no_create(409, "IpAddressGenerationFailure", "port", network_id=network["id"])
    assert network["id"] in message
    outside = blue.port(network, fixed_ips=[{"ip_address": "10.0.0.99"}])
    assert addresses(outside) == ["10.0.0.99"]
    blue.update("subnet", subnet["id"], allocation_pools=[{"start": "10.0.0.98", "end": "10.0.0.100"}])
    rest = [addresses(blue.port(network))[0] for _ in range(2)]
    assert rest == ["10.0.0.98", "10.0.0.100"]
    blue.no_create(409, "IpAddressGenerationFailure", "port", network_id=network["id"])


def test_a_subnet_in_use_stays(blue: Talk) -> None:
    network, subnet = blue.network("10.0.0.0/24")
    port = blue.port(network)
    assert subnet["id"] in blue.no_delete(409, "SubnetInUse", "subnet", subnet["id"])
    blue.delete("port", port["id"])
    blue.delete("subnet", subnet["id"])
    assert blue.show("network", network["id"])["subnets"] == []


def test_a_gateway_in_use_stays(blue: Talk) -> None:
    _, subnet = blue.network("10.0.0.0/24")
    router = blue.create("router")
    blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    blue.no_update(409, "GatewayIpInUse", "subnet", subnet["id"], gateway_ip="10.0.0.254")


def test_a_gateway_moves_and_its_address_is_no_longer_given_out(blue: Talk) -> None:
    network, subnet = blue.network("10.0.0.0/24", allocation_pools=[{"start": "10.0.0.5", "end": "10.0.0.9"}])
    blue.no_update(409, "GatewayConflictWithAllocationPools", "subnet", subnet["id"], gateway_ip="10.0.0.5")
    assert blue.update("subnet", subnet["id"], gateway_ip="10.0.0.4")["gateway_ip"] == "10.0.0.4"
    assert addresses(blue.port(network)) == ["10.0.0.5"]


def test_overlap_is_fine_between_networks_and_refused_on_one(blue: Talk) -> None:
    network, _ = blue.network("10.0.0.0/24")
    blue.network("10.0.0.0/24")
    body = {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/16"}
    assert "overlaps" in blue.no_create(400, "InvalidInput", "subnet", body)


@pytest.mark.parametrize(
    ("modes", "says"),
    [
        ({"ipv6_ra_mode": "slaac", "ipv6_address_mode": "dhcpv6-stateful"}, "slaac"),
        ({"ipv6_address_mode": "slaac", "cidr": "2001:db8::/80"}, "/64"),
        ({"ipv6_address_mode": "slaac", "enable_dhcp": False}, "enable_dhcp"),
        ({"cidr": "fe80::/64"}, "fe80::/64"),
    ],
)
def test_wrong_ipv6_modes_are_refused(blue: Talk, modes: dict[str, Any], says: str) -> None:
    network = blue.create("network")
    body = {"network_id": network["id"], "ip_version": 6, "cidr": "2001:db8::/64", **modes}
    assert says in blue.no_create(400, "InvalidInput", "subnet", body)


def test_ipv6_defaults(blue: Talk) -> None:
    network = blue.create("network")
    made = blue.subnet(network, "2001:db8::/64")
    assert made["gateway_ip"] == "2001:db8::1"
    assert made["allocation_pools"] == [{"start": "2001:db8::2", "end": "2001:db8::ffff:ffff:ffff:ffff"}]


def test_service_types_choose_the_subnet(blue: Talk) -> None:
    network = blue.create("network")
    blue.subnet(network, "10.0.0.0/24", enable_dhcp=False)
    body = {"network_id": network["id"], "ip_version": 4, "cidr": "10.1.0.0/24", "service_types": ["compute:nova"]}
    blue.no_create(400, "HTTPBadRequest", "subnet", {**body, "service_types": ["shoe"]})
    blue.create("subnet", {**body, "enable_dhcp": False})
    assert addresses(blue.port(network))[0].startswith("10.0.0.")
    assert addresses(blue.port(network, device_owner="compute:nova"))[0].startswith("10.1.0.")


def test_service_types_may_leave_nothing(blue: Talk) -> None:
    network = blue.create("network")
    body = {"network_id": network["id"], "ip_version": 4, "cidr": "10.1.0.0/24", "service_types": ["compute:nova"]}
    blue.create("subnet", {**body, "enable_dhcp": False})
    blue.no_create(409, "IpAddressGenerationFailureNoMatchingSubnet", "port", network_id=network["id"])


def test_whether_the_network_is_external(admin: Talk, blue: Talk) -> None:
    network, subnet = admin.network("10.0.0.0/24")
    assert subnet["router:external"] is False
    admin.update("network", network["id"], {"router:external": True})
    assert blue.show("subnet", subnet["id"])["router:external"] is True
    _, own = blue.network("10.1.0.0/24")
    shown = {item["id"]: item["router:external"] for item in blue.list("subnet")}
    assert (shown[subnet["id"]], shown[own["id"]]) == (True, False)
    assert blue.ids("subnet", f"?router:external=True&network_id={network['id']}") == [subnet["id"]]
    assert own["id"] in blue.ids("subnet", "?router:external=False")
    blue.no_create(400, "HTTPBadRequest", "subnet", {"network_id": network["id"], "router:external": True})
