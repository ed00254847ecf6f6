"""What the `openstack` command sets, unsets and gives on creation, beyond what the tests of each resource do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.compat.conftest import JSON, Cloud, column


@pytest.fixture(scope="module")
def os_(cloud: Cloud) -> Iterator[Any]:
    """The command as a member of a project, with a network inside, an external one, and a QoS policy of everybody's."""
    run = cloud.member("turn", "tia")
    cloud.openstack("network", "create", "turn-outer", "--external", *JSON)
    outside = ("--network", "turn-outer", "--no-dhcp", "--subnet-range", "198.51.100.0/24")
    cloud.openstack("subnet", "create", "turn-outer-a", *outside, *JSON)
    cloud.openstack("network", "qos", "policy", "create", "turn-slow", "--share", *JSON)
    run("network", "create", "turn-inner")
    run("subnet", "create", "turn-inner-a", "--network", "turn-inner", "--subnet-range", "10.0.0.0/24")
    yield run
    run("network", "delete", "turn-inner")
    cloud.openstack("network", "delete", "turn-outer")
    cloud.openstack("network", "qos", "policy", "delete", "turn-slow")


def test_networks(cloud: Cloud, os_: Any) -> None:
    slow = os_("network", "qos", "policy", "show", "turn-slow", *JSON)["id"]
    made = os_("network", "create", "n", "--disable", "--disable-port-security", "--qos-policy", "turn-slow", *JSON)
    assert (made["admin_state_up"], made["port_security_enabled"], made["qos_policy_id"]) == (False, False, slow)
    given = ("--enable", "--description", "d", "--mtu", "1300", "--enable-port-security", "--no-qos-policy")
    os_("network", "set", "n", *given, "--tag", "t")
    shown = os_("network", "show", "n", *JSON)
    assert (shown["admin_state_up"], shown["description"], shown["mtu"]) == (True, "d", 1300)
    assert (shown["port_security_enabled"], shown["qos_policy_id"], shown["tags"]) == (True, None, ["t"])
    cloud.openstack("network", "set", "n", "--share", "--external", "--default")
    shown = os_("network", "show", "n", *JSON)
    assert (shown["shared"], shown["router:external"], shown["is_default"]) == (True, True, True)
    cloud.openstack("network", "set", "n", "--no-share", "--no-default")
    cloud.openstack("network", "set", "n", "--internal")
    os_("network", "unset", "n", "--all-tag")
    shown = os_("network", "show", "n", *JSON)
    assert (shown["shared"], shown["router:external"], shown["tags"]) == (False, False, [])
    os_("network", "delete", "n")


def test_subnets(os_: Any) -> None:
    os_("network", "create", "n")
    given = ("--description", "d", "--service-type", "compute:a", "--no-dns-publish-fixed-ip", "--tag", "t")
    made = os_("subnet", "create", "s", "--network", "n", "--subnet-range", "10.5.0.0/24", "--dhcp", *given, *JSON)
    assert (made["service_types"], made["tags"], made["dns_publish_fixed_ip"]) == (["compute:a"], ["t"], False)
    pool = ("--no-allocation-pool", "--allocation-pool", "start=10.5.0.50,end=10.5.0.60")
    route = ("--host-route", "destination=10.9.0.0/16,gateway=10.5.0.9")
    os_(
        "subnet", "set", "s", "--gateway", "10.5.0.2", *pool, *route, "--description", "e", "--dns-publish-fixed-ip",
        "--service-type", "compute:b", "--dns-nameserver", "192.0.2.1", "--no-tag", "--tag", "u",
    )  # fmt: skip
    shown = os_("subnet", "show", "s", *JSON)
    assert (shown["gateway_ip"], shown["description"], shown["dns_publish_fixed_ip"]) == ("10.5.0.2", "e", True)
    assert shown["allocation_pools"] == [{"start": "10.5.0.50", "end": "10.5.0.60"}]
    assert sorted(shown["service_types"]) == ["compute:a", "compute:b"] and shown["tags"] == ["u"]
    assert [each["destination"] for each in shown["host_routes"]] == ["10.9.0.0/16"]
    os_("subnet", "set", "s", "--no-dns-nameservers", "--no-host-route")
    os_("subnet", "unset", "s", "--service-type", "compute:a", "--gateway", "--all-tag")
    shown = os_("subnet", "show", "s", *JSON)
    assert (shown["dns_nameservers"], shown["host_routes"], shown["gateway_ip"]) == ([], [], None)
    assert (shown["service_types"], shown["tags"]) == (["compute:b"], [])
    os_("network", "delete", "n")


def test_ports(cloud: Cloud, os_: Any) -> None:
    made = os_("port", "create", "p", "--network", "turn-inner", "--no-fixed-ip", "--disable", "--no-security-group",
               "--disable-port-security", *JSON)  # fmt: skip
    assert (made["fixed_ips"], made["security_group_ids"]) == ([], [])
    assert (made["admin_state_up"], made["port_security_enabled"]) == (False, False)
    os_("port", "set", "p", "--enable", "--enable-port-security", "--description", "d", "--device", "vm", "--dns-name",
        "one", "--qos-policy", "turn-slow", "--extra-dhcp-option", "name=mtu,value=1400", "--allowed-address",
        "ip-address=10.0.0.70,mac-address=fa:16:3e:00:00:70", "--device-owner", "compute:x")  # fmt: skip
    shown = os_("port", "show", "p", *JSON)
    assert (shown["admin_state_up"], shown["description"], shown["device_id"]) == (True, "d", "vm")
    assert (shown["dns_name"], shown["device_owner"]) == ("one", "compute:x") and shown["qos_policy_id"]
    assert [each["opt_value"] for each in shown["extra_dhcp_opts"]] == ["1400"]
    pair = {"ip_address": "10.0.0.70", "mac_address": "fa:16:3e:00:00:70"}
    assert shown["allowed_address_pairs"] == [pair]
    os_("port", "unset", "p", "--allowed-address", "ip-address=10.0.0.70,mac-address=fa:16:3e:00:00:70",
        "--device", "--device-owner", "--qos-policy")  # fmt: skip
    shown = os_("port", "show", "p", *JSON)
    assert (shown["allowed_address_pairs"], shown["device_id"], shown["device_owner"]) == ([], "", "")
    for policy in ("required", "socket", "legacy", "preferred"):
        cloud.openstack("port", "set", "p", f"--numa-policy-{policy}")
        assert cloud.openstack("port", "show", "p", *JSON)["numa_affinity_policy"] == policy
    cloud.openstack("port", "set", "p", "--mac-address", "fa:16:3e:00:77:07", "--vnic-type", "macvtap", "--trusted")
    shown = cloud.openstack("port", "show", "p", *JSON)
    assert (shown["mac_address"], shown["binding_vnic_type"], shown["trusted"]) == (
        "fa:16:3e:00:77:07", "macvtap", True,
    )  # fmt: skip
    os_("port", "delete", "p")


def test_routers(cloud: Cloud, os_: Any) -> None:
    cloud.openstack(
        "router", "create", "r", "--project", "turn", "--external-gateway", "turn-outer", "--fixed-ip",
        "ip-address=198.51.100.50", "--disable-snat", "--qos-policy", "turn-slow", "--tag", "t", *JSON,
    )  # fmt: skip
    shown = os_("router", "show", "r", *JSON)
    gateway = shown["external_gateway_info"]
    assert gateway["external_fixed_ips"][0]["ip_address"] == "198.51.100.50" and gateway["enable_snat"] is False
    assert gateway["qos_policy_id"] and shown["tags"] == ["t"]
    os_("router", "unset", "r", "--qos-policy", "--all-tag")
    assert os_("router", "show", "r", *JSON)["external_gateway_info"]["qos_policy_id"] is None
    port = os_("port", "create", "leg", "--network", "turn-inner", "--fixed-ip", "ip-address=10.0.0.1", *JSON)
    os_("router", "add", "port", "r", "leg")
    route = "destination=10.9.0.0/16,gateway=10.0.0.9"
    os_("router", "set", "r", "--name", "s", "--description", "d", "--disable", "--route", route, "--tag", "u")
    shown = os_("router", "show", "s", *JSON)
    assert (shown["description"], shown["admin_state_up"], shown["tags"]) == ("d", False, ["u"])
    assert [each["port_id"] for each in shown["interfaces_info"]] == [port["id"]] and len(shown["routes"]) == 1
    cloud.refuses("409", "router", "delete", "s", cloud="turn")
    os_("router", "set", "s", "--no-route", "--enable")
    assert os_("router", "show", "s", *JSON)["routes"] == []
    os_("router", "set", "s", "--route", route)
    os_("router", "unset", "s", "--route", route)
    assert os_("router", "show", "s", *JSON)["routes"] == []
    os_("router", "remove", "port", "s", "leg")
    os_("router", "delete", "s")


def test_floating_ips(cloud: Cloud, os_: Any) -> None:
    os_("router", "create", "r", "--external-gateway", "turn-outer")
    os_("router", "add", "subnet", "r", "turn-inner-a")
    os_("port", "create", "p", "--network", "turn-inner", "--fixed-ip", "ip-address=10.0.0.20")
    made = os_("floating", "ip", "create", "turn-outer", "--subnet", "turn-outer-a", "--tag", "t", "--dns-name", "one",
               "--dns-domain", "example.", "--qos-policy", "turn-slow", *JSON)  # fmt: skip
    id, address = made["id"], made["floating_ip_address"]
    assert (made["dns_name"], made["dns_domain"], made["tags"]) == ("one", "example.", ["t"]) and made["qos_policy_id"]
    os_("floating", "ip", "set", id, "--port", "p", "--fixed-ip-address", "10.0.0.20", "--description", "d",
        "--no-qos-policy", "--tag", "u")  # fmt: skip
    shown = os_("floating", "ip", "show", address, *JSON)
    assert (shown["fixed_ip_address"], shown["description"], shown["qos_policy_id"]) == ("10.0.0.20", "d", None)
    assert sorted(shown["tags"]) == ["t", "u"]
    for finds, misses in (
        (("--network", "turn-outer"), ("--network", "turn-inner")), (("--port", "p"), None),
        (("--fixed-ip-address", "10.0.0.20"), ("--fixed-ip-address", "10.0.0.21")), (("--router", "r"), None),
        (("--floating-ip-address", address), ("--floating-ip-address", "198.51.100.254")),
        (("--status", "DOWN"), ("--status", "ACTIVE")), (("--tags", "t,u"), ("--tags", "t,x")),
        (("--any-tags", "t,x"), ("--any-tags", "x")), (("--not-tags", "t,x"), ("--not-tags", "t,u")),
        (("--not-any-tags", "x"), ("--not-any-tags", "t,x")), (("--long",), None),
    ):  # fmt: skip
        assert id in column(os_("floating", "ip", "list", *finds, *JSON), "ID"), finds
        assert misses is None or id not in column(os_("floating", "ip", "list", *misses, *JSON), "ID"), misses
    os_("floating", "ip", "unset", id, "--port", "--all-tag")
    assert os_("floating", "ip", "show", id, *JSON)["port_id"] is None
    chosen = cloud.openstack("floating", "ip", "create", "turn-outer", "--floating-ip-address", "198.51.100.99",
                             "--project", "turn", *JSON)  # fmt: skip
    assert chosen["floating_ip_address"] == "198.51.100.99"
    os_("floating", "ip", "delete", id, chosen["id"])
    os_("router", "remove", "subnet", "r", "turn-inner-a")
    os_("router", "delete", "r")
    os_("port", "delete", "p")


def test_pools_meters_flavors_and_local_ips(cloud: Cloud, os_: Any) -> None:
    admin = cloud.openstack
    os_("address", "scope", "create", "turn")
    os_("subnet", "pool", "create", "p", "--pool-prefix", "10.0.0.0/16", "--default-prefix-length", "24")
    lengths = ("--min-prefix-length", "20", "--max-prefix-length", "28", "--default-quota", "99")
    os_("subnet", "pool", "set", "p", "--address-scope", "turn", *lengths, "--description", "d", "--tag", "t")
    shown = os_("subnet", "pool", "show", "p", *JSON)
    assert (shown["min_prefixlen"], shown["max_prefixlen"], shown["default_quota"]) == (20, 28, 99)
    assert (shown["description"], shown["tags"]) == ("d", ["t"]) and shown["address_scope_id"]
    os_("subnet", "pool", "unset", "p", "--tag", "t")
    os_("subnet", "pool", "delete", "p")
    os_("address", "scope", "delete", "turn")
    label = admin("network", "meter", "create", "m", "--project", "turn", "--no-share", *JSON)
    assert admin("network", "meter", "show", "m", *JSON)["id"] == label["id"]
    both = ("--exclude", "--ingress", "--destination-ip-prefix", "10.0.0.0/24")
    rule = admin("network", "meter", "rule", "create", "m", *both, *JSON)
    assert (rule["is_excluded"], rule["direction"], rule["destination_ip_prefix"]) == (True, "ingress", "10.0.0.0/24")
    admin("network", "meter", "delete", "m")
    profile = admin("network", "flavor", "profile", "create", "--description", "d", "--disable", "--metainfo", "k",
                    "--driver", "neutron.services.l3_router.service_providers.ha.HaDriver", *JSON)  # fmt: skip
    assert (profile["enabled"], profile["meta_info"]) == (False, "k")
    admin("network", "flavor", "profile", "set", profile["id"], "--enable", "--metainfo", "l")
    shown = admin("network", "flavor", "profile", "show", profile["id"], *JSON)
    assert (shown["enabled"], shown["meta_info"]) == (True, "l")
    admin("network", "flavor", "profile", "delete", profile["id"])
    admin("network", "flavor", "create", "--service-type", "L3_ROUTER_NAT", "--disable", "f")
    admin("network", "flavor", "set", "f", "--name", "g", "--description", "d", "--enable")
    shown = admin("network", "flavor", "show", "g", *JSON)
    assert (shown["description"], shown["enabled"]) == ("d", True)
    admin("network", "flavor", "delete", "g")
    port = os_("port", "create", "held", "--network", "turn-inner", *JSON)
    os_("local", "ip", "create", "--name", "l", "--local-port", "held", "--ip-mode", "passthrough")
    os_("local", "ip", "set", "l", "--description", "d")
    shown = os_("local", "ip", "show", "l", *JSON)
    assert (shown["local_port_id"], shown["ip_mode"], shown["description"]) == (port["id"], "passthrough", "d")
    os_("local", "ip", "delete", "l")
    os_("port", "delete", "held")
