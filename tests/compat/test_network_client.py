"""Networking with the real `openstack` command and openstacksdk, against a real server."""

from __future__ import annotations

from typing import Any

import openstack
import openstack.connection
import openstack.exceptions
import pytest
from tests.compat.conftest import JSON, Cloud, column


@pytest.fixture(scope="module")
def green(cloud: Cloud) -> str:
    """A project with a member, who logs in as the cloud `green`."""
    cloud.member("green", "gil")
    return str(cloud.openstack("project", "show", "green", *JSON)["id"])


@pytest.fixture(scope="module")
def sdk(cloud: Cloud, green: str) -> openstack.connection.Connection:
    return cloud.sdk("green")


@pytest.fixture(scope="module")
def admin_sdk(cloud: Cloud) -> openstack.connection.Connection:
    return cloud.sdk("admin")


@pytest.fixture
def os_(cloud: Cloud, green: str) -> Any:
    """The command as the member of green."""
    return lambda *words: cloud.openstack(*words, cloud="green")


def test_the_command_on_networks_and_subnets(os_: Any) -> None:
    made = os_("network", "create", "web", "--description", "d", "--mtu", "1400", "--tag", "t1", *JSON)
    assert (made["name"], made["mtu"], made["tags"], made["admin_state_up"]) == ("web", 1400, ["t1"], True)
    assert "web" in column(os_("network", "list", "--long", *JSON))
    assert column(os_("network", "list", "--tags", "t1", *JSON)) == {"web"}
    os_("network", "set", "--name", "web2", "--disable", "--no-tag", "--tag", "t2", "web")
    shown = os_("network", "show", "web2", *JSON)
    assert (shown["admin_state_up"], shown["tags"], shown["status"]) == (False, ["t2"], "ACTIVE")
    os_("network", "unset", "--tag", "t2", "web2")
    subnet = os_(
        "subnet", "create", "web-a", "--network", "web2", "--subnet-range", "10.0.0.0/24", "--gateway", "10.0.0.254",
        "--dns-nameserver", "192.0.2.53", "--allocation-pool", "start=10.0.0.10,end=10.0.0.99",
        "--host-route", "destination=10.9.0.0/16,gateway=10.0.0.9", *JSON,
    )  # fmt: skip
    assert subnet["allocation_pools"] == [{"start": "10.0.0.10", "end": "10.0.0.99"}]
    assert (subnet["gateway_ip"], subnet["dns_nameservers"]) == ("10.0.0.254", ["192.0.2.53"])
    os_("subnet", "set", "--name", "web-b", "--no-dhcp", "--dns-nameserver", "192.0.2.54", "web-a")
    shown = os_("subnet", "show", "web-b", *JSON)
    assert sorted(shown["dns_nameservers"]) == ["192.0.2.53", "192.0.2.54"] and shown["enable_dhcp"] is False
    route = "destination=10.9.0.0/16,gateway=10.0.0.9"
    os_("subnet", "unset", "--dns-nameserver", "192.0.2.53", "--host-route", route, "web-b")
    assert os_("subnet", "show", "web-b", *JSON)["host_routes"] == []
    assert column(os_("subnet", "list", "--network", "web2", "--ip-version", "4", *JSON)) == {"web-b"}
    six = os_(
        "subnet", "create", "six", "--network", "web2", "--ip-version", "6", "--subnet-range", "2001:db8::/64",
        "--ipv6-ra-mode", "slaac", "--ipv6-address-mode", "slaac", *JSON,
    )  # fmt: skip
    assert six["ipv6_address_mode"] == "slaac"
    os_("subnet", "delete", "six", "web-b")
    os_("network", "delete", "web2")


def test_the_command_on_ports(os_: Any, cloud: Cloud) -> None:
    os_("network", "create", "n1")
    os_("subnet", "create", "s1", "--network", "n1", "--subnet-range", "10.0.0.0/24")
    group = os_("security", "group", "create", "ssh", *JSON)
    made = os_(
        "port", "create", "p1", "--network", "n1", "--fixed-ip", "subnet=s1,ip-address=10.0.0.50",
        "--security-group", "ssh", "--allowed-address", "ip-address=10.0.0.60", "--description", "d",
        "--extra-dhcp-option", "name=mtu,value=1400", "--dns-name", "one", "--device", "vm1", *JSON,
    )  # fmt: skip
    assert made["fixed_ips"][0]["ip_address"] == "10.0.0.50" and made["security_group_ids"] == [group["id"]]
    assert made["allowed_address_pairs"][0]["ip_address"] == "10.0.0.60" and made["status"] == "DOWN"
    assert column(os_("port", "list", "--network", "n1", "--fixed-ip", "ip-address=10.0.0.50", *JSON)) == {"p1"}
    assert column(os_("port", "list", "--security-group", group["id"], *JSON)) == {"p1"}
    os_("port", "set", "--name", "p2", "--no-allowed-address", "--fixed-ip", "subnet=s1,ip-address=10.0.0.51", "p1")
    os_("port", "unset", "--fixed-ip", "subnet=s1,ip-address=10.0.0.50", "--security-group", "ssh", "p2")
    shown = os_("port", "show", "p2", *JSON)
    assert [fixed["ip_address"] for fixed in shown["fixed_ips"]] == ["10.0.0.51"]
    assert shown["security_group_ids"] == [] and shown["allowed_address_pairs"] == []
    os_("port", "set", "--disable-port-security", "--tag", "x", "p2")
    shown = os_("port", "show", "p2", *JSON)
    assert (shown["port_security_enabled"], shown["tags"]) == (False, ["x"])
    refused = cloud.run("port", "create", "p3", "--network", "n1", "--fixed-ip", "ip-address=10.0.0.51", cloud="green")
    assert refused.returncode != 0 and "already allocated" in refused.stderr
    os_("port", "delete", "p2")
    os_("network", "delete", "n1")
    os_("security", "group", "delete", "ssh")


def test_the_command_on_security_groups(os_: Any) -> None:
    os_("security", "group", "create", "web", "--description", "d", "--stateless")
    os_("security", "group", "set", "--name", "web2", "web")
    assert {"default", "web2"} <= column(os_("security", "group", "list", *JSON))
    rule = os_(
        "security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "80:90", "--remote-ip", "10.0.0.0/8",
        "--ingress", "web2", *JSON,
    )  # fmt: skip
    assert (rule["port_range_min"], rule["port_range_max"], rule["protocol"]) == (80, 90, "tcp")
    assert os_("security", "group", "rule", "show", rule["id"], *JSON)["ether_type"] == "IPv4"
    listed = os_("security", "group", "rule", "list", "web2", "--ingress", *JSON)
    assert rule["id"] in column(listed, "ID")
    os_("security", "group", "rule", "create", "--remote-group", "default", "--ethertype", "IPv6", "web2")
    os_("security", "group", "rule", "delete", rule["id"])
    assert os_("security", "group", "show", "web2", *JSON)["stateful"] is False
    os_("security", "group", "delete", "web2")


def test_the_command_on_routers_and_floating_ips(os_: Any, cloud: Cloud) -> None:
    cloud.openstack("network", "create", "public", "--external", "--provider-network-type", "flat",
                    "--provider-physical-network", "public")  # fmt: skip
    block = ("--subnet-range", "203.0.113.0/24", "--no-dhcp")
    cloud.openstack("subnet", "create", "public-s", "--network", "public", *block)
    os_("network", "create", "inner")
    os_("subnet", "create", "inner-s", "--network", "inner", "--subnet-range", "10.0.0.0/24")
    os_("router", "create", "r1", "--description", "d")
    os_("router", "set", "--external-gateway", "public", "r1")
    os_("router", "add", "subnet", "r1", "inner-s")
    os_("router", "add", "route", "r1", "--route", "destination=10.9.0.0/16,gateway=10.0.0.9")
    shown = os_("router", "show", "r1", *JSON)
    assert shown["external_gateway_info"]["enable_snat"] is True and len(shown["interfaces_info"]) == 1
    assert shown["routes"] == [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}]
    os_("router", "remove", "route", "r1", "--route", "destination=10.9.0.0/16,gateway=10.0.0.9")
    assert column(os_("router", "list", "--long", *JSON)) == {"r1"}
    cloud.openstack("router", "set", "--external-gateway", "public", "--disable-snat", "r1")
    assert os_("router", "show", "r1", *JSON)["external_gateway_info"]["enable_snat"] is False
    os_("port", "create", "vm", "--network", "inner")
    made = os_("floating", "ip", "create", "public", "--port", "vm", "--description", "f", *JSON)
    assert made["fixed_ip_address"].startswith("10.0.0.") and made["port_id"]
    os_("floating", "ip", "unset", "--port", made["floating_ip_address"])
    assert os_("floating", "ip", "show", made["id"], *JSON)["port_id"] is None
    os_("floating", "ip", "set", "--port", "vm", made["floating_ip_address"])
    listed = os_("floating", "ip", "list", "--router", "r1", *JSON)
    assert column(listed, "Floating IP Address") == {made["floating_ip_address"]}
    used = cloud.openstack("ip", "availability", "show", "inner", *JSON)
    assert used["used_ips"] == 2
    assert "inner" in column(cloud.openstack("ip", "availability", "list", *JSON), "Network Name")
    os_("floating", "ip", "delete", made["id"])
    os_("router", "remove", "subnet", "r1", "inner-s")
    os_("router", "unset", "--external-gateway", "r1")
    os_("router", "delete", "r1")
    os_("port", "delete", "vm")
    os_("network", "delete", "inner")
    cloud.openstack("network", "delete", "public")


def test_the_command_on_quotas_extensions_and_agents(os_: Any, cloud: Cloud, green: str) -> None:
    cloud.openstack("quota", "set", "--networks", "7", "--ports", "70", "green")
    shown = {row["Resource"]: row["Limit"] for row in os_("quota", "show", "--network", *JSON)}
    assert (shown["networks"], shown["ports"]) == (7, 70)
    usage = cloud.openstack("quota", "show", "--network", "--usage", "green", *JSON)
    assert "ports" in column(usage, "Resource")
    cloud.openstack("quota", "delete", "--network", "green")
    aliases = column(os_("extension", "list", "--network", *JSON), "Alias")
    assert {"router", "security-group", "quotas", "standard-attr-tag"} <= aliases
    assert os_("extension", "show", "router", *JSON)["alias"] == "router"
    assert cloud.openstack("network", "agent", "list", *JSON) == []
    assert os_("availability", "zone", "list", "--network", *JSON) == []


def test_the_sdk_builds_and_removes_a_network(sdk: openstack.connection.Connection) -> None:
    net = sdk.network
    network = net.create_network(name="sdk", description="d")
    subnet = net.create_subnet(network_id=network.id, ip_version=4, cidr="10.0.0.0/24", name="sdk")
    assert (subnet.gateway_ip, subnet.is_dhcp_enabled) == ("10.0.0.1", True)
    group = net.create_security_group(name="sdk")
    rule = net.create_security_group_rule(security_group_id=group.id, direction="ingress", protocol="icmp")
    ports = list(net.create_ports([{"network_id": network.id, "name": f"p{n}"} for n in range(5)]))
    assert len(ports) == 5
    port = net.update_port(ports[0], security_groups=[group.id], name="first")
    assert port.security_group_ids == [group.id] and port.revision_number == 2
    assert [found.name for found in net.ports(network_id=network.id, name="first")] == ["first"]
    assert len(list(net.ports(network_id=network.id, limit=2))) == 5
    assert net.find_port("first").id == port.id and net.find_port("nothing") is None
    net.set_tags(port, ["a", "b"])
    assert net.get_port(port.id).tags == ["a", "b"]
    with pytest.raises(openstack.exceptions.PreconditionFailedException):
        net.update_network(network.id, name="late", if_revision=99)
    with pytest.raises(openstack.exceptions.ConflictException, match="in use"):
        net.delete_network(network)
    with pytest.raises(openstack.exceptions.NotFoundException):
        net.get_network("7c241101-e2bb-4255-8caf-4136c566a963")
    with pytest.raises(openstack.exceptions.BadRequestException, match=r"10\.0\.0\.0/33"):
        net.create_subnet(network_id=network.id, ip_version=4, cidr="10.0.0.0/33")
    router = net.create_router(name="sdk")
    net.add_interface_to_router(router, subnet_id=subnet.id)
    assert len(list(net.ports(device_id=router.id))) == 1
    net.remove_interface_from_router(router, subnet_id=subnet.id)
    net.delete_router(router)
    for item in ports:
        net.delete_port(item)
    net.delete_security_group_rule(rule)
    net.delete_security_group(group)
    net.delete_network(network)
    assert net.find_network("sdk") is None


def test_the_sdk_as_administrator(admin_sdk: openstack.connection.Connection, green: str) -> None:
    net = admin_sdk.network
    network = net.create_network(name="prov", provider_network_type="vxlan", provider_segmentation_id=4242)
    assert net.get_network(network.id).provider_segmentation_id == 4242
    shared = net.create_network(name="all", is_shared=True, project_id=green)
    assert shared.is_shared and shared.project_id == green
    quota = net.update_quota(green, ports=12)
    assert quota.ports == 12 and net.get_quota(green, details=True).ports["limit"] == 12
    net.delete_quota(green)
    assert net.get_quota_default(green).ports == 500
    assert list(net.agents()) == [] and net.find_extension("router").alias == "router"
    assert network.id in [found.network_id for found in net.network_ip_availabilities()]
    for item in (network, shared):
        net.delete_network(item)


def test_the_cloud_layer(sdk: openstack.connection.Connection) -> None:
    network = sdk.create_network("layer")
    subnet = sdk.create_subnet("layer", cidr="10.0.0.0/24", subnet_name="layer-s")
    assert sdk.get_subnet("layer-s").id == subnet.id
    assert [found.id for found in sdk.search_networks("layer")] == [network.id]
    assert sdk.delete_network("layer")
