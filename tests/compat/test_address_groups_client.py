"""Address groups with the real `openstack` command and openstacksdk, against a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openstack.connection
import openstack.exceptions
import pytest
from tests.compat.conftest import JSON, Cloud, column

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def os_(cloud: Cloud) -> Command:
    """The command as a member of a project of its own."""
    return cloud.member("office", "olga")


@pytest.fixture(scope="module")
def guest(cloud: Cloud) -> Command:
    """The command as a member of another project."""
    return cloud.member("visitors", "vera")


@pytest.fixture(scope="module")
def sdk(cloud: Cloud, os_: Command) -> openstack.connection.Connection:
    return cloud.sdk("office")


def test_the_command_on_address_groups(cloud: Cloud, os_: Command) -> None:
    made = os_(
        "address", "group", "create", "hq", "--description", "d", "--address", "10.0.0.9/24", "--address", "10.1.0.1",
        *JSON,
    )  # fmt: skip
    assert (made["name"], made["description"], made["addresses"]) == ("hq", "d", ["10.0.0.0/24", "10.1.0.1/32"])
    os_("address", "group", "set", "--name", "main", "--description", "e", "--address", "2001:db8::/64", "hq")
    shown = os_("address", "group", "show", "main", *JSON)
    assert (shown["id"], shown["description"]) == (made["id"], "e")
    assert shown["addresses"] == ["10.0.0.0/24", "10.1.0.1/32", "2001:db8::/64"]
    os_("address", "group", "unset", "--address", "10.1.0.1", "--address", "10.0.0.7/24", "main")
    assert os_("address", "group", "show", "main", *JSON)["addresses"] == ["2001:db8::/64"]
    os_("address", "group", "create", "second")
    assert column(os_("address", "group", "list", *JSON)) == {"main", "second"}
    (listed,) = os_("address", "group", "list", "--name", "main", *JSON)
    assert (listed["ID"], listed["Addresses"], listed["Project"]) == (made["id"], ["2001:db8::/64"], made["project_id"])
    assert column(cloud.openstack("address", "group", "list", "--project", "office", *JSON)) == {"main", "second"}
    again = cloud.run("address", "group", "set", "--address", "2001:db8::/64", "main", cloud="office")
    assert again.returncode and "already exist" in again.stderr
    strange = cloud.run("address", "group", "unset", "--address", "192.0.2.0/24", "main", cloud="office")
    assert strange.returncode and "not found" in strange.stderr
    os_("address", "group", "delete", "main", "second")
    assert os_("address", "group", "list", *JSON) == []


def test_the_command_on_rules_for_address_groups(cloud: Cloud, os_: Command) -> None:
    group = os_("address", "group", "create", "friends", "--address", "192.0.2.0/24", *JSON)
    os_("security", "group", "create", "web")
    rule = os_(
        "security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "443", "--remote-address-group",
        "friends", "web", *JSON,
    )  # fmt: skip
    assert (rule["remote_address_group_id"], rule["remote_ip_prefix"]) == (group["id"], None)
    listed = os_("security", "group", "rule", "list", "web", *JSON)
    assert group["id"] in column(listed, "Remote Address Group")
    assert os_("security", "group", "rule", "show", rule["id"], *JSON)["remote_address_group_id"] == group["id"]
    used = cloud.run("address", "group", "delete", "friends", cloud="office")
    assert used.returncode and os_("address", "group", "show", "friends", *JSON)["id"] == group["id"]
    os_("security", "group", "rule", "delete", rule["id"])
    os_("address", "group", "delete", "friends")
    os_("security", "group", "delete", "web")


def test_the_command_shares_address_groups(cloud: Cloud, os_: Command, guest: Command) -> None:
    group = os_("address", "group", "create", "given", "--address", "192.0.2.0/24", *JSON)
    assert guest("address", "group", "list", *JSON) == []
    entry = cloud.openstack(
        "network", "rbac", "create", "--type", "address_group", "--action", "access_as_shared", "--target-project",
        "visitors", group["id"], *JSON,
    )  # fmt: skip
    assert column(cloud.openstack("network", "rbac", "list", "--type", "address_group", *JSON), "ID") == {entry["id"]}
    assert guest("address", "group", "show", "given", *JSON)["addresses"] == ["192.0.2.0/24"]
    assert cloud.run("address", "group", "set", "--name", "x", group["id"], cloud="visitors").returncode
    rule = guest(
        "security", "group", "rule", "create", "--remote-address-group", "given", "--egress", "default", *JSON,
    )  # fmt: skip
    assert cloud.run("network", "rbac", "delete", entry["id"]).returncode
    guest("security", "group", "rule", "delete", rule["id"])
    cloud.openstack("network", "rbac", "delete", entry["id"])
    assert guest("address", "group", "list", *JSON) == []
    assert os_("address", "group", "show", "given", *JSON)["name"] == "given"
    os_("address", "group", "delete", "given")


def test_the_sdk_on_address_groups(sdk: openstack.connection.Connection) -> None:
    network = sdk.network
    group = network.create_address_group(name="sdk", addresses=["10.0.0.0/24", "2001:db8::/64"])
    assert network.get_address_group(group).addresses == ["10.0.0.0/24", "2001:db8::/64"]
    assert [each.id for each in network.address_groups(name="sdk")] == [group.id]
    assert network.update_address_group(group, description="later").description == "later"
    more = network.add_addresses_to_address_group(group, ["10.9.0.0/16", "10.8.0.1"])
    assert more.addresses == ["10.0.0.0/24", "10.8.0.1/32", "10.9.0.0/16", "2001:db8::/64"]
    left = network.remove_addresses_from_address_group(group, ["10.0.0.0/24", "10.9.0.0/16"])
    assert left.addresses == ["10.8.0.1/32", "2001:db8::/64"]
    with pytest.raises(openstack.exceptions.BadRequestException, match="already exist"):
        network.add_addresses_to_address_group(group, ["10.8.0.1"])
    with pytest.raises(openstack.exceptions.NotFoundException, match=r"10\.0\.0\.0/24"):
        network.remove_addresses_from_address_group(group, ["10.0.0.0/24"])
    holder = network.create_security_group(name="sdk")
    rule = network.create_security_group_rule(
        security_group_id=holder.id, direction="ingress", remote_address_group_id=group.id
    )
    assert [each.id for each in network.security_group_rules(remote_address_group_id=group.id)] == [rule.id]
    with pytest.raises(openstack.exceptions.ConflictException, match="in use"):
        network.delete_address_group(group)
    network.delete_security_group(holder)
    network.delete_address_group(group)
    assert network.find_address_group("sdk") is None
