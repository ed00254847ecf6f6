"""Quotas of every resource, extensions, with the real `openstack` command and openstacksdk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openstack.exceptions
import pytest
from tests.compat.conftest import JSON, Cloud, column

# What the command's options and openstacksdk call the resources.
OPTIONS = {
    "--networks": "networks", "--subnets": "subnets", "--subnetpools": "subnet_pools", "--ports": "ports",
    "--routers": "routers", "--floating-ips": "floating_ips", "--secgroups": "security_groups",
    "--secgroup-rules": "security_group_rules", "--rbac-policies": "rbac_policies",
}  # fmt: skip


@pytest.fixture(scope="module")
def os_(cloud: Cloud) -> Any:
    """The command as a member of a project of its own."""
    return cloud.member("quotas", "quo")


def limits(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {row["Resource"]: row["Limit"] for row in rows}


def test_the_command_sets_shows_and_drops_every_quota(cloud: Cloud, os_: Any) -> None:
    before = limits(os_("quota", "show", "--network", *JSON))
    assert set(OPTIONS.values()) <= set(before)
    numbers = {option: str(20 + number) for number, option in enumerate(OPTIONS)}
    cloud.openstack("quota", "set", *(word for pair in numbers.items() for word in pair), "quotas")
    after = limits(os_("quota", "show", "--network", *JSON))
    assert {name: after[name] for name in OPTIONS.values()} == {
        OPTIONS[option]: int(number) for option, number in numbers.items()
    }
    assert limits(os_("quota", "show", "--network", "--default", *JSON)) == before
    usage = {row["Resource"]: row for row in cloud.openstack("quota", "show", "--network", "--usage", "quotas", *JSON)}
    assert (usage["ports"]["Limit"], usage["ports"]["In Use"], usage["ports"]["Reserved"]) == (23, 0, 0)
    listed = cloud.openstack("quota", "list", "--network", *JSON)
    project = cloud.openstack("project", "show", "quotas", *JSON)["id"]
    (row,) = [row for row in listed if row["Project ID"] == project]
    assert (row["Networks"], row["Subnet Pools"]) == (20, 22)
    cloud.refuses("403", "quota", "set", "--networks", "1000", "quotas", cloud="quotas")
    cloud.openstack("quota", "delete", "--network", "quotas")
    assert limits(os_("quota", "show", "--network", *JSON)) == before
    assert project not in column(cloud.openstack("quota", "list", "--network", *JSON), "Project ID")


def test_the_command_meets_a_quota(cloud: Cloud, os_: Any) -> None:
    cloud.openstack("quota", "set", "--networks", "2", "--ports", "0", "quotas")
    os_("network", "create", "one")
    os_("network", "create", "two")
    cloud.refuses("Quota exceeded for resources: ['network']", "network", "create", "three", cloud="quotas")
    cloud.refuses("Quota exceeded for resources: ['port']", "port", "create", "p", "--network", "one", cloud="quotas")
    usage = {row["Resource"]: row for row in cloud.openstack("quota", "show", "--network", "--usage", "quotas", *JSON)}
    assert usage["networks"]["In Use"] == 2
    cloud.refuses("400", "quota", "set", "--networks", "1", "--check-limit", "quotas")
    cloud.openstack("quota", "set", "--networks", "1", "--force", "quotas")
    assert limits(os_("quota", "show", "--network", *JSON))["networks"] == 1
    os_("network", "delete", "one", "two")
    cloud.openstack("quota", "delete", "--network", "quotas")


def test_the_sdk_on_quotas(cloud: Cloud, os_: Any) -> None:
    net, theirs = cloud.sdk("admin").network, cloud.sdk("quotas")
    project = theirs.current_project_id
    default = net.get_quota_default(project)
    wanted = {name: 30 + number for number, name in enumerate(OPTIONS.values())}
    quota = net.update_quota(project, **wanted)
    assert {name: getattr(quota, name) for name in wanted} == wanted
    quota = theirs.network.get_quota(project)
    assert {name: getattr(quota, name) for name in wanted} == wanted
    assert [found.ports for found in net.quotas() if found.project_id == project] == [33]
    details = net.get_quota(project, details=True)
    assert {**details.networks, "reserved": 0} == {"limit": 30, "used": 0, "reserved": 0}
    made = theirs.network.create_network(name="n")
    assert net.get_quota(project, details=True).networks["used"] == 1
    with pytest.raises(openstack.exceptions.BadRequestException):
        net.update_quota(project, networks=0, check_limit=True)
    with pytest.raises(openstack.exceptions.BadRequestException):
        net.update_quota(project, networks=-2)
    with pytest.raises(openstack.exceptions.ForbiddenException):
        theirs.network.update_quota(project, networks=100)
    theirs.network.delete_network(made)
    net.delete_quota(project)
    quota = net.get_quota(project)
    assert {name: getattr(quota, name) for name in wanted} == {name: getattr(default, name) for name in wanted}


def test_the_sdk_meets_the_quota_of_every_resource(cloud: Cloud, os_: Any) -> None:
    """Each resource is refused at its limit, and made when there is room again."""
    admin, net = cloud.sdk("admin").network, cloud.sdk("quotas").network
    project = cloud.sdk("quotas").current_project_id
    outer = admin.create_network(name="quota-outer", is_router_external=True)
    admin.create_subnet(network_id=outer.id, ip_version=4, cidr="198.51.100.0/24", is_dhcp_enabled=False)
    network = net.create_network(name="n")
    net.create_subnet(network_id=network.id, ip_version=4, cidr="10.9.0.0/24", is_dhcp_enabled=False)
    port = net.create_port(network_id=network.id)
    group = net.create_security_group(name="g")
    target = {"action": "access_as_shared", "target_project_id": admin.get_network(outer.id).project_id}
    makers: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
        "network": (lambda: net.create_network(name="m"), net.delete_network),
        "subnet": (
            lambda: net.create_subnet(network_id=network.id, ip_version=4, cidr="10.8.0.0/24", is_dhcp_enabled=False),
            net.delete_subnet,
        ),
        "subnetpool": (lambda: net.create_subnet_pool(name="p", prefixes=["10.0.0.0/16"]), net.delete_subnet_pool),
        "port": (lambda: net.create_port(network_id=network.id), net.delete_port),
        "router": (lambda: net.create_router(name="r"), net.delete_router),
        "floatingip": (lambda: net.create_ip(floating_network_id=outer.id), net.delete_ip),
        "security_group": (lambda: net.create_security_group(name="h"), net.delete_security_group),
        "security_group_rule": (
            lambda: net.create_security_group_rule(security_group_id=group.id, direction="ingress", protocol="tcp"),
            net.delete_security_group_rule,
        ),
        "address_group": (lambda: net.create_address_group(name="a", addresses=[]), net.delete_address_group),
        "rbac_policy": (
            lambda: net.create_rbac_policy(object_type="network", object_id=network.id, **target),
            net.delete_rbac_policy,
        ),
        "trunk": (lambda: net.create_trunk(port_id=port.id), net.delete_trunk),
    }
    for resource, (create, delete) in makers.items():
        used = admin.get(f"/quotas/{project}/details.json").json()["quota"][resource]["used"]
        admin.update_quota(project, **{resource: used})
        with pytest.raises(openstack.exceptions.ConflictException, match=rf"Quota exceeded.*'{resource}'"):
            create()
        admin.update_quota(project, **{resource: used + 1})
        delete(create())
    admin.delete_quota(project)
    net.delete_port(port)
    net.delete_network(network)
    net.delete_security_group(group)
    admin.delete_network(outer)


def test_the_command_on_extensions(cloud: Cloud, os_: Any) -> None:
    listed = {row["Alias"]: row for row in os_("extension", "list", "--network", "--long", *JSON)}
    assert {"qos", "trunk", "segment", "rbac-policies", "logging", "metering", "local_ip"} <= set(listed)
    assert all(row["Name"] and row["Description"] for row in listed.values())
    shown = os_("extension", "show", "trunk", *JSON)
    assert (shown["alias"], shown["name"]) == ("trunk", listed["trunk"]["Name"])
    cloud.refuses("No Extension found", "extension", "show", "nothing-of-the-kind", cloud="quotas")


def test_the_sdk_on_extensions(cloud: Cloud, os_: Any) -> None:
    net = cloud.sdk("quotas").network
    for extension in net.extensions():
        found = net.find_extension(extension.alias, ignore_missing=False)
        assert (found.name, found.description, found.updated_at) == (
            extension.name, extension.description, extension.updated_at,
        )  # fmt: skip
    with pytest.raises(openstack.exceptions.NotFoundException):
        net.find_extension("nothing-of-the-kind", ignore_missing=False)
