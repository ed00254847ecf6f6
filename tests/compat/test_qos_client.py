"""QoS policies, their rules and the types of rules, with the real `openstack` command and openstacksdk."""

from __future__ import annotations

from typing import Any

import pytest
from tests.compat.conftest import JSON, Cloud, column
from tests.compat.life import live

RULE = ("network", "qos", "rule")
# What the command gives and shows of each kind of rule: options on creation, on a change, and what is then read.
RULES = {
    "bandwidth-limit": (
        ("--max-kbps", "2000", "--max-burst-kbits", "1600", "--egress"),
        {"max_kbps": 2000, "max_burst_kbps": 1600, "direction": "egress"},
        ("--max-kbps", "3000"),
        {"max_kbps": 3000, "max_burst_kbps": 1600, "direction": "egress"},
    ),
    "dscp-marking": (("--dscp-mark", "26"), {"dscp_mark": 26}, ("--dscp-mark", "46"), {"dscp_mark": 46}),
    "minimum-bandwidth": (
        ("--min-kbps", "1000", "--egress"),
        {"min_kbps": 1000, "direction": "egress"},
        ("--min-kbps", "500"),
        {"min_kbps": 500, "direction": "egress"},
    ),
    "minimum-packet-rate": (
        ("--min-kpps", "10", "--any"),
        {"min_kpps": 10, "direction": "any"},
        ("--min-kpps", "20"),
        {"min_kpps": 20, "direction": "any"},
    ),
}


@pytest.fixture(scope="module")
def os_(cloud: Cloud) -> Any:
    """The command as a member of a project of its own."""
    return cloud.member("qos", "quin")


def test_the_command_on_policies(cloud: Cloud, os_: Any) -> None:
    admin = cloud.openstack
    made = admin("network", "qos", "policy", "create", "gold", "--description", "d", "--project", "qos", *JSON)
    assert (made["name"], made["description"], made["shared"], made["is_default"]) == ("gold", "d", False, False)
    assert column(os_("network", "qos", "policy", "list", *JSON)) == {"gold"}
    cloud.refuses("403", "network", "qos", "policy", "create", "mine", cloud="qos")
    policy = ("network", "qos", "policy")
    admin(*policy, "set", "gold", "--name", "best", "--share", "--default", "--description", "e")
    shown = os_(*policy, "show", "best", *JSON)
    assert (shown["shared"], shown["is_default"], shown["description"], shown["rules"]) == (True, True, "e", [])
    assert "best" in column(admin(*policy, "list", "--share", *JSON))
    assert "best" not in column(admin(*policy, "list", "--no-share", *JSON))
    assert column(admin(*policy, "list", "--project", "qos", *JSON)) == {"best"}
    cloud.refuses("A default QoS policy exists", *policy, "create", "second", "--project", "qos", "--default")
    os_("network", "create", "by-default", *JSON)
    assert os_("network", "show", "by-default", *JSON)["qos_policy_id"] == made["id"]
    port = os_("port", "create", "limited", "--network", "by-default", "--qos-policy", "best", *JSON)
    assert (port["qos_policy_id"], port["qos_network_policy_id"]) == (made["id"], made["id"])
    cloud.refuses("is used by network", *policy, "delete", "best")
    os_("port", "unset", "limited", "--qos-policy")
    os_("network", "set", "by-default", "--no-qos-policy")
    shown = os_("port", "show", "limited", *JSON)
    assert (shown["qos_policy_id"], shown["qos_network_policy_id"]) == (None, None)
    os_("port", "delete", "limited")
    os_("network", "delete", "by-default")
    admin(*policy, "set", "best", "--no-default", "--no-share")
    admin(*policy, "delete", "best")
    assert os_(*policy, "list", *JSON) == []


@pytest.mark.parametrize("kind", RULES)
def test_the_command_on_rules(cloud: Cloud, kind: str) -> None:
    given, read, change, then = RULES[kind]
    admin, name = cloud.openstack, f"of-{kind}"
    admin("network", "qos", "policy", "create", name)
    made = admin(*RULE, "create", name, "--type", kind, *given, *JSON)
    assert {key: made[key] for key in read} == read
    (listed,) = admin(*RULE, "list", name, *JSON)
    assert (listed["ID"], listed["Type"]) == (made["id"], kind.replace("-", "_"))
    admin(*RULE, "set", name, made["id"], *change)
    shown = admin(*RULE, "show", name, made["id"], *JSON)
    assert {key: shown[key] for key in then} == then
    cloud.refuses("409", *RULE, "create", name, "--type", kind, *given)
    admin(*RULE, "delete", name, made["id"])
    assert admin(*RULE, "list", name, *JSON) == []
    admin("network", "qos", "policy", "delete", name)


def test_the_command_on_rule_types(cloud: Cloud) -> None:
    types = ("network", "qos", "rule", "type")
    every = {
        "bandwidth_limit", "dscp_marking", "minimum_bandwidth", "minimum_packet_rate", "packet_rate_limit",
    }  # fmt: skip
    assert column(cloud.openstack(*types, "list", "--all-rules", *JSON), "Type") == every
    assert column(cloud.openstack(*types, "list", "--all-supported", *JSON), "Type") <= every
    shown = cloud.openstack(*types, "show", "bandwidth_limit", *JSON)
    assert shown["rule_type_name"] == "bandwidth_limit" and shown["drivers"]


SDK_RULES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "bandwidth_limit": (
        {"max_kbps": 100, "max_burst_kbps": 80, "direction": "egress"},
        {"max_kbps": 200, "direction": "ingress"},
        ("max_kbps", "max_burst_kbps", "direction"),
    ),
    "dscp_marking": ({"dscp_mark": 8}, {"dscp_mark": 10}, ("dscp_mark",)),
    "minimum_bandwidth": ({"min_kbps": 5, "direction": "ingress"}, {"min_kbps": 6}, ("min_kbps", "direction")),
    "minimum_packet_rate": ({"min_kpps": 5, "direction": "any"}, {"min_kpps": 6}, ("min_kpps", "direction")),
    "packet_rate_limit": (
        {"max_kpps": 9, "max_burst_kpps": 7, "direction": "ingress"},
        {"max_kpps": 8, "direction": "egress"},
        ("max_kpps", "max_burst_kpps", "direction"),
    ),
}


@pytest.mark.parametrize("kind", SDK_RULES)
def test_the_sdk_on_rules(cloud: Cloud, kind: str) -> None:
    net = cloud.sdk("admin").network
    policy = net.create_qos_policy(name=f"sdk-{kind}")
    given, changed, narrow = SDK_RULES[kind]
    live(net, f"qos_{kind}_rule", f"qos_{kind}_rules", given, changed, policy, narrow=narrow)
    getattr(net, f"create_qos_{kind}_rule")(policy, **given)
    assert [rule["type"] for rule in net.get_qos_policy(policy.id).rules] == [kind]
    net.delete_qos_policy(policy)


def test_the_sdk_on_policies_and_types(cloud: Cloud) -> None:
    net = cloud.sdk("admin").network
    given = {"name": "p", "description": "d", "is_shared": False}
    narrow = ("name", "description", "is_shared", "is_default", "project_id")
    changed = {"name": "q", "description": "e", "is_shared": True}
    live(net, "qos_policy", "qos_policies", given, changed, narrow=narrow, tagged=True)
    types = {found.type for found in net.qos_rule_types(all_rules=True)}
    assert types == set(SDK_RULES)
    assert net.get_qos_rule_type("dscp_marking").type == "dscp_marking"
