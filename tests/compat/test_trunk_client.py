"""Trunks and their subports, with the real `openstack` command and openstacksdk."""

from __future__ import annotations

from typing import Any

import pytest
from tests.compat.conftest import JSON, Cloud, column
from tests.compat.life import live


@pytest.fixture(scope="module")
def os_(cloud: Cloud) -> Any:
    """The command as a member of a project, which has four ports."""
    run = cloud.member("trunks", "tom")
    run("network", "create", "trunk-net")
    for name in ("parent", "other", "sub1", "sub2"):
        run("port", "create", name, "--network", "trunk-net")
    return run


def test_the_command_on_trunks(cloud: Cloud, os_: Any) -> None:
    ids = {name: os_("port", "show", name, *JSON)["id"] for name in ("parent", "sub1", "sub2")}
    first = ("--subport", "port=sub1,segmentation-type=vlan,segmentation-id=100")
    made = os_("network", "trunk", "create", "t", "--parent-port", "parent", *first, "--description", "d", *JSON)
    assert (made["name"], made["port_id"], made["description"], made["status"]) == ("t", ids["parent"], "d", "DOWN")
    assert made["sub_ports"] == [{"port_id": ids["sub1"], "segmentation_type": "vlan", "segmentation_id": 100}]
    (listed,) = os_("network", "trunk", "list", "--long", *JSON)
    assert (listed["Name"], listed["Parent Port"], listed["Status"]) == ("t", ids["parent"], "DOWN")
    os_("network", "trunk", "set", "t", "--name", "t2", "--description", "e", "--disable")
    shown = os_("network", "trunk", "show", "t2", *JSON)
    assert (shown["description"], shown["is_admin_state_up"]) == ("e", False)
    second = ("--subport", "port=sub2,segmentation-type=vlan,segmentation-id=7")
    cloud.refuses("currently disabled", "network", "trunk", "set", "t2", *second, cloud="trunks")
    os_("network", "trunk", "set", "t2", "--enable", *second)
    listed = os_("network", "subport", "list", "--trunk", "t2", *JSON)
    assert {(row["Port"], row["Segmentation ID"]) for row in listed} == {(ids["sub1"], 100), (ids["sub2"], 7)}
    parent = os_("port", "show", "parent", *JSON)
    assert len(parent["trunk_details"]["sub_ports"]) == 2
    cloud.refuses("currently a subport for trunk", "port", "delete", "sub1", cloud="trunks")
    os_("network", "trunk", "unset", "t2", "--subport", "sub1", "--subport", "sub2")
    assert os_("network", "subport", "list", "--trunk", "t2", *JSON) == []
    os_("network", "trunk", "delete", "t2")
    assert os_("network", "trunk", "list", *JSON) == []


def test_the_commands_on_subports(os_: Any) -> None:
    os_("network", "trunk", "create", "t", "--parent-port", "parent")
    command = ("network", "trunk", "subport")
    os_(*command, "add", "t", "sub1", "--segmentation-type", "vlan", "--segmentation-id", "5")
    assert column(os_(*command, "list", "t", *JSON), "Segmentation ID") == {5}
    os_(*command, "remove", "t", "sub1")
    assert os_(*command, "list", "t", *JSON) == []
    os_("network", "trunk", "delete", "t")


def test_the_sdk_on_trunks(cloud: Cloud, os_: Any) -> None:
    net = cloud.sdk("trunks").network
    parent, sub = net.find_port("parent"), net.find_port("sub1")
    subports = [{"port_id": sub.id, "segmentation_type": "vlan", "segmentation_id": 9}]
    assert sub is not None and parent is not None
    given = {"name": "t", "description": "d", "port_id": parent.id, "sub_ports": subports, "is_admin_state_up": False}
    narrow = ("name", "description", "port_id", "status", "is_admin_state_up")
    changed = {"name": "u", "description": "e", "is_admin_state_up": True}
    live(net, "trunk", "trunks", given, changed, narrow=narrow, tagged=True)
    trunk = net.create_trunk(port_id=parent.id)
    net.add_trunk_subports(trunk, subports)
    assert net.get_trunk_subports(trunk)["sub_ports"] == subports
    net.delete_trunk_subports(trunk, [{"port_id": sub.id}])
    assert net.get_trunk_subports(trunk)["sub_ports"] == []
    net.delete_trunk(trunk)
