"""Floating IPs: their life, what they reach, and what stands in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.api.talk import Talk, addresses

ID = "7c241101-e2bb-4255-8caf-4136c566a963"


@dataclass
class Site:
    """An external network, and a tenant's network behind a router with its gateway there."""

    external: dict[str, str]
    network: dict[str, Any]
    subnet: dict[str, Any]
    router: dict[str, Any]


@pytest.fixture
def site(blue: Talk, outside: Callable[..., dict[str, str]]) -> Site:
    external = outside()
    network, subnet = blue.network("10.0.0.0/24")
    router = blue.create("router", external_gateway_info={"network_id": external["id"]})
    blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    return Site(external, network, subnet, router)


def test_one_that_reaches_nothing(admin: Talk, blue: Talk, site: Site) -> None:
    made = blue.create("floatingip", floating_network_id=site.external["id"])
    wanted = {
        "floating_network_id": site.external["id"], "floating_ip_address": "203.0.113.3", "router_id": None,
        "port_id": None, "fixed_ip_address": None, "status": "DOWN", "port_details": None, "port_forwardings": [],
        "qos_policy_id": None,
        "description": "",
        "dns_name": "", "dns_domain": "", "tags": [], "revision_number": 1, "project_id": blue.project_id,
        "tenant_id": blue.project_id, "id": made["id"], "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }  # fmt: skip
    assert made == wanted and blue.show("floatingip", made["id"]) == made
    (port,) = admin.list("port", f"?device_id={made['id']}")
    assert (port["device_owner"], addresses(port)) == ("network:floatingip", ["203.0.113.3"])
    admin.no_delete(409, "ServicePortInUse", "port", port["id"])
    blue.delete("floatingip", made["id"])
    assert admin.list("port", f"?device_id={made['id']}") == []
    blue.no_delete(404, "FloatingIPNotFound", "floatingip", made["id"])


def test_one_that_reaches_a_port(blue: Talk, site: Site) -> None:
    port = blue.port(site.network, name="web")
    made = blue.create("floatingip", floating_network_id=site.external["id"], port_id=port["id"])
    assert (made["port_id"], made["router_id"]) == (port["id"], site.router["id"])
    assert made["fixed_ip_address"] == addresses(port)[0]
    assert made["port_details"] == {
        "name": "web", "network_id": site.network["id"], "mac_address": port["mac_address"], "admin_state_up": True,
        "status": "DOWN", "device_id": "", "device_owner": "",
    }  # fmt: skip
    for query in (f"port_id={port['id']}", f"router_id={site.router['id']}", "fixed_ip_address=10.0.0.2"):
        assert blue.ids("floatingip", f"?{query}") == [made["id"]], query
    free = blue.update("floatingip", made["id"], port_id=None)
    assert (free["port_id"], free["router_id"], free["fixed_ip_address"]) == (None, None, None)
    assert free["revision_number"] == 2
    blue.update("floatingip", made["id"], port_id=port["id"])
    blue.delete("port", port["id"])
    assert blue.show("floatingip", made["id"])["port_id"] is None


def test_what_needs_it_stays(blue: Talk, site: Site) -> None:
    port = blue.port(site.network)
    blue.create("floatingip", floating_network_id=site.external["id"], port_id=port["id"])
    path = f"/v2.0/routers/{site.router['id']}"
    blue.refused(
        409, "RouterInterfaceInUseByFloatingIP", "PUT", f"{path}/remove_router_interface",
        {"subnet_id": site.subnet["id"]},
    )  # fmt: skip
    kind = "RouterExternalGatewayInUseByFloatingIp"
    blue.refused(409, kind, "PUT", path, {"router": {"external_gateway_info": None}})


def test_a_port_keeps_the_address_that_one_reaches(blue: Talk, site: Site) -> None:
    port = blue.port(site.network, fixed_ips=[{"ip_address": "10.0.0.8"}])
    made = blue.create("floatingip", floating_network_id=site.external["id"], port_id=port["id"])
    other = [{"ip_address": "10.0.0.9"}]
    assert port["id"] in blue.no_update(400, "BadRequest", "port", port["id"], fixed_ips=other)
    assert addresses(blue.show("port", port["id"])) == ["10.0.0.8"]
    blue.update("port", port["id"], fixed_ips=[*other, {"ip_address": "10.0.0.8"}])
    blue.update("floatingip", made["id"], port_id=None)
    blue.update("port", port["id"], fixed_ips=other)


def test_an_update_of_nothing_ends_the_association(blue: Talk, site: Site) -> None:
    port = blue.port(site.network)
    made = blue.create("floatingip", floating_network_id=site.external["id"], port_id=port["id"])
    assert blue.update("floatingip", made["id"], description="d")["port_id"] == port["id"]
    free = blue.update("floatingip", made["id"])
    assert (free["port_id"], free["router_id"], free["description"]) == (None, None, "d")


@dataclass
class Nested:
    """A port two routers away from the external network, and the outer router."""

    port: dict[str, Any]
    outer: dict[str, Any]
    external: dict[str, str]


@pytest.fixture
def nested(blue: Talk, outside: Callable[..., dict[str, str]]) -> Nested:
    external = outside()
    far, far_subnet = blue.network("10.0.0.0/24")
    between, _ = blue.network("10.1.0.0/24")
    outer = blue.create("router", external_gateway_info={"network_id": external["id"]})
    inner = blue.create("router")
    blue.put(f"/v2.0/routers/{inner['id']}/add_router_interface", {"subnet_id": far_subnet["id"]})
    for router in (inner, outer):
        joint = blue.port(between)
        blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"port_id": joint["id"]})
    return Nested(blue.port(far), outer, external)


def test_a_router_is_named_that_reaches_the_port_by_way_of_another(blue: Talk, nested: Nested) -> None:
    body = {"floating_network_id": nested.external["id"], "port_id": nested.port["id"]}
    blue.no_create(404, "ExternalGatewayForFloatingIPNotFound", "floatingip", body)
    made = blue.create("floatingip", body, router_id=nested.outer["id"])
    assert (made["router_id"], made["port_id"]) == (nested.outer["id"], nested.port["id"])
    assert blue.update("floatingip", made["id"], description="d")["router_id"] == nested.outer["id"]
    kind = "ExternalGatewayForFloatingIPNotFound"
    blue.no_update(404, kind, "floatingip", made["id"], port_id=nested.port["id"])
    blue.no_update(404, kind, "floatingip", made["id"], router_id=None)
    free = blue.update("floatingip", made["id"], port_id=None)
    assert (free["router_id"], free["fixed_ip_address"]) == (None, None)
    both = {"port_id": nested.port["id"], "router_id": nested.outer["id"]}
    assert blue.update("floatingip", made["id"], both)["router_id"] == nested.outer["id"]
    kind = "RouterExternalGatewayInUseByFloatingIp"
    blue.no_update(409, kind, "router", nested.outer["id"], external_gateway_info=None)


def test_wrong_routers_are_refused(
    blue: Talk, red: Talk, nested: Nested, outside: Callable[..., dict[str, str]]
) -> None:
    elsewhere = outside("198.51.100.0/24")
    other = blue.create("router", external_gateway_info={"network_id": elsewhere["id"]})
    foreign = red.create("router", external_gateway_info={"network_id": nested.external["id"]})
    body = {"floating_network_id": nested.external["id"], "port_id": nested.port["id"]}
    without = {"floating_network_id": nested.external["id"]}
    kind = "RouterWithoutGatewayForFloatingIP"
    assert other["id"] in blue.no_create(409, kind, "floatingip", body, router_id=other["id"])
    blue.no_create(404, "RouterNotFound", "floatingip", body, router_id=foreign["id"])
    blue.no_create(404, "RouterNotFound", "floatingip", body, router_id=ID)
    blue.no_create(400, "HTTPBadRequest", "floatingip", body, router_id="x")
    assert "router_id" in blue.no_create(400, "BadRequest", "floatingip", without, router_id=nested.outer["id"])
    made = blue.create("floatingip", without)
    blue.no_update(400, "BadRequest", "floatingip", made["id"], router_id=nested.outer["id"])
    assert blue.ids("floatingip") == [made["id"]]


def test_pools_are_the_subnets_of_external_networks(admin: Talk, blue: Talk, site: Site) -> None:
    more = admin.subnet({"id": site.external["id"]}, "198.51.100.0/24", name="more", enable_dhcp=False)
    admin.subnet({"id": site.external["id"]}, "2001:db8::/64", enable_dhcp=False)
    pools = blue.list("floatingip_pool", f"?network_id={site.external['id']}")
    assert {pool["cidr"] for pool in pools} == {"203.0.113.0/24", "198.51.100.0/24"}
    assert next(pool for pool in pools if pool["subnet_id"] == more["id"]) == {
        "subnet_id": more["id"], "subnet_name": "more", "network_id": site.external["id"], "cidr": "198.51.100.0/24",
        "project_id": blue.project_id, "tenant_id": blue.project_id,
    }  # fmt: skip
    for pool in pools:
        made = blue.create("floatingip", floating_network_id=pool["network_id"], subnet_id=pool["subnet_id"])
        assert made["floating_ip_address"].startswith(pool["cidr"].removesuffix("0/24"))
    assert blue.list("floatingip_pool", f"?subnet_id={more['id']}&fields=cidr") == [{"cidr": "198.51.100.0/24"}]
    assert site.subnet["id"] not in {pool["subnet_id"] for pool in blue.list("floatingip_pool")}
    blue.refused(400, "HTTPBadRequest", "GET", "/v2.0/floatingip_pools?colour=red")
    assert blue.client.get("/v2.0/floatingip-pools").json() == blue.client.get("/v2.0/floatingip_pools").json()


def test_several_addresses_on_a_port(blue: Talk, site: Site) -> None:
    port = blue.port(site.network, fixed_ips=[{"ip_address": "10.0.0.50"}, {"ip_address": "10.0.0.51"}])
    body = {"floating_network_id": site.external["id"], "port_id": port["id"]}
    assert "multiple" in blue.no_create(400, "BadRequest", "floatingip", body)
    made = blue.create("floatingip", body, fixed_ip_address="10.0.0.51")
    assert made["fixed_ip_address"] == "10.0.0.51"
    kind = "FloatingIPPortAlreadyAssociated"
    assert made["floating_ip_address"] != "" and "10.0.0.51" in blue.no_create(
        409, kind, "floatingip", body, fixed_ip_address="10.0.0.51"
    )
    moved = blue.update("floatingip", made["id"], port_id=port["id"], fixed_ip_address="10.0.0.50")
    assert moved["fixed_ip_address"] == "10.0.0.50"
    blue.no_update(400, "BadRequest", "floatingip", made["id"], port_id=port["id"], fixed_ip_address="10.0.0.99")


def test_wrong_ones_are_refused(admin: Talk, blue: Talk, red: Talk, site: Site) -> None:
    port = blue.port(site.network)
    lonely = blue.port(blue.network("10.5.0.0/24")[0])
    bare = blue.port(blue.create("network"))
    foreign = red.port(red.network("10.6.0.0/24")[0])
    v6 = admin.create("network", {"router:external": True})
    admin.subnet(v6, "2001:db8::/64", enable_dhcp=False)
    external = {"floating_network_id": site.external["id"]}
    cases: list[tuple[int, str, dict[str, Any]]] = [
        (400, "HTTPBadRequest", {}),
        (400, "HTTPBadRequest", {"floating_network_id": "x"}),
        (404, "NetworkNotFound", {"floating_network_id": ID}),
        (400, "BadRequest", {"floating_network_id": site.network["id"]}),
        (400, "BadRequest", {"floating_network_id": v6["id"]}),
        (404, "PortNotFound", {**external, "port_id": ID}),
        (404, "PortNotFound", {**external, "port_id": foreign["id"]}),
        (404, "ExternalGatewayForFloatingIPNotFound", {**external, "port_id": lonely["id"]}),
        (400, "BadRequest", {**external, "port_id": bare["id"]}),
        (400, "BadRequest", {**external, "fixed_ip_address": "10.0.0.2"}),
        (400, "BadRequest", {**external, "port_id": port["id"], "fixed_ip_address": "10.0.0.99"}),
        (400, "HTTPBadRequest", {**external, "status": "ACTIVE"}),
        (403, "PolicyNotAuthorized", {**external, "floating_ip_address": "203.0.113.99"}),
        (400, "InvalidInput", {**external, "subnet_id": site.subnet["id"]}),
    ]
    for status, kind, body in cases:
        blue.no_create(status, kind, "floatingip", body)
    assert blue.list("floatingip") == []
    made = admin.create("floatingip", external, floating_ip_address="203.0.113.99")
    assert made["floating_ip_address"] == "203.0.113.99"
    admin.no_create(409, "IpAddressAlreadyAllocated", "floatingip", external, floating_ip_address="203.0.113.99")
    admin.no_create(400, "InvalidIpForNetwork", "floatingip", external, floating_ip_address="10.0.0.99")
    by_subnet = blue.create("floatingip", external, subnet_id=site.external["subnet_id"])
    assert by_subnet["floating_ip_address"].startswith("203.0.113.")


def test_no_address_left(blue: Talk, outside: Callable[..., dict[str, str]]) -> None:
    external = outside("198.51.100.0/30")
    blue.create("floatingip", floating_network_id=external["id"])
    blue.no_create(409, "IpAddressGenerationFailure", "floatingip", floating_network_id=external["id"])
