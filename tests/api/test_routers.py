"""Routers: interfaces, the gateway, extra routes, and the host that carries them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk, addresses

External = Callable[..., dict[str, str]]
ID = "7c241101-e2bb-4255-8caf-4136c566a963"


def act(talk: Talk, router: dict[str, Any], action: str, /, **body: Any) -> dict[str, Any]:
    return talk.put(f"/v2.0/routers/{router['id']}/{action}", body)


def no_act(talk: Talk, status: int, kind: str, router: dict[str, Any], action: str, body: Any) -> str:
    return talk.refused(status, kind, "PUT", f"/v2.0/routers/{router['id']}/{action}", body)


def test_a_router_has_the_defaults(blue: Talk) -> None:
    made = blue.create("router", name="r")
    wanted = {
        "name": "r", "description": "", "admin_state_up": True, "status": "ACTIVE", "external_gateway_info": None,
        "routes": [], "flavor_id": None, "conntrack_helpers": [], "enable_ndp_proxy": False, "tags": [],
        "revision_number": 1,
        "availability_zones": [], "availability_zone_hints": [],
        "project_id": blue.project_id, "tenant_id": blue.project_id,
        "id": made["id"], "created_at": made["created_at"], "updated_at": made["created_at"],
    }  # fmt: skip
    assert made == wanted and blue.show("router", made["id"]) == made
    assert blue.update("router", made["id"], name="s", admin_state_up=False)["revision_number"] == 2
    blue.delete("router", made["id"])
    blue.no_delete(404, "RouterNotFound", "router", made["id"])


def test_an_interface_by_subnet(blue: Talk) -> None:
    network, subnet = blue.network("10.0.0.0/24")
    router = blue.create("router")
    done = act(blue, router, "add_router_interface", subnet_id=subnet["id"])
    assert done == {
        "id": router["id"], "port_id": done["port_id"], "subnet_id": subnet["id"], "subnet_ids": [subnet["id"]],
        "network_id": network["id"], "project_id": blue.project_id, "tenant_id": blue.project_id, "tags": [],
    }  # fmt: skip
    port = blue.show("port", done["port_id"])
    assert (addresses(port), port["device_id"]) == (["10.0.0.1"], router["id"])
    assert (port["device_owner"], port["security_groups"]) == ("network:router_interface", [])
    no_act(blue, 400, "BadRequest", router, "add_router_interface", {"subnet_id": subnet["id"]})
    blue.no_delete(409, "RouterInUse", "router", router["id"])
    blue.no_delete(409, "ServicePortInUse", "port", port["id"])
    blue.no_delete(409, "SubnetInUse", "subnet", subnet["id"])
    other = blue.create("router")
    no_act(blue, 409, "IpAddressAlreadyAllocated", other, "add_router_interface", {"subnet_id": subnet["id"]})
    assert act(blue, router, "remove_router_interface", subnet_id=subnet["id"])["port_id"] == port["id"]
    no_act(
        blue, 404, "RouterInterfaceNotFoundForSubnet", router, "remove_router_interface", {"subnet_id": subnet["id"]}
    )
    assert blue.show("router", router["id"])["revision_number"] == 3
    blue.delete("router", router["id"])


def test_an_interface_by_port(blue: Talk) -> None:
    network, subnet = blue.network("10.0.0.0/24")
    router = blue.create("router")
    port = blue.port(network, fixed_ips=[{"ip_address": "10.0.0.77"}])
    done = act(blue, router, "add_router_interface", port_id=port["id"])
    assert (done["port_id"], done["subnet_id"]) == (port["id"], subnet["id"])
    used = blue.show("port", port["id"])
    assert (used["device_owner"], used["port_security_enabled"]) == ("network:router_interface", False)
    no_act(blue, 409, "PortInUse", blue.create("router"), "add_router_interface", {"port_id": port["id"]})
    wrong = {"port_id": port["id"], "subnet_id": blue.network("10.1.0.0/24")[1]["id"]}
    no_act(blue, 409, "SubnetMismatchForPort", router, "remove_router_interface", wrong)
    act(blue, router, "remove_router_interface", port_id=port["id"])
    blue.refused(404, "PortNotFound", "GET", f"/v2.0/ports/{port['id']}")
    no_act(blue, 404, "RouterInterfaceNotFound", router, "remove_router_interface", {"port_id": port["id"]})


def test_wrong_interfaces_are_refused(blue: Talk, red: Talk) -> None:
    router = blue.create("router")
    network, _ = blue.network("10.0.0.0/24")
    bare = blue.create("network")
    no_gateway = blue.subnet(bare, "10.7.0.0/24", gateway_ip=None)
    foreign = red.network("10.8.0.0/24")[1]
    used = blue.port(network, device_id="vm")
    without = blue.port(network, fixed_ips=[])
    cases: list[tuple[int, str, Any]] = [
        (400, "BadRequest", {}),
        (400, "BadRequest", {"subnet_id": no_gateway["id"]}),
        (400, "BadRequest", {"subnet_id": no_gateway["id"], "port_id": used["id"]}),
        (400, "HTTPBadRequest", {"subnet_id": "x"}),
        (400, "HTTPBadRequest", {"subnet_id": 7}),
        (400, "HTTPBadRequest", {"colour": "red"}),
        (404, "SubnetNotFound", {"subnet_id": foreign["id"]}),
        (404, "SubnetNotFound", {"subnet_id": ID}),
        (404, "PortNotFound", {"port_id": ID}),
        (409, "PortInUse", {"port_id": used["id"]}),
        (400, "BadRequest", {"port_id": without["id"]}),
    ]
    for status, kind, body in cases:
        no_act(blue, status, kind, router, "add_router_interface", body)
    assert blue.list("port", f"?device_id={router['id']}") == []
    no_act(red, 404, "RouterNotFound", router, "add_router_interface", {"subnet_id": foreign["id"]})


def test_overlapping_subnets_do_not_meet(blue: Talk, outside: External) -> None:
    router = blue.create("router")
    act(blue, router, "add_router_interface", subnet_id=blue.network("10.0.0.0/24")[1]["id"])
    wide = blue.network("10.0.0.0/16")[1]
    assert "10.0.0.0/16" in no_act(
        blue, 400, "BadRequest", router, "add_router_interface", {"subnet_id": wide["id"]}
    )  # fmt: skip
    external = outside("10.0.0.0/20")
    blue.no_update(400, "BadRequest", "router", router["id"], external_gateway_info={"network_id": external["id"]})


def test_the_gateway(admin: Talk, blue: Talk, outside: External) -> None:
    external = outside()
    router = blue.create("router", external_gateway_info={"network_id": external["id"]})
    (fixed_ip,) = router["external_gateway_info"]["external_fixed_ips"]
    assert router["external_gateway_info"]["enable_snat"] is True
    assert fixed_ip == {"subnet_id": external["subnet_id"], "ip_address": "203.0.113.2"}
    assert blue.list("port", f"?device_id={router['id']}") == []
    (port,) = admin.list("port", f"?device_id={router['id']}")
    assert (port["device_owner"], port["project_id"]) == ("network:router_gateway", "")
    admin.no_delete(409, "ServicePortInUse", "port", port["id"])
    admin.no_delete(409, "NetworkInUse", "network", external["id"])
    assert blue.update("router", router["id"], external_gateway_info={})["external_gateway_info"] is None
    assert admin.list("port", f"?device_id={router['id']}") == []
    again = blue.update("router", router["id"], external_gateway_info={"network_id": external["id"]})
    assert again["external_gateway_info"]["network_id"] == external["id"]
    blue.delete("router", router["id"])
    assert admin.list("port", f"?network_id={external['id']}") == []


def test_source_nat_and_the_gateways_address(admin: Talk, blue: Talk, outside: External) -> None:
    external = outside()
    gateway = {"network_id": external["id"]}
    router = blue.create("router", external_gateway_info=gateway)
    blue.no_update(
        403, "PolicyNotAuthorized", "router", router["id"], external_gateway_info={**gateway, "enable_snat": False}
    )
    off = admin.update("router", router["id"], external_gateway_info={**gateway, "enable_snat": False})
    assert off["external_gateway_info"]["enable_snat"] is False
    assert off["external_gateway_info"]["external_fixed_ips"] == router["external_gateway_info"]["external_fixed_ips"]
    same = blue.update("router", router["id"], external_gateway_info=gateway)
    assert same["external_gateway_info"]["external_fixed_ips"] == off["external_gateway_info"]["external_fixed_ips"]
    wanted = [{"subnet_id": external["subnet_id"], "ip_address": "203.0.113.9"}]
    other = {**gateway, "external_fixed_ips": wanted}
    blue.no_update(403, "PolicyNotAuthorized", "router", router["id"], external_gateway_info=other)
    moved = admin.update("router", router["id"], external_gateway_info=other)
    assert moved["external_gateway_info"]["external_fixed_ips"] == wanted
    made = admin.create(
        "router", external_gateway_info={**gateway, "external_fixed_ips": [{"ip_address": "203.0.113.20"}]}
    )
    assert made["external_gateway_info"]["external_fixed_ips"][0]["ip_address"] == "203.0.113.20"


def test_a_wrong_gateway_is_refused(blue: Talk, admin: Talk, outside: External) -> None:
    own, _ = blue.network("10.0.0.0/24")
    blue.no_create(400, "BadRequest", "router", external_gateway_info={"network_id": own["id"]})
    blue.no_create(404, "NetworkNotFound", "router", external_gateway_info={"network_id": ID})
    blue.no_create(400, "HTTPBadRequest", "router", external_gateway_info={"network_id": "x"})
    blue.no_create(400, "HTTPBadRequest", "router", external_gateway_info={"colour": "red"})
    blue.no_create(400, "HTTPBadRequest", "router", external_gateway_info=7)
    external = outside()
    wrong = {"network_id": external["id"], "external_fixed_ips": [{"ip_address": "10.0.0.9"}]}
    admin.no_create(400, "InvalidIpForNetwork", "router", external_gateway_info=wrong)
    assert blue.list("router") == []


def test_extra_routes(blue: Talk) -> None:
    router, (_, subnet) = blue.create("router"), blue.network("10.0.0.0/24")
    act(blue, router, "add_router_interface", subnet_id=subnet["id"])
    blue.no_create(400, "HTTPBadRequest", "router", routes=[])
    routes = [{"destination": "172.16.0.0/16", "nexthop": "10.0.0.9"}]
    assert blue.update("router", router["id"], routes=routes)["routes"] == routes
    more = {"destination": "172.17.0.0/16", "nexthop": "10.0.0.9"}
    done = act(blue, router, "add_extraroutes", router={"routes": [more, *routes]})
    assert done["router"]["routes"] == [*routes, more]
    done = act(blue, router, "remove_extraroutes", router={"routes": routes})
    assert done["router"]["routes"] == [more]
    no_act(blue, 409, "RouterInterfaceInUseByRoute", router, "remove_router_interface", {"subnet_id": subnet["id"]})
    assert blue.update("router", router["id"], routes=None)["routes"] == []
    act(blue, router, "remove_router_interface", subnet_id=subnet["id"])


@pytest.mark.parametrize(
    ("route", "kind", "says"),
    [
        ({"destination": "172.16.0.0/16", "nexthop": "10.9.0.9"}, "InvalidRoutes", "10.9.0.9"),
        ({"destination": "172.16.0.0/16", "nexthop": "10.0.0.1"}, "InvalidRoutes", "10.0.0.1"),
        ({"destination": "172.16.0.1/16", "nexthop": "10.0.0.9"}, "HTTPBadRequest", "172.16.0.1/16"),
        ({"destination": "172.16.0.0/16"}, "HTTPBadRequest", "nexthop"),
        ({"destination": "x", "nexthop": "10.0.0.9"}, "HTTPBadRequest", "'x'"),
        ({"destination": "2001:db8::/64", "nexthop": "10.0.0.9"}, "InvalidRoutes", "2001:db8::/64"),
    ],
)
def test_wrong_routes_are_refused(blue: Talk, route: dict[str, str], kind: str, says: str) -> None:
    router = blue.create("router")
    act(blue, router, "add_router_interface", subnet_id=blue.network("10.0.0.0/24")[1]["id"])
    assert says in blue.no_update(400, kind, "router", router["id"], routes=[route])
    assert says in no_act(blue, 400, kind, router, "add_extraroutes", {"router": {"routes": [route]}})
    many = [{"destination": f"172.16.{n}.0/24", "nexthop": "10.0.0.9"} for n in range(31)]
    blue.no_update(400, "RoutesExhausted", "router", router["id"], routes=many)
    assert blue.show("router", router["id"])["routes"] == []


def test_a_router_is_carried_by_a_host(own_cloud: Cloud) -> None:
    blue, admin = own_cloud.tenant(), own_cloud.admin
    router = blue.create("router")
    _, subnet = blue.network("10.0.0.0/24")
    done = act(blue, router, "add_router_interface", subnet_id=subnet["id"])
    assert admin.show("port", done["port_id"])["binding:host_id"] == ""
    own_cloud.report("routerhost")
    port = admin.show("port", done["port_id"])
    assert (port["binding:host_id"], port["binding:vif_type"]) == ("routerhost", "ovs")
    later = blue.create("router")
    done = act(blue, later, "add_router_interface", subnet_id=blue.network("10.1.0.0/24")[1]["id"])
    assert admin.show("port", done["port_id"])["binding:host_id"] == "routerhost"


def test_a_gateway_that_a_route_needs_stays(admin: Talk, blue: Talk, outside: Callable[..., dict[str, str]]) -> None:
    external = outside("198.51.100.0/24")
    router = blue.create("router", external_gateway_info={"network_id": external["id"]})
    blue.update("router", router["id"], routes=[{"destination": "10.99.0.0/24", "nexthop": "198.51.100.200"}])
    blue.no_update(409, "RouterExternalGatewayInUseByRoute", "router", router["id"], external_gateway_info=None)
    blue.update("router", router["id"], routes=[], external_gateway_info=None)


def test_a_path_with_an_endless_name_is_not_found(blue: Talk) -> None:
    blue.refused(404, "HTTPNotFound", "GET", "/v2.0/routers/" + "r" * 300)
