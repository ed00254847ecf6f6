"""Security groups, their rules and what they begin with: the real `openstack` command and openstacksdk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openstack.connection
import openstack.exceptions
import pytest
from tests.compat.conftest import JSON, Cloud, column
from tests.compat.life import live

Command = Callable[..., Any]
GROUP, RULE = ("security", "group"), ("security", "group", "rule")
TEMPLATE, STATEFULNESS = ("default", *RULE), (*GROUP, "default", "statefulness")


@pytest.fixture(scope="module")
def os_(cloud: Cloud) -> Command:
    """The command as a member of a project of its own."""
    return cloud.member("guarded", "gus")


@pytest.fixture(scope="module")
def net(cloud: Cloud, os_: Command) -> Any:
    return cloud.sdk("guarded").network


@pytest.fixture(scope="module")
def manager(cloud: Cloud) -> Command:
    """The command as the manager of another project."""
    return cloud.member("managed", "mia", "manager")


@pytest.fixture(scope="module")
def admin_net(cloud: Cloud) -> Any:
    return cloud.sdk("admin").network


def test_the_command_on_groups(os_: Command, cloud: Cloud) -> None:
    made = os_(*GROUP, "create", "web", "--description", "d", "--stateless", "--tag", "t1", "--tag", "t2", *JSON)
    assert (made["name"], made["description"], made["stateful"]) == ("web", "d", False)
    assert sorted(made["tags"]) == ["t1", "t2"] and made["is_shared"] is False
    assert [rule["direction"] for rule in made["rules"]] == ["egress", "egress"]
    os_(*GROUP, "set", "--name", "web2", "--description", "e", "--stateful", "--no-tag", "--tag", "t3", "web")
    shown = os_(*GROUP, "show", "web2", *JSON)
    assert (shown["id"], shown["description"], shown["stateful"]) == (made["id"], "e", True)
    assert shown["tags"] == ["t3"] and shown["revision_number"] > made["revision_number"]
    os_(*GROUP, "create", "other")
    assert column(os_(*GROUP, "list", *JSON)) == {"default", "web2", "other"}
    assert column(os_(*GROUP, "list", "--tags", "t3", *JSON)) == {"web2"}
    assert column(os_(*GROUP, "list", "--not-any-tags", "t3", *JSON)) == {"default", "other"}
    assert os_(*GROUP, "list", "--share", *JSON) == []
    assert column(os_(*GROUP, "list", "--no-share", *JSON)) == {"default", "web2", "other"}
    assert column(cloud.openstack(*GROUP, "list", "--project", "guarded", *JSON)) == {"default", "web2", "other"}
    os_(*GROUP, "unset", "--tag", "t3", "web2")
    assert os_(*GROUP, "show", "web2", *JSON)["tags"] == []
    cloud.refuses("Default security group already exists", *GROUP, "create", "default", cloud="guarded")
    os_(*GROUP, "delete", "web2", "other")
    assert column(os_(*GROUP, "list", *JSON)) == {"default"}


def test_the_command_on_rules(os_: Command, cloud: Cloud) -> None:
    group = os_(*GROUP, "create", "rules", *JSON)

    def create(*words: str) -> dict[str, Any]:
        made: dict[str, Any] = os_(*RULE, "create", *words, "rules", *JSON)
        return made

    made = create("--protocol", "tcp", "--dst-port", "80:90", "--remote-ip", "10.0.0.7/24", "--description", "web")
    assert (made["port_range_min"], made["port_range_max"], made["protocol"]) == (80, 90, "tcp")
    assert (made["remote_ip_prefix"], made["normalized_cidr"]) == ("10.0.0.7/24", "10.0.0.0/24")
    assert (made["direction"], made["ether_type"], made["description"]) == ("ingress", "IPv4", "web")
    assert (made["security_group_id"], made["belongs_to_default_sg"]) == (group["id"], False)
    assert os_(*RULE, "show", made["id"], *JSON) == made
    ping = create("--protocol", "icmp", "--icmp-type", "8", "--icmp-code", "0")
    assert (ping["port_range_min"], ping["port_range_max"]) == (8, 0)
    six = create("--protocol", "ipv6-icmp", "--icmp-type", "128", "--egress")
    assert (six["ether_type"], six["direction"]) == ("IPv6", "egress")
    own = create("--remote-group", "rules", "--ethertype", "IPv6")
    assert own["remote_group_id"] == group["id"]
    assert made["id"] in column(os_(*RULE, "list", "rules", "--ingress", "--protocol", "tcp", *JSON), "ID")
    inward = column(os_(*RULE, "list", "rules", "--ingress", *JSON), "ID")
    assert inward == {made["id"], ping["id"], own["id"]}
    assert six["id"] in column(os_(*RULE, "list", "rules", "--egress", "--long", *JSON), "ID")
    shown = os_(*GROUP, "show", "rules", *JSON)["rules"]
    assert {made["id"], ping["id"], six["id"], own["id"]} < {rule["id"] for rule in shown}
    again = ("--protocol", "6", "--dst-port", "80:90", "--remote-ip", "10.0.0.0/24", "rules")
    cloud.refuses(f"Rule id is {made['id']}", *RULE, "create", *again, cloud="guarded")
    wrong = ("--protocol", "tcp", "--dst-port", "9:65536", "rules")
    cloud.refuses("Invalid value for port 65536", *RULE, "create", *wrong, cloud="guarded")
    os_(*RULE, "delete", made["id"], ping["id"])
    left = {rule["id"] for rule in os_(*GROUP, "show", "rules", *JSON)["rules"]}
    assert not {made["id"], ping["id"]} & left and six["id"] in left
    os_(*GROUP, "delete", "rules")


def test_the_command_on_groups_that_are_used(os_: Command, cloud: Cloud) -> None:
    os_("network", "create", "used")
    os_(*GROUP, "create", "kept")
    os_(*GROUP, "create", "loose", "--stateless")
    os_("port", "create", "p", "--network", "used", "--security-group", "kept")
    cloud.refuses("stateful and stateless", "port", "set", "--security-group", "loose", "p", cloud="guarded")
    cloud.refuses("in use", *GROUP, "set", "--stateless", "kept", cloud="guarded")
    cloud.refuses("in use", *GROUP, "delete", "kept", cloud="guarded")
    os_("port", "set", "--no-security-group", "--security-group", "loose", "p")
    os_(*GROUP, "set", "--stateless", "kept")
    os_("port", "set", "--security-group", "kept", "p")
    assert len(os_("port", "show", "p", *JSON)["security_group_ids"]) == 2
    os_("port", "delete", "p")
    os_(*GROUP, "delete", "kept", "loose")
    os_("network", "delete", "used")


def test_the_command_on_templates(os_: Command, cloud: Cloud) -> None:
    made = cloud.openstack(
        *TEMPLATE, "create", "--ingress", "--protocol", "tcp", "--dst-port", "22", "--remote-group", "PARENT",
        "--description", "ssh among themselves", "--for-custom-sg", *JSON,
    )  # fmt: skip
    try:
        assert (made["protocol"], made["port_range_min"], made["remote_group_id"]) == ("tcp", 22, "PARENT")
        assert (made["used_in_default_sg"], made["used_in_non_default_sg"]) == (False, True)
        shown = os_(*TEMPLATE, "show", made["id"], *JSON)
        assert shown == {**made, "remote_ip_prefix": "0.0.0.0/0"}, "so the command writes the lack of one"
        assert column(os_(*TEMPLATE, "list", "--protocol", "tcp", *JSON), "ID") == {made["id"]}
        assert made["id"] not in column(os_(*TEMPLATE, "list", "--egress", *JSON), "ID")
        group = os_(*GROUP, "create", "templated", *JSON)
        (rule,) = (rule for rule in group["rules"] if rule["protocol"] == "tcp")
        assert (rule["remote_group_id"], rule["port_range_max"]) == (group["id"], 22)
        cloud.refuses("already exists", *TEMPLATE, "create", "--protocol", "tcp", "--dst-port", "22", "--remote-group",
                      "PARENT", "--for-custom-sg", "--for-default-sg")  # fmt: skip
        cloud.refuses("disallowed", *TEMPLATE, "create", "--protocol", "udp", "--for-custom-sg", cloud="guarded")
        cloud.refuses("disallowed", *TEMPLATE, "delete", made["id"], cloud="guarded")
    finally:
        cloud.openstack(*TEMPLATE, "delete", made["id"])
    assert made["id"] not in column(os_(*TEMPLATE, "list", *JSON), "ID")
    assert len(os_(*GROUP, "show", "templated", *JSON)["rules"]) == 3
    os_(*GROUP, "delete", "templated")
    assert len(os_(*GROUP, "create", "plain", *JSON)["rules"]) == 2
    os_(*GROUP, "delete", "plain")


def test_the_command_on_default_statefulness(manager: Command, os_: Command, cloud: Cloud) -> None:
    made = manager(*STATEFULNESS, "create", "--stateless", "--project", _own_id(manager), *JSON)
    assert (made["stateful"], made["project_id"]) == (False, _own_id(manager))
    assert manager(*STATEFULNESS, "show", made["id"], *JSON) == made
    assert column(manager(*STATEFULNESS, "list", *JSON), "ID") == {made["id"]}
    assert os_(*STATEFULNESS, "list", *JSON) == []
    (listed,) = cloud.openstack(*STATEFULNESS, "list", "--project", "managed", *JSON)
    assert (listed["ID"], listed["Stateful"]) == (made["id"], False)
    assert manager(*GROUP, "create", "loose", *JSON)["stateful"] is False
    assert manager(*GROUP, "create", "said", "--stateful", *JSON)["stateful"] is True
    manager(*STATEFULNESS, "set", "--stateful", made["id"])
    assert manager(*STATEFULNESS, "show", made["id"], *JSON)["stateful"] is True
    assert manager(*GROUP, "create", "kept", *JSON)["stateful"] is True
    manager(*GROUP, "delete", "loose", "said", "kept")
    everywhere = cloud.openstack(*STATEFULNESS, "create", "--stateless", *JSON)
    try:
        assert everywhere["project_id"] is None
        assert os_(*GROUP, "create", "like-all", *JSON)["stateful"] is False
        assert manager(*GROUP, "create", "own", *JSON)["stateful"] is True
        cloud.refuses("already exists", *STATEFULNESS, "create", "--stateful")
    finally:
        cloud.openstack(*STATEFULNESS, "delete", everywhere["id"])
    manager(*STATEFULNESS, "delete", made["id"])
    assert manager(*STATEFULNESS, "list", *JSON) == []
    os_(*GROUP, "delete", "like-all")
    manager(*GROUP, "delete", "own")


def _own_id(manager: Command) -> str:
    """The id of the project of a command's user: that of its default group."""
    (group,) = (each for each in manager(*GROUP, "list", *JSON) if each["Name"] == "default")
    return str(group["Project"])


def test_the_life_of_a_group(net: Any) -> None:
    given = {"name": "sdk", "description": "d", "stateful": False}
    changed = {"name": "sdk2", "description": "e", "stateful": True}
    live(net, "security_group", "security_groups", given, changed, narrow=("name", "description"), tagged=True)


def test_the_life_of_a_rule(net: Any) -> None:
    group = net.create_security_group(name="of-rules")
    given = {
        "security_group_id": group.id, "direction": "ingress", "protocol": "udp", "port_range_min": 53,
        "port_range_max": 54, "remote_ip_prefix": "192.0.2.0/24", "ether_type": "IPv4", "description": "d",
    }  # fmt: skip
    narrow = ("protocol", "port_range_min", "port_range_max", "remote_ip_prefix", "description")
    live(net, "security_group_rule", "security_group_rules", given, {}, narrow=narrow, tagged=True)
    body = {"security_group_id": group.id, "direction": "egress", "remote_group_id": group.id}
    several = list(net.create_security_group_rules([{**body, "protocol": "tcp"}, {**body, "protocol": "udp"}]))
    assert {each.protocol for each in several} == {"tcp", "udp"}
    kinds = {kind: list(net.security_group_rules(security_group_id=group.id, ether_type=kind)) for kind in
             ("IPv4", "IPv6")}  # fmt: skip
    assert (len(kinds["IPv4"]), len(kinds["IPv6"])) == (3, 1)
    found = net.find_security_group_rule(several[0].id)
    assert found.remote_group_id == group.id and found.security_group_id == group.id
    net.delete_security_group(group, ignore_missing=False)
    assert net.find_security_group_rule(several[0].id) is None


def test_the_life_of_a_template(admin_net: Any, net: Any) -> None:
    given = {
        "direction": "ingress", "protocol": "udp", "port_range_min": 5000, "port_range_max": 5001, "ether_type": "IPv6",
        "remote_ip_prefix": "2001:db8::/64", "description": "d", "used_in_default_sg": False,
        "used_in_non_default_sg": False,
    }  # fmt: skip
    one, several = "default_security_group_rule", "default_security_group_rules"
    live(admin_net, one, several, given, {}, narrow=("protocol", "port_range_min", "remote_ip_prefix"))
    with pytest.raises(openstack.exceptions.ForbiddenException):
        net.create_default_security_group_rule(**given)
    assert {each.direction for each in net.default_security_group_rules(used_in_non_default_sg=True)} == {"egress"}


def test_the_life_of_default_statefulness(admin_net: Any, cloud: Cloud, os_: Command) -> None:
    project = cloud.openstack("project", "show", "guarded", *JSON)["id"]
    one = "security_groups_default_statefulness"
    live(admin_net, one, one, {"project_id": project, "stateful": False}, {"stateful": True}, narrow=("stateful",))
