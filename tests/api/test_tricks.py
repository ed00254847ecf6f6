"""What a tenant could try with what he sees of others, or with the fields of his own ports: each is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.api.talk import Talk, addresses

External = Callable[..., dict[str, str]]


@pytest.fixture
def shared(admin: Talk) -> dict[str, Any]:
    """A network of the administrator, shared with everybody, and its subnet."""
    network = admin.create("network", shared=True)
    return {**network, "subnet": admin.subnet(network, "192.168.50.0/24")}


def interface(talk: Talk, router: dict[str, Any], **of: str) -> dict[str, Any]:
    return talk.put(f"/v2.0/routers/{router['id']}/add_router_interface", of)


def no_interface(talk: Talk, status: int, kind: str, router: dict[str, Any], **of: str) -> str:
    return talk.refused(status, kind, "PUT", f"/v2.0/routers/{router['id']}/add_router_interface", of)


@pytest.mark.parametrize("owner", ["network:router_interface", "network:router_gateway", "network:floatingip"])
def test_a_port_cannot_be_called_a_routers(blue: Talk, red: Talk, owner: str) -> None:
    router = blue.create("router")
    network, _ = red.network("10.0.0.0/24")
    belongs = {"device_owner": owner, "device_id": router["id"]}
    red.no_create(409, "DeviceIDNotOwnedByTenant", "port", {"network_id": network["id"], **belongs})
    port = red.port(network, device_id=router["id"])
    red.no_update(409, "DeviceIDNotOwnedByTenant", "port", port["id"], device_owner=owner)
    assert red.ids("port", f"?device_id={router['id']}") == [port["id"]]
    blue.delete("router", router["id"])


def test_a_floating_ip_does_not_pass_through_anothers_router(blue: Talk, red: Talk, outside: External) -> None:
    external = outside()
    router = blue.create("router", external_gateway_info={"network_id": external["id"]})
    network, _ = red.network("10.0.0.0/24")
    red.port(network, device_id=router["id"], fixed_ips=[{"ip_address": "10.0.0.1"}])
    wanted = {"floating_network_id": external["id"], "port_id": red.port(network)["id"]}
    red.no_create(404, "ExternalGatewayForFloatingIPNotFound", "floatingip", wanted)


def test_a_routers_port_stays_one(blue: Talk, shared: dict[str, Any]) -> None:
    """Its filters are off: as a guest's port it could take any address on a network that others share."""
    router = blue.create("router")
    port = blue.port(shared)
    interface(blue, router, port_id=port["id"])
    assert blue.show("port", port["id"])["port_security_enabled"] is False
    for change in ({"device_owner": "compute:nova"}, {"device_id": ""}, {"device_owner": "", "device_id": ""}):
        blue.no_update(409, "DeviceIDNotOwnedByTenant", "port", port["id"], change)
    assert blue.update("port", port["id"], name="inside", device_id=router["id"])["name"] == "inside"


def test_the_gateways_address_is_for_the_networks_owner(
    admin: Talk, blue: Talk, shared: dict[str, Any], outside: External
) -> None:
    router = blue.create("router")
    for subnet_id in (shared["subnet"]["id"], outside()["subnet_id"]):
        assert "not owned" in no_interface(blue, 400, "BadRequest", router, subnet_id=subnet_id)
    assert blue.list("port", f"?device_id={router['id']}") == []
    done = interface(admin, router, subnet_id=shared["subnet"]["id"])
    assert addresses(admin.show("port", done["port_id"])) == ["192.168.50.1"]


def test_a_networks_owner_cannot_use_the_ports_of_others_on_it(admin: Talk, blue: Talk, red: Talk) -> None:
    """He sees them; he makes neither router interfaces of them nor his floating IPs reach them."""
    network, subnet = blue.network("10.0.0.0/24")
    admin.update("network", network["id"], {"shared": True, "router:external": True})
    port = red.port(network)
    assert port["id"] in blue.ids("port")
    router = blue.create("router")
    assert "not owned" in no_interface(blue, 400, "BadRequest", router, port_id=port["id"])
    outward = blue.create("router", external_gateway_info={"network_id": network["id"]})
    inner, inner_subnet = blue.network("10.1.0.0/24")
    interface(blue, outward, subnet_id=inner_subnet["id"])
    wanted = {"floating_network_id": network["id"], "port_id": port["id"]}
    assert "different tenant" in blue.no_create(400, "BadRequest", "floatingip", wanted)
    mine = blue.create("floatingip", floating_network_id=network["id"], port_id=blue.port(inner)["id"])
    assert "different tenant" in blue.no_update(400, "BadRequest", "floatingip", mine["id"], port_id=port["id"])
    assert subnet["network_id"] == network["id"]


def test_a_floating_ip_ends_with_any_port_that_it_reaches(blue: Talk, outside: External) -> None:
    external = outside()
    network, subnet = blue.network("10.0.0.0/24")
    router = blue.create("router", external_gateway_info={"network_id": external["id"]})
    interface(blue, router, subnet_id=subnet["id"])
    port = blue.port(network, device_owner="network:service")
    floating_ip = blue.create("floatingip", floating_network_id=external["id"], port_id=port["id"])
    blue.delete("port", port["id"])
    left = blue.show("floatingip", floating_ip["id"])
    assert (left["port_id"], left["router_id"], left["fixed_ip_address"]) == (None, None, None)
