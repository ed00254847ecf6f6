"""Subnet pools, address scopes, topologies, DNS names, with the real `openstack` command and openstacksdk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.compat.conftest import JSON, Cloud, column


@pytest.fixture(scope="module")
def os_(cloud: Cloud) -> Any:
    """The command as a member of a project of its own."""
    return cloud.member("pool", "pia")


@pytest.fixture
def defaults(cloud: Cloud) -> Iterator[None]:
    """A default external network and a default pool, as long as the test runs."""
    cloud.openstack("network", "create", "way-out", "--external", "--default", *JSON)
    outside = ("--network", "way-out", "--no-dhcp", "--subnet-range", "198.51.100.0/24")
    cloud.openstack("subnet", "create", "way-out-a", *outside, *JSON)
    own = ("--default", "--share", "--default-prefix-length", "26", "--pool-prefix", "10.64.0.0/16")
    cloud.openstack("subnet", "pool", "create", "everybodys", *own, *JSON)
    yield
    cloud.openstack("subnet", "pool", "delete", "everybodys")
    cloud.openstack("network", "delete", "way-out")


def test_address_scopes(cloud: Cloud, os_: Any) -> None:
    made = os_("address", "scope", "create", "here", "--ip-version", "4", *JSON)
    assert (made["name"], made["ip_version"], made["shared"]) == ("here", 4, False)
    os_("address", "scope", "set", "--name", "there", "here")
    assert os_("address", "scope", "show", "there", *JSON)["id"] == made["id"]
    assert column(os_("address", "scope", "list", "--ip-version", "4", "--no-share", *JSON)) == {"there"}
    cloud.openstack("address", "scope", "set", "--share", made["id"])
    assert column(os_("address", "scope", "list", "--ip-version", "4", "--share", *JSON)) == {"there"}
    os_("address", "scope", "delete", "there")


def test_subnet_pools(os_: Any) -> None:
    scope = os_("address", "scope", "create", "s", *JSON)
    made = os_(
        "subnet", "pool", "create", "p", "--pool-prefix", "10.0.0.0/16", "--pool-prefix", "10.9.0.0/16",
        "--default-prefix-length", "24", "--min-prefix-length", "20", "--max-prefix-length", "28",
        "--default-quota", "4096", "--address-scope", "s", "--description", "d", "--tag", "t", *JSON,
    )  # fmt: skip
    assert (made["prefixes"], made["default_prefixlen"], made["tags"]) == (["10.0.0.0/16", "10.9.0.0/16"], 24, ["t"])
    assert made["address_scope_id"] == scope["id"] and made["default_quota"] == 4096
    os_("subnet", "pool", "set", "--name", "q", "--pool-prefix", "10.8.0.0/16", "--default-prefix-length", "26", "p")
    shown = os_("subnet", "pool", "show", "q", *JSON)
    assert shown["prefixes"] == ["10.0.0.0/16", "10.8.0.0/15"] and shown["default_prefixlen"] == 26
    os_("subnet", "pool", "set", "--no-address-scope", "q")
    os_("subnet", "pool", "unset", "--all-tag", "q")
    assert os_("subnet", "pool", "show", "q", *JSON)["tags"] == []
    assert column(os_("subnet", "pool", "list", "--name", "q", "--long", *JSON)) == {"q"}
    os_("network", "create", "n", *JSON)
    subnet = os_("subnet", "create", "a", "--network", "n", "--subnet-pool", "q", *JSON)
    assert (subnet["cidr"], subnet["subnetpool_id"]) == ("10.0.0.0/26", made["id"])
    longer = os_("subnet", "create", "b", "--network", "n", "--subnet-pool", "q", "--prefix-length", "28", *JSON)
    assert longer["cidr"] == "10.0.0.64/28"
    chosen = ("--subnet-range", "10.9.1.0/24")
    assert os_("subnet", "create", "c", "--network", "n", "--subnet-pool", "q", *chosen, *JSON)["cidr"] == "10.9.1.0/24"
    assert column(os_("subnet", "list", "--subnet-range", "10.0.0.0/26", *JSON)) == {"a"}
    os_("network", "delete", "n")
    os_("subnet", "pool", "delete", "q")
    os_("address", "scope", "delete", "s")


def test_get_me_a_network(cloud: Cloud, os_: Any, defaults: None) -> None:
    os_("network", "auto", "allocated", "topology", "create", "--check-resources", *JSON)
    assert "auto_allocated_network" not in column(os_("network", "list", *JSON))
    made = os_("network", "auto", "allocated", "topology", "create", *JSON)
    again = os_("network", "auto", "allocated", "topology", "create", "--or-show", *JSON)
    assert again["id"] == made["id"] == os_("network", "show", "auto_allocated_network", *JSON)["id"]
    assert os_("subnet", "show", "auto_allocated_subnet_v4", *JSON)["cidr"] == "10.64.0.0/26"
    by_default = ("--network", "with-default", "--use-default-subnet-pool", "--ip-version", "4")
    os_("network", "create", "with-default", *JSON)
    assert os_("subnet", "create", "d", *by_default, *JSON)["cidr"] == "10.64.0.64/26"
    os_("network", "delete", "with-default")
    os_("network", "auto", "allocated", "topology", "delete")
    assert "auto_allocated_network" not in column(os_("network", "list", *JSON))
    assert os_("router", "list", *JSON) == []


def test_names(os_: Any) -> None:
    os_("network", "create", "named", "--dns-domain", "<project_name>.example.", *JSON)
    publish = ("--dns-publish-fixed-ip", "--subnet-range", "10.0.0.0/24")
    assert os_("subnet", "create", "named-a", "--network", "named", *publish, *JSON)["dns_publish_fixed_ip"] is True
    port = os_("port", "create", "web", "--network", "named", "--dns-name", "web", *JSON)
    assert [item["fqdn"] for item in port["dns_assignment"]] == ["web.pool.example."]
    os_("port", "set", "--dns-domain", "own.example.", "web")
    shown = os_("port", "show", "web", *JSON)
    assert shown["dns_domain"] == "own.example." and shown["dns_assignment"][0]["fqdn"] == "web.own.example."
    os_("network", "set", "--dns-domain", "", "named")
    os_("port", "delete", "web")
    os_("network", "delete", "named")


def test_the_use_of_addresses(cloud: Cloud, os_: Any) -> None:
    os_("network", "create", "used", *JSON)
    os_("subnet", "create", "used-a", "--network", "used", "--subnet-range", "10.0.0.0/28", "--no-dhcp", *JSON)
    os_("port", "create", "one", "--network", "used", *JSON)
    shown = cloud.openstack("ip", "availability", "show", "used", *JSON)
    assert (shown["total_ips"], shown["used_ips"]) == (13, 1)
    listed = cloud.openstack("ip", "availability", "list", "--ip-version", "4", *JSON)
    assert "used" in column(listed, "Network Name")
    os_("port", "delete", "one")
    os_("network", "delete", "used")


def test_the_sdk(cloud: Cloud, os_: Any, defaults: None) -> None:
    sdk = cloud.sdk("pool")
    scope = sdk.network.create_address_scope(name="s", ip_version=6)
    pool = sdk.network.create_subnet_pool(name="p", prefixes=["2001:db8::/48"], address_scope_id=scope.id)
    assert (pool.ip_version, pool.minimum_prefix_length, pool.is_default) == (6, 64, False)
    network = sdk.network.create_network(name="n")
    subnet = sdk.network.create_subnet(network_id=network.id, ip_version=6, subnet_pool_id=pool.id)
    assert subnet.cidr == "2001:db8::/64"
    assert sdk.network.get_network(network.id).ipv6_address_scope_id == scope.id
    assert [found.id for found in sdk.network.subnet_pools(address_scope_id=scope.id)] == [pool.id]
    old = sdk.network.create_network(name="old")
    moved = sdk.network.create_subnet(network_id=old.id, ip_version=6, cidr="fd00::/64")
    body = {"network_id": old.id}
    answer = sdk.network.put(f"/subnetpools/{pool.id}/onboard_network_subnets", json=body)
    assert answer.json() == [{"id": moved.id, "cidr": "fd00::/64"}]
    assert sdk.network.get_subnet(moved.id).subnet_pool_id == pool.id
    sdk.network.delete_network(old)
    sdk.network.delete_network(network)
    sdk.network.delete_subnet_pool(pool)
    sdk.network.delete_address_scope(scope)
    assert sdk.network.validate_auto_allocated_topology().id == "dry-run=pass"
    made = sdk.network.get_auto_allocated_topology(sdk.current_project_id)
    assert sdk.network.get_network(made.id).name == "auto_allocated_network"
    sdk.network.delete_auto_allocated_topology(sdk.current_project_id)
    assert sdk.network.find_network(made.id) is None
