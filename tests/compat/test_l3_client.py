"""What belongs to routers, with the real `openstack` command against a real server."""

from __future__ import annotations

from typing import Any

import pytest
from tests.compat.conftest import JSON, Cloud, column


@pytest.fixture(scope="module")
def amber(cloud: Cloud) -> Any:
    """The command as a member of a project, which has a router between its network and an external one."""
    run = cloud.member("amber", "amy")
    cloud.openstack("network", "create", "amber-outer", "--external", *JSON)
    outside = ("--network", "amber-outer", "--no-dhcp", "--subnet-range", "198.51.100.0/24")
    cloud.openstack("subnet", "create", "amber-outer-a", *outside, *JSON)
    run("network", "create", "amber-inner")
    run("subnet", "create", "amber-inner-a", "--network", "amber-inner", "--subnet-range", "10.0.0.0/24")
    run("router", "create", "between", "--external-gateway", "amber-outer", *JSON)
    run("router", "add", "subnet", "between", "amber-inner-a")
    return run


def address_of(os_: Any, port: str) -> str:
    return str(os_("port", "show", port, *JSON)["fixed_ips"][0]["ip_address"])


def test_flavors_and_kinds_of_routers(cloud: Cloud, amber: Any) -> None:
    os_ = cloud.openstack
    flavor = os_("network", "flavor", "create", "--service-type", "L3_ROUTER_NAT", "--description", "d", "gold", *JSON)
    assert (flavor["name"], flavor["service_profile_ids"], flavor["enabled"]) == ("gold", [], True)
    driver = "neutron.services.l3_router.service_providers.ha.HaDriver"
    profile = os_("network", "flavor", "profile", "create", "--driver", driver, *JSON)
    os_("network", "flavor", "profile", "set", "--description", "p", profile["id"])
    assert os_("network", "flavor", "profile", "show", profile["id"], *JSON)["description"] == "p"
    assert profile["id"] in column(os_("network", "flavor", "profile", "list", *JSON), "ID")
    os_("network", "flavor", "add", "profile", "gold", profile["id"])
    assert os_("network", "flavor", "show", "gold", *JSON)["service_profile_ids"] == [profile["id"]]
    assert "gold" in column(amber("network", "flavor", "list", *JSON))
    router = amber("router", "create", "golden", "--flavor-id", flavor["id"], *JSON)
    assert router["flavor_id"] == flavor["id"] and os_("router", "show", router["id"], *JSON)["ha"] is True
    refused = cloud.run("network", "flavor", "delete", "gold")
    assert refused.returncode != 0 and "used by some service instance" in refused.stderr
    amber("router", "delete", "golden")
    os_("network", "flavor", "remove", "profile", "gold", profile["id"])
    os_("network", "flavor", "set", "--disable", "gold")
    os_("network", "flavor", "delete", "gold")
    os_("network", "flavor", "profile", "delete", profile["id"])
    providers = column(amber("network", "service", "provider", "list", *JSON))
    assert providers == {"single_node", "ha", "dvr", "dvrha"}
    made = os_("router", "create", "spread", "--distributed", "--disable", *JSON)
    assert (made["distributed"], made["ha"], made["admin_state_up"]) == (True, False, False)
    os_("router", "set", "--centralized", "--no-ha", "spread")
    assert os_("router", "show", "spread", *JSON)["distributed"] is False
    os_("router", "delete", "spread")


def test_port_forwarding(amber: Any) -> None:
    amber("port", "create", "web", "--network", "amber-inner")
    floating = amber("floating", "ip", "create", "amber-outer", *JSON)["floating_ip_address"]
    inside = ("--internal-ip-address", address_of(amber, "web"), "--port", "web", "--protocol", "tcp")
    command = ("floating", "ip", "port", "forwarding")
    ports = ("--internal-protocol-port", "80", "--external-protocol-port", "8080")
    made = amber(*command, "create", *inside, *ports, "--description", "d", floating, *JSON)
    assert (made["internal_port"], made["external_port"], made["description"]) == (80, 8080, "d")
    ranges = ("--internal-protocol-port", "90:95", "--external-protocol-port", "9090:9095")
    wide = amber(*command, "create", *inside, *ranges, floating, *JSON)
    assert wide["external_port_range"] == "9090:9095"
    listed = amber(*command, "list", floating, "--external-protocol-port", "8080", *JSON)
    assert [item["ID"] for item in listed] == [made["id"]]
    amber(*command, "set", floating, made["id"], "--external-protocol-port", "8081", "--description", "e")
    assert amber(*command, "show", floating, made["id"], *JSON)["external_port"] == 8081
    assert len(amber("floating", "ip", "show", floating, *JSON)["port_forwardings"]) == 2
    amber(*command, "delete", floating, made["id"], wide["id"])
    amber("floating", "ip", "delete", floating)
    amber("port", "delete", "web")


def test_conntrack_helpers(amber: Any) -> None:
    command = ("network", "l3", "conntrack", "helper")
    made = amber(*command, "create", "--helper", "tftp", "--protocol", "udp", "--port", "69", "between", *JSON)
    assert (made["helper"], made["protocol"], made["port"]) == ("tftp", "udp", 69)
    assert [item["ID"] for item in amber(*command, "list", "between", "--helper", "tftp", *JSON)] == [made["id"]]
    amber(*command, "set", "between", made["id"], "--port", "6969")
    assert amber(*command, "show", "between", made["id"], *JSON)["port"] == 6969
    amber(*command, "delete", "between", made["id"])
    assert amber(*command, "list", "between", *JSON) == []


def test_ndp_proxies(cloud: Cloud, amber: Any) -> None:
    os_ = cloud.openstack
    os_("address", "scope", "create", "--share", "--ip-version", "6", "six", *JSON)
    prefix = ("--pool-prefix", "2001:db8::/48", "--default-prefix-length", "64", "--address-scope", "six")
    os_("subnet", "pool", "create", "--share", *prefix, "pool6", *JSON)
    six = ("--ip-version", "6", "--subnet-pool", "pool6")
    os_("network", "create", "outer6", "--external", *JSON)
    os_("subnet", "create", "outer6-a", "--network", "outer6", *six, *JSON)
    amber("network", "create", "inner6")
    amber("subnet", "create", "inner6-a", "--network", "inner6", *six, *JSON)
    amber("router", "create", "answers", "--external-gateway", "outer6", "--enable-ndp-proxy", *JSON)
    amber("router", "add", "subnet", "answers", "inner6-a")
    amber("port", "create", "guest6", "--network", "inner6")
    command = ("router", "ndp", "proxy")
    made = amber(*command, "create", "answers", "--port", "guest6", "--name", "n", *JSON)
    assert made["ip_address"] == address_of(amber, "guest6")
    for narrowed in (
        ("--router", "answers"),
        ("--port", "guest6"),
        ("--ip-address", made["ip_address"]),
        ("--name", "n"),
    ):
        assert [item["ID"] for item in amber(*command, "list", *narrowed, *JSON)] == [made["id"]]
    amber(*command, "set", "--name", "m", "--description", "d", made["id"])
    assert amber(*command, "show", "m", *JSON)["description"] == "d"
    amber(*command, "delete", "m")
    amber("router", "set", "--disable-ndp-proxy", "answers")
    assert amber("router", "show", "answers", *JSON)["enable_ndp_proxy"] is False


def test_local_ips(amber: Any) -> None:
    made = amber("local", "ip", "create", "--name", "lip", "--network", "amber-inner", "--description", "d", *JSON)
    assert (made["name"], made["ip_mode"]) == ("lip", "translate")
    assert [item["Name"] for item in amber("local", "ip", "list", "--network", "amber-inner", *JSON)] == ["lip"]
    amber("local", "ip", "set", "--name", "lip2", "lip")
    port = amber("port", "create", "near", "--network", "amber-inner", *JSON)
    command = ("local", "ip", "association")
    association = amber(*command, "create", "lip2", "near", *JSON)
    assert (association["fixed_port_id"], association["fixed_ip"]) == (port["id"], address_of(amber, "near"))
    listed = amber(*command, "list", "lip2", "--fixed-port", "near", *JSON)
    assert [item["Fixed port ID"] for item in listed] == [port["id"]]
    amber(*command, "delete", "lip2", port["id"])
    amber("local", "ip", "delete", "lip2")
    amber("port", "delete", "near")


def test_metering(cloud: Cloud) -> None:
    os_ = cloud.openstack
    made = os_("network", "meter", "create", "--description", "d", "--share", "m", *JSON)
    assert (made["name"], made["shared"]) == ("m", True)
    assert "m" in column(os_("network", "meter", "list", *JSON))
    rule = os_("network", "meter", "rule", "create", "m", "--egress", "--source-ip-prefix", "10.0.0.0/24", *JSON)
    assert (rule["direction"], rule["source_ip_prefix"]) == ("egress", "10.0.0.0/24")
    assert rule["id"] in column(os_("network", "meter", "rule", "list", *JSON), "ID")
    assert os_("network", "meter", "rule", "show", rule["id"], *JSON)["metering_label_id"] == made["id"]
    os_("network", "meter", "rule", "delete", rule["id"])
    os_("network", "meter", "delete", "m")
