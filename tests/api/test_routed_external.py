"""Floating IPs and gateways of an external network that is routed: each address works where its segment is."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk, addresses
from tests.api.test_segments import Routed

EVERYWHERE = ("network:routed", "network:floatingip")


@pytest.fixture
def outer(own_cloud: Cloud) -> Routed:
    """An external network with a segment and a subnet on host1 (10.0.0.0/24) and on host2 (10.0.1.0/24)."""
    made = Routed(own_cloud)
    made.admin.update("network", made.network["id"], **{"router:external": True})
    return made


@pytest.fixture
def blue(own_cloud: Cloud) -> Talk:
    return own_cloud.tenant()


def behind(outer: Routed, blue: Talk, place: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A router with its gateway on a segment, and a port behind it."""
    network, subnet = blue.network("192.168.0.0/24")
    gateway = {"network_id": outer.network["id"], "external_fixed_ips": [{"subnet_id": outer.subnets[place]["id"]}]}
    router = outer.admin.create("router", external_gateway_info=gateway, project_id=blue.project_id)
    path = f"/v2.0/routers/{router['id']}/add_router_interface"
    assert blue.client.call("PUT", path, {"subnet_id": subnet["id"]}).status == 200
    return router, blue.port(network)


def floating(outer: Routed, **more: Any) -> dict[str, Any]:
    return {"floating_network_id": outer.network["id"], **more}


def segment_of(address: str) -> int:
    return int(address.split(".")[2])


def test_a_gateway_is_on_the_segment_of_its_routers_host(outer: Routed, blue: Talk) -> None:
    router = blue.create("router", external_gateway_info={"network_id": outer.network["id"]})
    (gateway,) = outer.admin.list("port", f"?device_id={router['id']}")
    (address,) = addresses(gateway)
    assert gateway["binding:host_id"] == ("host1", "host2")[segment_of(address)]


def test_a_router_goes_where_its_gateways_subnet_is_and_says_when_it_cannot(outer: Routed, blue: Talk) -> None:
    for place, host in enumerate(("host1", "host2")):
        router, _ = behind(outer, blue, place)
        bound = {port["binding:host_id"] for port in outer.admin.list("port", f"?device_id={router['id']}")}
        assert bound == {host}
        other = [{"subnet_id": outer.subnets[1 - place]["id"]}]
        gateway = {"network_id": outer.network["id"], "external_fixed_ips": other}
        blue.update("router", router["id"], external_gateway_info=None)
        says = outer.admin.no_update(
            409, "HostNotCompatibleWithFixedIps", "router", router["id"], external_gateway_info=gateway
        )
        assert host in says and "another segment" in says
        assert blue.show("router", router["id"])["external_gateway_info"] is None
        gateway["external_fixed_ips"] = [{"ip_address": f"10.0.{place}.200"}]
        outer.admin.update("router", router["id"], external_gateway_info=gateway)


@pytest.mark.parametrize("place", [0, 1])
def test_a_floating_ip_works_where_its_routers_gateway_is(outer: Routed, blue: Talk, place: int) -> None:
    router, port = behind(outer, blue, place)
    there, elsewhere = outer.subnets[place]["id"], outer.subnets[1 - place]["id"]
    before = len(blue.list("floatingip"))
    wrong = floating(outer, subnet_id=elsewhere, port_id=port["id"])
    assert "on another segment" in blue.no_create(400, "BadRequest", "floatingip", wrong)
    assert len(blue.list("floatingip")) == before
    made = blue.create("floatingip", floating(outer, subnet_id=there, port_id=port["id"]))
    assert segment_of(made["floating_ip_address"]) == place and made["router_id"] == router["id"]
    blue.delete("floatingip", made["id"])
    other = blue.create("floatingip", floating(outer, subnet_id=elsewhere))
    assert "on another segment" in blue.no_update(400, "BadRequest", "floatingip", other["id"], port_id=port["id"])
    forwards = {
        "protocol": "tcp", "internal_port": 80, "external_port": 80, "internal_port_id": port["id"],
        "internal_ip_address": addresses(port)[0],
    }  # fmt: skip
    path = "/v2.0/floatingips/{}/port_forwardings"
    answer = blue.client.post(path.format(other["id"]), {"port_forwarding": forwards})
    assert answer.status == 400 and b"on another segment" in answer.body
    right = blue.create("floatingip", floating(outer, subnet_id=there))
    assert blue.client.post(path.format(right["id"]), {"port_forwarding": forwards}).status == 201


def test_an_address_that_works_somewhere_only_is_not_given_out_unasked(outer: Routed, blue: Talk) -> None:
    says = blue.no_create(400, "ExternalIpAddressExhausted", "floatingip", floating(outer))
    assert "subnet_id" in says and "network:routed" in says
    assert outer.admin.list("port", f"?network_id={outer.network['id']}&device_owner=network:floatingip") == []
    made = blue.create("floatingip", floating(outer, subnet_id=outer.subnets[1]["id"]))
    assert segment_of(made["floating_ip_address"]) == 1


def test_a_subnet_of_all_segments_gives_out_floating_ips_that_work_on_each(outer: Routed, blue: Talk) -> None:
    plain = {"network_id": outer.network["id"], "ip_version": 4, "cidr": "203.0.113.0/24"}
    outer.admin.no_create(400, "SubnetsNotAllAssociatedWithSegments", "subnet", plain)
    outer.admin.no_create(400, "SubnetsNotAllAssociatedWithSegments", "subnet", plain, service_types=[EVERYWHERE[1]])
    subnet = outer.admin.create("subnet", plain, service_types=list(EVERYWHERE), enable_dhcp=False)
    assert subnet["segment_id"] is None and subnet["host_routes"] == []
    for place in (0, 1):
        router, port = behind(outer, blue, place)
        made = blue.create("floatingip", floating(outer, port_id=port["id"]))
        assert made["floating_ip_address"].startswith("203.0.113.") and made["router_id"] == router["id"]
    guest = outer.admin.port(outer.network)
    assert (guest["fixed_ips"], guest["ip_allocation"]) == ([], "deferred"), "the subnet is for floating IPs alone"
    here = outer.admin.port(outer.network, {"binding:host_id": "host2"})
    assert segment_of(addresses(here)[0]) == 1
    more = outer.admin.subnet(outer.network, "10.0.2.0/24", segment_id=outer.segments[0]["id"])
    assert more["segment_id"] == outer.segments[0]["id"], "and further subnets go onto segments as before"


def test_a_network_of_such_a_subnet_alone_needs_no_segment(own_cloud: Cloud) -> None:
    admin = own_cloud.admin
    network = admin.create("network", **{"router:external": True})
    admin.subnet(network, "203.0.113.0/24", service_types=list(EVERYWHERE))
    admin.subnet(network, "198.51.100.0/24")
    made = admin.create("floatingip", floating_network_id=network["id"])
    assert made["floating_ip_address"].startswith("203.0.113.")
