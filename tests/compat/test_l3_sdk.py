"""Routers and what belongs to them, flavors, metering, local IPs, pools and scopes, with openstacksdk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import openstack.exceptions
import pytest
from tests.compat.conftest import Cloud
from tests.compat.life import live


@dataclass
class Place:
    """A project's network behind a router to an external network, with a port; `net` is the SDK of its member."""

    net: Any
    admin: Any
    outer: Any
    inner: Any
    subnet: Any
    router: Any
    port: Any


@pytest.fixture(scope="module")
def here(cloud: Cloud) -> Iterator[Place]:
    cloud.member("stone", "sid")
    admin, net = cloud.sdk("admin").network, cloud.sdk("stone").network
    outer = admin.create_network(name="stone-outer", is_router_external=True)
    admin.create_subnet(network_id=outer.id, ip_version=4, cidr="198.51.100.0/24", is_dhcp_enabled=False)
    inner = net.create_network(name="inner")
    subnet = net.create_subnet(network_id=inner.id, ip_version=4, cidr="10.0.0.0/24")
    router = net.create_router(name="r", external_gateway_info={"network_id": outer.id})
    net.add_interface_to_router(router, subnet=subnet.id)
    port = net.create_port(network_id=inner.id, fixed_ips=[{"subnet_id": subnet.id, "ip_address": "10.0.0.10"}])
    yield Place(net, admin, outer, inner, subnet, router, port)
    net.delete_port(port)
    net.remove_interface_from_router(router, subnet=subnet.id)
    net.delete_router(router)
    net.delete_network(inner)
    admin.delete_network(outer)


def test_routers(here: Place) -> None:
    narrow = ("name", "description", "is_admin_state_up", "project_id", "revision_number")
    given = {"name": "a", "description": "d", "is_admin_state_up": False}
    changed = {"name": "b", "description": "e", "is_admin_state_up": True}
    live(here.net, "router", "routers", given, changed, narrow=narrow[:4], tagged=True)
    net, router = here.net, here.router
    route = {"destination": "10.9.0.0/16", "nexthop": "10.0.0.99"}
    other = {"destination": "10.8.0.0/16", "nexthop": "10.0.0.98"}
    assert net.update_router(router, routes=[route]).routes == [route]
    net.add_extra_routes_to_router(router, {"router": {"routes": [other]}})
    assert sorted(net.get_router(router.id).routes, key=str) == sorted([route, other], key=str)
    net.remove_extra_routes_from_router(router, {"router": {"routes": [route]}})
    assert net.get_router(router.id).routes == [other]
    with pytest.raises(openstack.exceptions.BadRequestException):
        net.update_router(router, routes=[{"destination": "10.9.0.0/16", "nexthop": "192.0.2.1"}])
    assert net.update_router(router, routes=[]).routes == []
    shown = net.get_router(router.id)
    assert shown.external_gateway_info["network_id"] == here.outer.id
    assert shown.external_gateway_info["enable_snat"] is True
    with pytest.raises(openstack.exceptions.ConflictException):
        net.delete_router(router)
    plain = net.create_router(name="plain")
    updated = net.update_router(plain, external_gateway_info={"network_id": here.outer.id})
    assert len(updated.external_gateway_info["external_fixed_ips"]) == 1
    assert net.update_router(plain, external_gateway_info=None).external_gateway_info is None
    net.delete_router(plain)


def test_floating_ips(here: Place) -> None:
    net = here.net
    given = {"floating_network_id": here.outer.id, "description": "d", "dns_name": "one", "dns_domain": "example."}
    changed = {"description": "e", "port_id": here.port.id, "fixed_ip_address": "10.0.0.10"}
    narrow = ("description", "floating_network_id", "floating_ip_address", "port_id", "router_id", "fixed_ip_address")
    live(net, "ip", "ips", given, changed, narrow=narrow, tagged=True)
    free = net.create_ip(floating_network_id=here.outer.id)
    assert net.find_available_ip().id == free.id
    taken = net.update_ip(free, port_id=here.port.id)
    assert (taken.router_id, taken.port_details["network_id"]) == (here.router.id, here.inner.id)
    assert net.find_available_ip() is None
    assert net.update_ip(free, port_id=None).router_id is None
    net.delete_ip(free)


def test_port_forwardings(here: Place) -> None:
    net, port = here.net, here.port
    floating = net.create_ip(floating_network_id=here.outer.id)
    given = {
        "internal_port_id": port.id, "internal_ip_address": "10.0.0.10", "internal_port": 80, "external_port": 8080,
        "protocol": "tcp", "description": "d",
    }  # fmt: skip
    changed = {"internal_port": 81, "external_port": 8081, "protocol": "udp", "description": "e"}
    narrow = ("external_port", "protocol", "internal_port_id")
    name = "floating_ip_port_forwarding"
    live(net, name, f"{name}s", given, changed, floating, narrow=narrow, parent_first=True)
    net.delete_ip(floating)


def test_conntrack_helpers(here: Place) -> None:
    given = {"helper": "tftp", "protocol": "udp", "port": 69}
    changed = {"helper": "ftp", "protocol": "tcp", "port": 2121}
    narrow = ("helper", "protocol", "port")
    live(here.net, "conntrack_helper", "conntrack_helpers", given, changed, here.router, narrow=narrow)


def test_ndp_proxies(here: Place) -> None:
    net, admin = here.net, here.admin
    scope = admin.create_address_scope(name="of-stone", ip_version=6, is_shared=True)
    prefix = {"prefixes": ["2001:db8:5::/48"], "default_prefix_length": 64, "address_scope_id": scope.id}
    pool = admin.create_subnet_pool(name="of-stone", is_shared=True, **prefix)
    six = {"ip_version": 6, "subnet_pool_id": pool.id}
    outer = admin.create_network(name="stone-outer6", is_router_external=True)
    admin.create_subnet(network_id=outer.id, **six)
    inner = net.create_network(name="inner6")
    subnet = net.create_subnet(network_id=inner.id, **six)
    router = net.create_router(external_gateway_info={"network_id": outer.id}, enable_ndp_proxy=True)
    assert router.enable_ndp_proxy is True
    net.add_interface_to_router(router, subnet=subnet.id)
    port = net.create_port(network_id=inner.id)
    given = {"name": "a", "description": "d", "router_id": router.id, "port_id": port.id}
    changed = {"name": "b", "description": "e"}
    narrow = ("name", "router_id", "port_id", "ip_address")
    live(net, "ndp_proxy", "ndp_proxies", given, changed, narrow=narrow)
    assert net.update_router(router, enable_ndp_proxy=False).enable_ndp_proxy is False
    net.delete_port(port)
    net.remove_interface_from_router(router, subnet=subnet.id)
    net.delete_router(router)
    net.delete_network(inner)
    admin.delete_network(outer)
    admin.delete_subnet_pool(pool)
    admin.delete_address_scope(scope)


def test_local_ips_and_associations(here: Place) -> None:
    net = here.net
    given = {"name": "a", "description": "d", "network_id": here.inner.id, "ip_mode": "translate"}
    narrow = ("name", "description", "network_id", "local_ip_address", "ip_mode", "local_port_id")
    live(net, "local_ip", "local_ips", given, {"name": "b", "description": "e"}, narrow=narrow)
    made = net.create_local_ip(network_id=here.inner.id, local_ip_address="10.0.0.77")
    association = net.create_local_ip_association(made, fixed_port_id=here.port.id)
    assert (association.fixed_ip, association.local_ip_address) == ("10.0.0.10", "10.0.0.77")
    (found,) = net.local_ip_associations(made, fixed_port_id=here.port.id)
    assert found.fixed_port_id == here.port.id
    assert list(net.local_ip_associations(made, fixed_port_id=made.id)) == []
    with pytest.raises(openstack.exceptions.ConflictException):
        net.delete_local_ip(made)
    net.delete_local_ip_association(made, here.port.id, ignore_missing=False)
    assert list(net.local_ip_associations(made)) == []
    net.delete_local_ip(made)


def test_metering(here: Place) -> None:
    admin = here.admin
    given = {"name": "a", "description": "d", "is_shared": False}
    live(admin, "metering_label", "metering_labels", given, {}, narrow=("name", "description", "is_shared"))
    label = admin.create_metering_label(name="m")
    rule = {
        "metering_label_id": label.id, "direction": "egress", "is_excluded": True, "source_ip_prefix": "10.0.0.0/24",
        "destination_ip_prefix": "10.1.0.0/24",
    }  # fmt: skip
    narrow = ("metering_label_id", "direction", "source_ip_prefix", "destination_ip_prefix")
    live(admin, "metering_label_rule", "metering_label_rules", rule, {}, narrow=narrow)
    admin.delete_metering_label(label)


def test_flavors_and_service_profiles(here: Place) -> None:
    admin = here.admin
    driver = "neutron.services.l3_router.service_providers.single_node.SingleNodeDriver"
    given = {"description": "d", "driver": driver, "is_enabled": True}
    changed = {"description": "e", "is_enabled": False}
    live(admin, "service_profile", "service_profiles", given, changed, narrow=("description", "driver", "is_enabled"))
    given = {"name": "a", "description": "d", "service_type": "L3_ROUTER_NAT", "is_enabled": True}
    changed = {"name": "b", "description": "e", "is_enabled": False}
    narrow = ("name", "description", "service_type", "is_enabled")
    live(admin, "flavor", "flavors", given, changed, narrow=narrow)
    flavor = admin.create_flavor(name="f", service_type="L3_ROUTER_NAT")
    profile = admin.create_service_profile(driver=driver)
    admin.associate_flavor_with_service_profile(flavor, profile)
    assert admin.get_flavor(flavor.id).service_profile_ids == [profile.id]
    admin.disassociate_flavor_from_service_profile(flavor, profile)
    assert admin.get_flavor(flavor.id).service_profile_ids == []
    admin.delete_flavor(flavor)
    admin.delete_service_profile(profile)
    providers = {(found.name, found.service_type, found.is_default) for found in admin.service_providers()}
    assert ("single_node", "L3_ROUTER_NAT", True) in providers and len(providers) == 4


def test_address_scopes_and_subnet_pools(here: Place) -> None:
    net = here.net
    given: dict[str, Any] = {"name": "a", "ip_version": 4, "is_shared": False}
    narrow: tuple[str, ...] = ("name", "ip_version", "is_shared")
    live(net, "address_scope", "address_scopes", given, {"name": "b"}, narrow=narrow)
    given = {
        "name": "a", "description": "d", "prefixes": ["10.0.0.0/16"], "default_prefix_length": 24,
        "minimum_prefix_length": 20, "maximum_prefix_length": 28, "default_quota": 4096,
    }  # fmt: skip
    changed = {
        "name": "b", "description": "e", "prefixes": ["10.0.0.0/15"], "default_prefix_length": 26,
        "minimum_prefix_length": 21, "maximum_prefix_length": 29,
    }  # fmt: skip
    narrow = ("name", "description", "is_shared", "is_default")
    live(net, "subnet_pool", "subnet_pools", given, changed, narrow=narrow, tagged=True)


def test_the_use_of_addresses(here: Place) -> None:
    found = here.admin.find_network_ip_availability(here.inner.id, ignore_missing=False)
    assert (found.network_name, found.total_ips, found.used_ips) == ("inner", 253, 2)
    (listed,) = here.admin.network_ip_availabilities(network_id=here.inner.id)
    assert listed.subnet_ip_availability[0]["cidr"] == "10.0.0.0/24"
    assert [each.network_id for each in here.admin.network_ip_availabilities(network_name="inner")] == [here.inner.id]
    assert list(here.admin.network_ip_availabilities(network_name="nothing-of-the-kind")) == []
