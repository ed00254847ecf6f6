"""RBAC entries of every type of object, with the real `openstack` command and openstacksdk."""

from __future__ import annotations

from typing import Any

import pytest
from tests.compat.conftest import JSON, Cloud, column

RBAC = ("network", "rbac")
# How the command makes, lists and deletes an object of each type; by whom, where that is not anybody.
TYPES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "network": ("network", ("network", "create", "lent"), ()),
    "qos_policy": ("network qos policy", ("network", "qos", "policy", "create", "lent"), ("--project", "lender")),
    "security_group": ("security group", ("security", "group", "create", "lent"), ()),
    "address_group": ("address group", ("address", "group", "create", "lent", "--address", "192.0.2.0/24"), ()),
    "address_scope": ("address scope", ("address", "scope", "create", "lent"), ()),
    "subnetpool": ("subnet pool", ("subnet", "pool", "create", "lent", "--pool-prefix", "10.0.0.0/16"), ()),
}


@pytest.fixture(scope="module")
def lender(cloud: Cloud) -> Any:
    """The command as a member of the project whose objects are lent."""
    return cloud.member("lender", "lee")


@pytest.fixture(scope="module")
def borrower(cloud: Cloud) -> Any:
    """The command as a member of the project that they are lent to."""
    return cloud.member("borrower", "bea")


@pytest.mark.parametrize("kind", TYPES)
def test_the_command_on_entries(cloud: Cloud, lender: Any, borrower: Any, kind: str) -> None:
    noun, create, by_admin = TYPES[kind]
    made = cloud.openstack(*create, *by_admin, *JSON) if by_admin else lender(*create, *JSON)
    words = noun.split()
    assert "lent" not in column(borrower(*words, "list", *JSON))
    what = ("--type", kind, "--action", "access_as_shared")
    owner = cloud.openstack if by_admin else lender
    target = cloud.openstack("project", "show", "borrower", *JSON)["id"]
    entry = owner(*RBAC, "create", *what, "--target-project", target, *by_admin, "lent", *JSON)
    assert (entry["object_type"], entry["action"], entry["object_id"]) == (kind, "access_as_shared", made["id"])
    assert entry["target_project_id"] == target
    assert "lent" in column(borrower(*words, "list", *JSON))
    assert borrower(*words, "show", "lent", *JSON)["id"] == made["id"]
    assert entry["id"] in column(lender(*RBAC, "list", "--type", kind, "--long", *JSON), "ID")
    assert lender(*RBAC, "show", entry["id"], *JSON)["object_id"] == made["id"]
    cloud.refuses("409", *RBAC, "create", *what, "--target-project", target, "lent")
    other = cloud.openstack("project", "show", "admin", *JSON)["id"]
    owner(*RBAC, "set", "--target-project", other, entry["id"])
    assert "lent" not in column(borrower(*words, "list", *JSON))
    owner(*RBAC, "delete", entry["id"])
    cloud.refuses("No RBACPolicy found", *RBAC, "show", entry["id"])
    (cloud.openstack if by_admin else lender)(*words, "delete", "lent")


def test_only_the_administrator_lends_to_everybody(cloud: Cloud, lender: Any, borrower: Any) -> None:
    network = lender("network", "create", "open", *JSON)
    everybody = ("--type", "network", "--action", "access_as_shared", "--target-all-projects", "open")
    cloud.refuses("403", *RBAC, "create", *everybody, cloud="lender")
    entry = cloud.openstack(*RBAC, "create", *everybody, *JSON)
    assert entry["target_project_id"] == "*" and entry["object_id"] == network["id"]
    assert borrower("network", "show", "open", *JSON)["shared"] is True
    outside = ("--type", "network", "--action", "access_as_external", "--target-all-projects", "open")
    external = cloud.openstack(*RBAC, "create", *outside, *JSON)
    assert borrower("network", "show", "open", *JSON)["router:external"] is True
    listed = cloud.openstack(*RBAC, "list", "--action", "access_as_external", *JSON)
    assert external["id"] in column(listed, "ID") and entry["id"] not in column(listed, "ID")
    port = borrower("port", "create", "there", "--network", "open", *JSON)
    cloud.refuses("409", *RBAC, "delete", entry["id"])
    borrower("port", "delete", port["id"])
    cloud.openstack(*RBAC, "delete", entry["id"], external["id"])
    assert "open" not in column(borrower("network", "list", *JSON))
    lender("network", "delete", "open")


def test_the_sdk_on_entries(cloud: Cloud, lender: Any, borrower: Any) -> None:
    net, theirs = cloud.sdk("lender").network, cloud.sdk("borrower")
    target = theirs.current_project_id
    objects = {
        "network": net.create_network(name="n"),
        "security_group": net.create_security_group(name="g"),
        "address_group": net.create_address_group(name="a", addresses=["192.0.2.0/24"]),
        "address_scope": net.create_address_scope(name="s", ip_version=4),
        "subnetpool": net.create_subnet_pool(name="p", prefixes=["10.0.0.0/16"]),
    }
    for kind, made in objects.items():
        given = {"object_type": kind, "object_id": made.id, "action": "access_as_shared"}
        entry = net.create_rbac_policy(**given, target_project_id=target)
        shown = net.get_rbac_policy(entry.id)
        assert {name: getattr(shown, name) for name in given} == given and shown.target_project_id == target
        for filters in ({"object_type": kind}, {"object_id": made.id}, {"target_project_id": target}):
            assert entry.id in {each.id for each in net.rbac_policies(**filters)}
        assert {each.id for each in net.rbac_policies(object_type=kind, object_id=made.id)} == {entry.id}
        assert list(net.rbac_policies(object_id=entry.id)) == []
        net.delete_rbac_policy(entry, ignore_missing=False)
    assert theirs.network.find_network("n") is None
    net.delete_network(objects["network"])
    net.delete_security_group(objects["security_group"])
    net.delete_address_group(objects["address_group"])
    net.delete_subnet_pool(objects["subnetpool"])
    net.delete_address_scope(objects["address_scope"])
