"""What ports have beside addresses and groups, with the real `openstack` command and openstacksdk."""

from __future__ import annotations

from typing import Any

import pytest
from tests.compat.conftest import JSON, Cloud, column
from tests.compat.life import live


@pytest.fixture(scope="module")
def os_(cloud: Cloud) -> Any:
    """The command as a member of a project, which has a network."""
    run = cloud.member("ports", "poe")
    run("network", "create", "of-ports")
    run("subnet", "create", "of-ports-a", "--network", "of-ports", "--subnet-range", "10.0.0.0/24")
    return run


def test_the_command_on_what_the_administrator_says(cloud: Cloud, os_: Any) -> None:
    admin = cloud.openstack
    made = admin(
        "port", "create", "bound", "--network", "of-ports", "--project", "ports", "--host", "host9", "--vnic-type",
        "direct", "--binding-profile", "card=one", "--numa-policy-preferred", "--enable-uplink-status-propagation",
        "--device-owner", "compute:nova", "--mac-address", "fa:16:3e:77:00:01", *JSON,
    )  # fmt: skip
    assert (made["binding_host_id"], made["binding_vnic_type"]) == ("host9", "direct")
    assert (made["binding_profile"], made["numa_affinity_policy"]) == ({"card": "one"}, "preferred")
    assert (made["propagate_uplink_status"], made["mac_address"]) == (True, "fa:16:3e:77:00:01")
    admin("port", "set", "bound", "--host", "host8", "--binding-profile", "speed=10", "--data-plane-status", "DOWN")
    shown = admin("port", "show", "bound", *JSON)
    assert (shown["binding_host_id"], shown["data_plane_status"]) == ("host8", "DOWN")
    assert shown["binding_profile"] == {"card": "one", "speed": "10"}
    assert "bound" in column(admin("port", "list", "--host", "host8", *JSON))
    assert "bound" not in column(admin("port", "list", "--host", "host9", *JSON))
    assert column(os_("port", "list", "--mac-address", "fa:16:3e:77:00:01", *JSON)) == {"bound"}
    hidden = os_("port", "show", "bound", *JSON)
    assert not hidden["binding_host_id"] and not hidden["binding_profile"]
    admin("port", "unset", "bound", "--host", "--binding-profile", "card", "--numa-policy", "--data-plane-status")
    shown = admin("port", "show", "bound", *JSON)
    assert (shown["binding_host_id"], shown["numa_affinity_policy"], shown["data_plane_status"]) == ("", None, None)
    assert shown["binding_profile"] == {"speed": "10"}
    cloud.refuses("403", "port", "set", "bound", "--host", "host7", cloud="ports")
    admin("port", "delete", "bound")


def test_the_command_lists_ports_by_everything(os_: Any) -> None:
    group = os_("security", "group", "show", "default", *JSON)["id"]
    os_("router", "create", "near")
    os_("router", "add", "subnet", "near", "of-ports-a")
    made = os_("port", "create", "found", "--network", "of-ports", "--device", "vm7", "--tag", "blue", *JSON)
    address = made["fixed_ips"][0]["ip_address"]
    for narrowed in (
        ("--network", "of-ports", "--device-owner", ""), ("--mac-address", made["mac_address"]), ("--name", "found"),
        ("--fixed-ip", f"ip-address={address}"), ("--fixed-ip", f"ip-substring={address[:6]}", "--device-id", "vm7"),
        ("--security-group", group, "--tags", "blue"), ("--any-tags", "blue,red"), ("--not-tags", "red", "--long"),
    ):  # fmt: skip
        assert "found" in column(os_("port", "list", *narrowed, *JSON)), narrowed
    assert "found" not in column(os_("port", "list", "--router", "near", *JSON))
    assert len(os_("port", "list", "--router", "near", *JSON)) == 1
    assert os_("port", "list", "--tags", "red", *JSON) == []
    os_("router", "remove", "subnet", "near", "of-ports-a")
    os_("router", "delete", "near")
    os_("port", "delete", "found")


def test_the_sdk_on_networks_subnets_and_ports(cloud: Cloud, os_: Any) -> None:
    net = cloud.sdk("ports").network
    given: dict[str, Any] = {"name": "a", "description": "d", "mtu": 1300, "dns_domain": "a.example."}
    changed: dict[str, Any] = {"name": "b", "description": "e", "mtu": 1400, "is_admin_state_up": False}
    narrow = ("name", "description", "mtu", "is_admin_state_up", "is_shared", "is_router_external")
    live(net, "network", "networks", given, changed, narrow=narrow[:2] + narrow[3:], tagged=True)
    network = net.create_network(name="n")
    given = {
        "name": "a", "description": "d", "network_id": network.id, "ip_version": 4, "cidr": "10.0.0.0/24",
        "gateway_ip": "10.0.0.1", "dns_nameservers": ["192.0.2.1"], "is_dhcp_enabled": True,
        "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}],
        "allocation_pools": [{"start": "10.0.0.10", "end": "10.0.0.20"}], "service_types": ["compute:nova"],
    }  # fmt: skip
    changed = {
        "name": "b", "description": "e", "gateway_ip": "10.0.0.2", "dns_nameservers": ["192.0.2.2", "192.0.2.3"],
        "is_dhcp_enabled": False, "host_routes": [], "allocation_pools": [{"start": "10.0.0.10", "end": "10.0.0.30"}],
        "service_types": ["network:dhcp", "compute:x"],
    }  # fmt: skip
    narrow = ("name", "description", "network_id", "cidr", "gateway_ip", "is_dhcp_enabled")
    live(net, "subnet", "subnets", given, changed, narrow=narrow, tagged=True)
    subnet = net.create_subnet(network_id=network.id, ip_version=4, cidr="10.0.0.0/24")
    one, two = ([{"subnet_id": subnet.id, "ip_address": f"10.0.0.{last}"}] for last in (50, 51))
    given = {
        "name": "a", "description": "d", "network_id": network.id, "fixed_ips": one, "device_id": "vm1",
        "device_owner": "compute:nova", "dns_name": "one",
        "allowed_address_pairs": [{"ip_address": "10.0.0.60", "mac_address": "fa:16:3e:00:00:60"}],
        "extra_dhcp_opts": [{"opt_name": "mtu", "opt_value": "1400", "ip_version": 4}],
    }  # fmt: skip
    changed = {
        "name": "b", "description": "e", "fixed_ips": two, "device_id": "vm2", "device_owner": "compute:two",
        "dns_name": "two", "is_admin_state_up": False, "security_group_ids": [], "allowed_address_pairs": [],
        "is_port_security_enabled": False,
    }  # fmt: skip
    narrow = ("name", "description", "network_id", "device_id", "device_owner", "is_admin_state_up", "mac_address")
    live(net, "port", "ports", given, changed, narrow=narrow, tagged=True)
    net.delete_network(network)
