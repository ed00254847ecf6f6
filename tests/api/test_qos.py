"""QoS policies and their rules: who may make and use them, what fits together, and what is in use."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk

from heddle.agent.mirror import Mirror
from heddle.control import sync
from heddle.view.compile import Compiler
from heddle.view.types import FetchReply, FetchRequest, Guarantees, QosLimit, qos_scope

Rule = dict[str, Any]
NONE = "00000000-0000-4000-8000-000000000000"
KINDS: dict[str, tuple[Rule, Rule]] = {
    "bandwidth_limit": ({"max_kbps": 1000, "max_burst_kbps": 80, "direction": "ingress"}, {"max_kbps": 2000}),
    "dscp_marking": ({"dscp_mark": 26}, {"dscp_mark": 0}),
    "minimum_bandwidth": ({"min_kbps": 10, "direction": "ingress"}, {"direction": "egress"}),
    "packet_rate_limit": ({"max_kpps": 10, "max_burst_kpps": 1, "direction": "ingress"}, {"max_burst_kpps": 2}),
    "minimum_packet_rate": ({"min_kpps": 10, "direction": "any"}, {"min_kpps": 11, "direction": "ingress"}),
}
DEFAULTS = {
    "bandwidth_limit": ({"max_kbps": 7}, {"max_burst_kbps": 0, "direction": "egress"}),
    "minimum_bandwidth": ({"min_kbps": "7"}, {"min_kbps": 7, "direction": "egress"}),
    "packet_rate_limit": ({"max_kpps": 0}, {"max_burst_kpps": 0, "direction": "egress"}),
    "minimum_packet_rate": ({"min_kpps": 2**31 - 1}, {"direction": "egress"}),
    "dscp_marking": ({"dscp_mark": "46"}, {"dscp_mark": 46}),
}
VLANS = itertools.count(3000)
ALIASED = sorted(set(KINDS) - {"packet_rate_limit"})


def url(policy: dict[str, Any], kind: str, rule: dict[str, Any] | str = "") -> str:
    base = f"/v2.0/qos/policies/{policy['id']}/{kind}_rules"
    return f"{base}/{rule if isinstance(rule, str) else rule['id']}" if rule else base


def add(talk: Talk, policy: dict[str, Any], kind: str, **attributes: Any) -> dict[str, Any]:
    answer = talk.client.post(url(policy, kind), {f"{kind}_rule": attributes})
    assert answer.status == 201, answer.body
    return dict(answer.json()[f"{kind}_rule"])


def no_add(talk: Talk, status: int, error: str, policy: dict[str, Any], kind: str, **attributes: Any) -> str:
    return talk.refused(status, error, "POST", url(policy, kind), {f"{kind}_rule": attributes})


def change(talk: Talk, policy: dict[str, Any], kind: str, rule: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return dict(talk.put(url(policy, kind, rule), {f"{kind}_rule": attributes})[f"{kind}_rule"])


def in_policy(policy: dict[str, Any], kind: str, rule: dict[str, Any]) -> dict[str, Any]:
    """The rule as the policy tells it."""
    return {**rule, "type": kind, "qos_policy_id": policy["id"]}


@pytest.fixture
def policy(admin: Talk) -> dict[str, Any]:
    return admin.create("policy", name="gold")


# Policies


def test_a_policy_and_what_it_has(admin: Talk) -> None:
    made = admin.create("policy", name="gold", description="fast")
    assert (made["name"], made["description"], made["shared"], made["is_default"]) == ("gold", "fast", False, False)
    assert made["project_id"] == made["tenant_id"] == admin.project_id
    assert (made["rules"], made["tags"], made["revision_number"]) == ([], [], 1)
    changed = admin.update("policy", made["id"], name="silver", description="", shared=True)
    assert (changed["name"], changed["shared"], changed["revision_number"]) == ("silver", True, 2)
    assert admin.show("policy", made["id"]) == changed
    assert made["id"] in admin.ids("policy", "?name=silver&shared=True")
    assert admin.list("policy", f"?id={made['id']}&fields=name") == [{"name": "silver"}]
    admin.delete("policy", made["id"])
    admin.refused(404, "QosPolicyNotFound", "GET", f"/v2.0/qos/policies/{made['id']}")


def test_lists_are_sorted_and_paged(admin: Talk) -> None:
    for name in ("b", "a", "c"):
        admin.create("policy", name=name, description="paged")
    listed = admin.list("policy", "?description=paged&sort_key=name&sort_dir=desc")
    assert [each["name"] for each in listed] == ["c", "b", "a"]
    answer = admin.client.get("/v2.0/qos/policies?description=paged&sort_key=name&sort_dir=asc&limit=2").json()
    assert [each["name"] for each in answer["policies"]] == ["a", "b"]
    (link,) = answer["policies_links"]
    rest = admin.client.get(link["href"].partition("9696")[2]).json()
    assert [each["name"] for each in rest["policies"]] == ["c"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "x" * 256},
        {"description": "x" * 256},
        {"shared": "perhaps"},
        {"is_default": None},
        {"rules": []},
        {"project_id": "x" * 256},
        {"speed": 1},
    ],
)
def test_a_policy_with_a_wrong_value(admin: Talk, policy: dict[str, Any], wrong: dict[str, Any]) -> None:
    (name,) = wrong
    assert name in admin.no_create(400, "HTTPBadRequest", "policy", wrong)
    assert name in admin.no_update(400, "HTTPBadRequest", "policy", policy["id"], wrong)
    assert admin.show("policy", policy["id"]) == policy


def test_a_change_that_is_constrained_to_a_revision(admin: Talk, policy: dict[str, Any]) -> None:
    path = f"/v2.0/qos/policies/{policy['id']}"
    headers = {"If-Match": "revision_number=7"}
    admin.refused(412, "RevisionNumberConstraintFailed", "PUT", path, {"policy": {"name": "x"}}, **headers)


@pytest.mark.parametrize("root", ["/v2.0/qos/policies", "/v2.0/policies"])
def test_tags(admin: Talk, policy: dict[str, Any], root: str) -> None:
    path = f"{root}/{policy['id']}/tags"
    assert admin.put(path, {"tags": ["b", "a"]}) == {"tags": ["a", "b"]}
    assert admin.client.call("PUT", f"{path}/c").status == 201
    assert admin.show("policy", policy["id"])["tags"] == ["a", "b", "c"]
    assert policy["id"] in admin.ids("policy", "?tags=a,c") and policy["id"] not in admin.ids("policy", "?not-tags=a")
    assert admin.client.call("DELETE", f"{path}/a").status == 204
    assert admin.client.get(path).json() == {"tags": ["b", "c"]}


# Rules


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_from_its_creation_to_its_end(admin: Talk, policy: dict[str, Any], kind: str) -> None:
    attributes, later = KINDS[kind]
    rule = add(admin, policy, kind, **attributes)
    assert rule == {"id": rule["id"], **attributes}
    assert admin.client.get(url(policy, kind, rule)).json() == {f"{kind}_rule": rule}
    assert admin.client.get(url(policy, kind)).json() == {f"{kind}_rules": [rule]}
    assert admin.client.get(f"{url(policy, kind)}?fields=id").json() == {f"{kind}_rules": [{"id": rule["id"]}]}
    shown = admin.show("policy", policy["id"])
    assert shown["rules"] == [in_policy(policy, kind, rule)] and shown["revision_number"] == 2
    changed = change(admin, policy, kind, rule, **later)
    assert changed == {**rule, **later}
    (listed,) = admin.list("policy", f"?id={policy['id']}")
    assert listed["rules"] == [in_policy(policy, kind, changed)] and listed["revision_number"] == 3
    assert admin.client.call("DELETE", url(policy, kind, rule)).status == 204
    shown = admin.show("policy", policy["id"])
    assert (shown["rules"], shown["revision_number"]) == ([], 4)
    admin.refused(404, "QosRuleNotFound", "GET", url(policy, kind, rule))


@pytest.mark.parametrize("kind", DEFAULTS)
def test_what_a_rule_is_that_says_little(admin: Talk, policy: dict[str, Any], kind: str) -> None:
    given, wanted = DEFAULTS[kind]
    rule = add(admin, policy, kind, **given)
    assert rule == {"id": rule["id"], **given, **wanted}


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("bandwidth_limit", {"max_kbps": -1}),
        ("bandwidth_limit", {"max_kbps": 2**31}),
        ("bandwidth_limit", {"max_kbps": None}),
        ("bandwidth_limit", {"max_burst_kbps": "much"}),
        ("bandwidth_limit", {"max_burst_kbps": -1}),
        ("bandwidth_limit", {"direction": "any"}),
        ("bandwidth_limit", {"direction": None}),
        ("bandwidth_limit", {"qos_policy_id": NONE}),
        ("bandwidth_limit", {"type": "bandwidth_limit"}),
        ("bandwidth_limit", {"tenant_id": "x"}),
        ("dscp_marking", {"dscp_mark": 58}),
        ("dscp_marking", {"dscp_mark": 42}),
        ("dscp_marking", {"dscp_mark": "fast"}),
        ("dscp_marking", {"direction": "egress"}),
        ("minimum_bandwidth", {"min_kbps": 1.5}),
        ("minimum_bandwidth", {"direction": "sideways"}),
        ("packet_rate_limit", {"max_kpps": "x"}),
        ("packet_rate_limit", {"max_kbps": 1}),
        ("minimum_packet_rate", {"min_kpps": 2**40}),
        ("minimum_packet_rate", {"direction": "all"}),
    ],
)
def test_a_rule_with_a_wrong_value(admin: Talk, policy: dict[str, Any], kind: str, wrong: Rule) -> None:
    (name,) = wrong
    right = KINDS[kind][0]
    assert name in no_add(admin, 400, "HTTPBadRequest", policy, kind, **{**right, **wrong})
    rule = add(admin, policy, kind, **right)
    body = {f"{kind}_rule": wrong}
    assert name in admin.refused(400, "HTTPBadRequest", "PUT", url(policy, kind, rule), body)
    assert admin.show("policy", policy["id"])["rules"] == [in_policy(policy, kind, rule)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_needs_its_value(admin: Talk, policy: dict[str, Any], kind: str) -> None:
    assert "not specified" in no_add(admin, 400, "HTTPBadRequest", policy, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_rules_of_a_policy_that_there_is_not(admin: Talk, policy: dict[str, Any], kind: str) -> None:
    attributes, later = KINDS[kind]
    rule = add(admin, policy, kind, **attributes)
    other = admin.create("policy", name="other")
    for id in ("nonsense", NONE):
        nowhere = {"id": id}
        no_add(admin, 404, "QosPolicyNotFound", nowhere, kind, **attributes)
        admin.refused(404, "QosPolicyNotFound", "GET", url(nowhere, kind))
        admin.refused(404, "QosPolicyNotFound", "PUT", url(nowhere, kind, rule), {f"{kind}_rule": later})
        admin.refused(404, "QosRuleNotFound", "PUT", url(policy, kind, id), {f"{kind}_rule": later})
    admin.refused(404, "QosRuleNotFound", "GET", url(other, kind, rule))
    admin.refused(404, "QosRuleNotFound", "PUT", url(other, kind, rule), {f"{kind}_rule": later})
    admin.refused(404, "QosRuleNotFound", "DELETE", url(other, kind, rule))
    assert admin.client.get(url(other, kind)).json() == {f"{kind}_rules": []}


@pytest.mark.parametrize("kind", KINDS)
def test_one_rule_of_a_type_and_direction(admin: Talk, policy: dict[str, Any], kind: str) -> None:
    attributes = {name: value for name, value in KINDS[kind][0].items() if name != "direction"}
    egress = add(admin, policy, kind, **attributes)
    assert egress["id"] in no_add(admin, 409, "QoSRulesConflict", policy, kind, **attributes)
    if "direction" not in egress:
        return
    ingress = add(admin, policy, kind, **attributes, direction="ingress")
    body = {f"{kind}_rule": {"direction": "egress"}}
    assert egress["id"] in admin.refused(409, "QoSRulesConflict", "PUT", url(policy, kind, ingress), body)
    assert change(admin, policy, kind, ingress, direction="ingress") == ingress


def test_a_packet_rate_of_both_directions_stands_alone(admin: Talk, policy: dict[str, Any]) -> None:
    kind, conflict = "minimum_packet_rate", (409, "QoSRuleParameterConflict")
    both = add(admin, policy, kind, min_kpps=1, direction="any")
    no_add(admin, *conflict, policy, kind, min_kpps=1, direction="egress")
    one = change(admin, policy, kind, both, direction="egress")
    no_add(admin, *conflict, policy, kind, min_kpps=1, direction="any")
    add(admin, policy, kind, min_kpps=1, direction="ingress")
    admin.refused(*conflict, "PUT", url(policy, kind, one), {f"{kind}_rule": {"direction": "any"}})


@pytest.mark.parametrize(
    ("limit", "most", "minimum", "least"),
    [
        ("bandwidth_limit", "max_kbps", "minimum_bandwidth", "min_kbps"),
        ("packet_rate_limit", "max_kpps", "minimum_packet_rate", "min_kpps"),
    ],
)
def test_no_minimum_is_above_the_limit(
    admin: Talk, policy: dict[str, Any], limit: str, most: str, minimum: str, least: str
) -> None:
    conflict = (409, "QoSRuleParameterConflict")
    cap = add(admin, policy, limit, **{most: 100})
    assert "value 101" in no_add(admin, *conflict, policy, minimum, **{least: 101})
    floor = add(admin, policy, minimum, **{least: 100})
    add(admin, policy, minimum, **{least: 101}, direction="ingress")
    assert "value 99" in admin.refused(*conflict, "PUT", url(policy, limit, cap), {f"{limit}_rule": {most: 99}})
    body = {f"{minimum}_rule": {least: 101}}
    assert "value 100" in admin.refused(*conflict, "PUT", url(policy, minimum, floor), body)
    no_add(admin, *conflict, policy, limit, **{most: 100}, direction="ingress")
    assert len(admin.show("policy", policy["id"])["rules"]) == 3


def test_rules_go_with_their_policy(admin: Talk, policy: dict[str, Any]) -> None:
    rule = add(admin, policy, "bandwidth_limit", max_kbps=1)
    for kind in set(KINDS) - {"bandwidth_limit"}:
        add(admin, policy, kind, **KINDS[kind][0])
    kinds = [each["type"] for each in admin.show("policy", policy["id"])["rules"]]
    assert kinds == list(KINDS)
    admin.delete("policy", policy["id"])
    admin.refused(404, "QosRuleNotFound", "GET", f"/v2.0/qos/alias_bandwidth_limit_rules/{rule['id']}")


def test_several_rules_at_once(admin: Talk, policy: dict[str, Any]) -> None:
    both = [{"max_kbps": 1}, {"max_kbps": 2, "direction": "ingress"}]
    answer = admin.client.post(url(policy, "bandwidth_limit"), {"bandwidth_limit_rules": both})
    assert answer.status == 201 and len(answer.json()["bandwidth_limit_rules"]) == 2
    one = [{"dscp_mark": 0}, {"dscp_mark": 8}]
    answer = admin.client.post(url(policy, "dscp_marking"), {"dscp_marking_rules": one})
    assert answer.status == 409 and len(admin.show("policy", policy["id"])["rules"]) == 2


# Rules by their id


@pytest.mark.parametrize("kind", ALIASED)
def test_a_rule_without_its_policy(admin: Talk, policy: dict[str, Any], kind: str) -> None:
    attributes, later = KINDS[kind]
    rule = add(admin, policy, kind, **attributes)
    path, member = f"/v2.0/qos/alias_{kind}_rules/{rule['id']}", f"alias_{kind}_rule"
    shown = admin.client.get(path).json()[member]
    owner = {} if kind == "minimum_packet_rate" else {"project_id": admin.project_id, "tenant_id": admin.project_id}
    assert shown == {**rule, **owner}
    assert admin.put(path, {member: later})[member] == {**shown, **later}
    assert admin.put(path, {f"{kind}_rule": attributes})[member] == shown
    admin.refused(400, "HTTPBadRequest", "PUT", path, {member: {"direction": "up"}})
    assert admin.show("policy", policy["id"])["rules"] == [in_policy(policy, kind, rule)]
    assert admin.client.call("DELETE", path).status == 204
    assert admin.show("policy", policy["id"])["rules"] == []
    admin.refused(404, "QosRuleNotFound", "DELETE", path)
    admin.refused(404, "HTTPNotFound", "GET", f"/v2.0/qos/alias_{kind}_rules")


def test_by_its_id_a_rule_conflicts_too(admin: Talk, policy: dict[str, Any]) -> None:
    egress = add(admin, policy, "bandwidth_limit", max_kbps=1)
    add(admin, policy, "bandwidth_limit", max_kbps=1, direction="ingress")
    path = f"/v2.0/qos/alias_bandwidth_limit_rules/{egress['id']}"
    admin.refused(409, "QoSRulesConflict", "PUT", path, {"alias_bandwidth_limit_rule": {"direction": "ingress"}})


# Types of rules


def test_the_types_of_rules(admin: Talk, blue: Talk) -> None:
    wanted = {"rule_types": [{"type": kind} for kind in KINDS]}
    for query in ("", "?all_supported=True", "?all_rules=1", "?fields=type"):
        assert blue.client.get(f"/v2.0/qos/rule-types{query}").json() == wanted
    assert "all_rules" in blue.refused(400, "HTTPBadRequest", "GET", "/v2.0/qos/rule-types?all_rules=x")
    assert "colour" in blue.refused(400, "HTTPBadRequest", "GET", "/v2.0/qos/rule-types?colour=red")
    blue.refused(403, "PolicyNotAuthorized", "GET", "/v2.0/qos/rule-types/dscp_marking")
    shown = admin.client.get("/v2.0/qos/rule-types/bandwidth_limit").json()["rule_type"]
    assert shown["type"] == "bandwidth_limit"
    (driver,) = shown["drivers"]
    amount = {"parameter_type": "range", "parameter_values": {"start": 0, "end": 2**31 - 1}}
    assert driver["supported_parameters"] == [
        {"parameter_name": "max_kbps", **amount},
        {"parameter_name": "max_burst_kbps", **amount},
        {"parameter_name": "direction", "parameter_type": "choices", "parameter_values": ["ingress", "egress"]},
    ]
    shown = admin.client.get("/v2.0/qos/rule-types/dscp_marking?fields=drivers").json()["rule_type"]
    (mark,) = shown["drivers"][0]["supported_parameters"]
    assert mark["parameter_values"][:4] == [0, 8, 10, 12] and len(mark["parameter_values"]) == 22 and len(shown) == 1
    admin.refused(404, "QosRuleTypeNotFound", "GET", "/v2.0/qos/rule-types/speed")


# Rights


def test_who_may_make_and_see_policies(cloud: Cloud, admin: Talk, blue: Talk, red: Talk) -> None:
    blue.no_create(403, "PolicyNotAuthorized", "policy", name="mine")
    own = admin.create("policy", name="own", project_id=blue.project_id)
    rule = add(admin, own, "bandwidth_limit", max_kbps=1)
    assert blue.show("policy", own["id"])["rules"] == [in_policy(own, "bandwidth_limit", rule)]
    blue.no_update(403, "PolicyNotAuthorized", "policy", own["id"], name="x")
    blue.no_delete(403, "PolicyNotAuthorized", "policy", own["id"])
    blue.refused(403, "PolicyNotAuthorized", "PUT", f"/v2.0/qos/policies/{own['id']}/tags", {"tags": ["x"]})
    red.refused(404, "QosPolicyNotFound", "GET", f"/v2.0/qos/policies/{own['id']}")
    red.no_update(404, "QosPolicyNotFound", "policy", own["id"], name="x")
    assert own["id"] not in red.ids("policy")
    admin.update("policy", own["id"], shared=True)
    assert red.show("policy", own["id"])["shared"] is True and own["id"] in red.ids("policy")
    red.no_update(403, "PolicyNotAuthorized", "policy", own["id"], name="x")


def test_a_projects_manager_makes_policies(cloud: Cloud) -> None:
    manager = cloud.tenant("manager")
    own = manager.create("policy", name="mine")
    rule = add(manager, own, "dscp_marking", dscp_mark=8)
    change(manager, own, "dscp_marking", rule, dscp_mark=10)
    foreign = cloud.admin.create("policy", name="foreign", shared=True)
    no_add(manager, 403, "PolicyNotAuthorized", foreign, "dscp_marking", dscp_mark=8)
    manager.no_create(400, "HTTPBadRequest", "policy", name="x", project_id=cloud.admin.project_id)
    manager.delete("policy", own["id"])


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_make_and_see_rules(admin: Talk, blue: Talk, red: Talk, kind: str) -> None:
    attributes, later = KINDS[kind]
    policy = admin.create("policy", name="p", project_id=blue.project_id)
    rule = add(admin, policy, kind, **attributes)
    body = {f"{kind}_rule": later}
    assert blue.client.get(url(policy, kind)).json() == {f"{kind}_rules": [rule]}
    for talk in (blue, red):
        no_add(talk, 403, "PolicyNotAuthorized", policy, kind, **attributes)
    blue.refused(403, "PolicyNotAuthorized", "PUT", url(policy, kind, rule), body)
    blue.refused(403, "PolicyNotAuthorized", "DELETE", url(policy, kind, rule))
    for method in ("GET", "PUT", "DELETE"):
        red.refused(404, "QosPolicyNotFound", method, url(policy, kind, rule), body if method == "PUT" else None)
    if kind in ALIASED:
        path = f"/v2.0/qos/alias_{kind}_rules/{rule['id']}"
        assert blue.client.get(path).status == 200
        blue.refused(403, "PolicyNotAuthorized", "DELETE", path)
        red.refused(404, "QosRuleNotFound", "GET", path)
        red.refused(404, "QosRuleNotFound", "PUT", path, {f"alias_{kind}_rule": later})
    admin.update("policy", policy["id"], shared=True)
    assert red.client.get(url(policy, kind)).json() == {f"{kind}_rules": []}
    assert red.show("policy", policy["id"])["rules"] == [in_policy(policy, kind, rule)]


# Shared with single projects


def share(talk: Talk, policy: dict[str, Any], target: str) -> dict[str, Any]:
    entry = {"object_type": "qos_policy", "object_id": policy["id"], "action": "access_as_shared"}
    return talk.create("rbac_policy", entry, target_tenant=target)


def test_a_policy_for_one_project(admin: Talk, blue: Talk, red: Talk, policy: dict[str, Any]) -> None:
    entry = share(admin, policy, blue.project_id)
    assert blue.show("policy", policy["id"])["shared"] is True
    assert policy["id"] in blue.ids("policy", "?shared=true")
    red.refused(404, "QosPolicyNotFound", "GET", f"/v2.0/qos/policies/{policy['id']}")
    network = blue.create("network", qos_policy_id=policy["id"])
    red.no_create(404, "QosPolicyNotFound", "network", qos_policy_id=policy["id"])
    assert blue.project_id in admin.no_delete(409, "RbacPolicyInUse", "rbac_policy", entry["id"])
    everybody = share(admin, policy, "*")
    admin.delete("rbac_policy", entry["id"])
    admin.no_delete(409, "RbacPolicyInUse", "rbac_policy", everybody["id"])
    admin.no_update(409, "RbacPolicyInUse", "rbac_policy", everybody["id"], target_tenant=red.project_id)
    admin.no_update(409, "RbacPolicyInUse", "policy", policy["id"], shared=False)
    blue.update("network", network["id"], qos_policy_id=None)
    assert admin.update("policy", policy["id"], shared=False)["shared"] is False
    assert admin.list("rbac_policy", f"?object_id={policy['id']}") == []
    blue.refused(404, "QosPolicyNotFound", "GET", f"/v2.0/qos/policies/{policy['id']}")


def test_an_entry_goes_with_its_policy(admin: Talk, blue: Talk, policy: dict[str, Any]) -> None:
    share(admin, policy, blue.project_id)
    admin.update("policy", policy["id"], shared=True)
    assert len(admin.list("rbac_policy", f"?object_id={policy['id']}")) == 2
    admin.delete("policy", policy["id"])
    assert admin.list("rbac_policy", f"?object_id={policy['id']}") == []


# Default policies


def test_new_networks_get_the_projects_default(admin: Talk, blue: Talk, red: Talk) -> None:
    default = admin.create("policy", name="d", project_id=blue.project_id, is_default=True)
    other = admin.create("policy", name="o", project_id=blue.project_id)
    assert blue.create("network")["qos_policy_id"] == default["id"]
    assert blue.create("network", qos_policy_id=None)["qos_policy_id"] == default["id"]
    assert blue.create("network", qos_policy_id=other["id"])["qos_policy_id"] == other["id"]
    assert red.create("network")["qos_policy_id"] is None
    attributes = {"name": "second", "project_id": blue.project_id, "is_default": True}
    assert blue.project_id in admin.no_create(409, "QoSPolicyDefaultAlreadyExists", "policy", attributes)
    admin.no_update(409, "QoSPolicyDefaultAlreadyExists", "policy", other["id"], is_default=True)
    admin.update("policy", default["id"], is_default=True, name="still")
    assert admin.update("policy", default["id"], is_default=False)["is_default"] is False
    assert blue.create("network")["qos_policy_id"] is None
    admin.update("policy", other["id"], is_default=True)
    assert admin.ids("policy", f"?project_id={blue.project_id}&is_default=true") == [other["id"]]
    for network in blue.list("network", f"?project_id={blue.project_id}"):
        blue.delete("network", network["id"])
    admin.delete("policy", other["id"])
    admin.create("policy", attributes)


# What uses a policy


def use_network(talk: Talk, policy: str | None) -> tuple[str, str]:
    return "network", talk.create("network", qos_policy_id=policy)["id"]


def use_port(talk: Talk, policy: str | None) -> tuple[str, str]:
    return "port", talk.port(talk.network()[0], qos_policy_id=policy)["id"]


def use_floating_ip(talk: Talk, policy: str | None) -> tuple[str, str]:
    outside = talk.list("network", "?router:external=True&name=qos-outside")[0]["id"]
    return "floatingip", talk.create("floatingip", floating_network_id=outside, qos_policy_id=policy)["id"]


def use_router(talk: Talk, policy: str | None) -> tuple[str, str]:
    outside = talk.list("network", "?router:external=True&name=qos-outside")[0]["id"]
    gateway = {"network_id": outside, "qos_policy_id": policy}
    return "router", talk.create("router", external_gateway_info=gateway)["id"]


Use = Callable[[Talk, str | None], tuple[str, str]]
USES = (use_network, use_port, use_floating_ip, use_router)


def used_by(talk: Talk, member: str, id: str) -> str | None:
    shown = talk.show(member, id)
    found: str | None = (shown["external_gateway_info"] if member == "router" else shown)["qos_policy_id"]
    return found


def body_of(talk: Talk, member: str, id: str, policy: str | None) -> dict[str, Any]:
    if member != "router":
        return {"qos_policy_id": policy}
    network = talk.show(member, id)["external_gateway_info"]["network_id"]
    return {"external_gateway_info": {"network_id": network, "qos_policy_id": policy}}


@pytest.fixture(scope="module", autouse=True)
def _outside(cloud: Cloud) -> None:
    network = cloud.admin.create("network", {"router:external": True, "name": "qos-outside"})
    cloud.admin.subnet(network, "203.0.113.0/24", enable_dhcp=False)


@pytest.mark.parametrize("use", USES)
def test_a_policy_in_use_stays(admin: Talk, blue: Talk, use: Use) -> None:
    policy = admin.create("policy", name="shared", shared=True)
    member, id = use(blue, policy["id"])
    assert used_by(blue, member, id) == policy["id"]
    message = admin.no_delete(409, "QosPolicyInUse", "policy", policy["id"])
    assert message == f"QoS Policy {policy['id']} is used by {member} {id}."
    message = admin.no_update(409, "RbacPolicyInUse", "policy", policy["id"], shared=False)
    assert blue.project_id in message
    before = blue.show(member, id)["revision_number"]
    changed = blue.update(member, id, body_of(blue, member, id, None))
    assert changed["revision_number"] > before and used_by(blue, member, id) is None
    blue.update(member, id, body_of(blue, member, id, policy["id"]))
    assert used_by(blue, member, id) == policy["id"]
    blue.delete(member, id)
    admin.update("policy", policy["id"], shared=False)
    admin.delete("policy", policy["id"])


@pytest.mark.parametrize("use", USES)
def test_only_a_policy_that_one_sees_is_used(admin: Talk, blue: Talk, use: Use) -> None:
    hidden = admin.create("policy", name="hidden")
    member, id = use(blue, None)
    assert used_by(blue, member, id) is None
    create = {"network": {}, "port": {"network_id": blue.network()[0]["id"]}}
    for policy in (hidden["id"], NONE):
        if member in create:
            blue.no_create(404, "QosPolicyNotFound", member, create[member], qos_policy_id=policy)
        blue.no_update(404, "QosPolicyNotFound", member, id, body_of(blue, member, id, policy))
    blue.no_update(400, "HTTPBadRequest", member, id, body_of(blue, member, id, "gold"))
    assert used_by(blue, member, id) is None


@pytest.mark.parametrize("use", USES)
def test_a_policy_that_was_imposed_stays(admin: Talk, blue: Talk, use: Use) -> None:
    imposed = admin.create("policy", name="imposed")
    member, id = use(blue, None)
    admin.update(member, id, body_of(admin, member, id, imposed["id"]))
    for policy in (None, admin.create("policy", name="s", shared=True)["id"]):
        body = body_of(blue, member, id, policy)
        assert imposed["id"] in blue.no_update(403, "PolicyRemoveAuthorizationError", member, id, body)
    blue.update(member, id, body_of(blue, member, id, imposed["id"]), description="the same policy")
    assert used_by(blue, member, id) == imposed["id"]
    admin.update("policy", imposed["id"], shared=True)
    blue.update(member, id, body_of(blue, member, id, None))
    assert used_by(blue, member, id) is None


def test_a_gateway_keeps_its_policy_until_it_goes(admin: Talk, blue: Talk) -> None:
    policy = admin.create("policy", name="gw", shared=True)
    _, id = use_router(blue, policy["id"])
    outside = blue.show("router", id)["external_gateway_info"]["network_id"]
    kept = blue.update("router", id, external_gateway_info={"network_id": outside})
    assert kept["external_gateway_info"]["qos_policy_id"] == policy["id"]
    gone = blue.update("router", id, external_gateway_info={})
    assert gone["external_gateway_info"] is None
    again = blue.update("router", id, external_gateway_info={"network_id": outside})
    assert again["external_gateway_info"]["qos_policy_id"] is None


# What a port tells


def test_a_port_tells_its_networks_policy(admin: Talk, blue: Talk) -> None:
    policy = admin.create("policy", name="n", shared=True)
    network = blue.create("network", qos_policy_id=policy["id"])
    plain, _ = blue.network()
    port = blue.port(network)
    assert (port["qos_policy_id"], port["qos_network_policy_id"]) == (None, policy["id"])
    assert blue.show("port", port["id"])["qos_network_policy_id"] == policy["id"]
    assert blue.port(plain)["qos_network_policy_id"] is None
    listed = {each["network_id"]: each["qos_network_policy_id"] for each in blue.list("port")}
    assert (listed[network["id"]], listed[plain["id"]]) == (policy["id"], None)
    blue.update("network", network["id"], qos_policy_id=None)
    assert blue.show("port", port["id"])["qos_network_policy_id"] is None
    blue.refused(400, "HTTPBadRequest", "GET", f"/v2.0/ports?qos_policy_id={policy['id']}")
    blue.no_update(400, "HTTPBadRequest", "port", port["id"], qos_network_policy_id=None)


def minimum(admin: Talk) -> dict[str, Any]:
    policy = admin.create("policy", name="min", shared=True)
    add(admin, policy, "minimum_bandwidth", min_kbps=1000)
    add(admin, policy, "minimum_bandwidth", min_kbps=2000, direction="ingress")
    add(admin, policy, "bandwidth_limit", max_kbps=5000)
    return policy


BANDWIDTH = {"NET_BW_EGR_KILOBIT_PER_SEC": 1000, "NET_BW_IGR_KILOBIT_PER_SEC": 2000}


def vlan(admin: Talk, owner: Talk) -> dict[str, Any]:
    kind = {"provider:network_type": "vlan", "provider:physical_network": "physnet1"}
    return admin.create("network", {**kind, "provider:segmentation_id": next(VLANS)}, project_id=owner.project_id)


def test_what_a_ports_minimum_rates_ask_of_a_host(admin: Talk, blue: Talk) -> None:
    policy = minimum(admin)
    port = blue.port(vlan(admin, blue), qos_policy_id=policy["id"])
    assert "resource_request" not in port and "resource_request" not in blue.show("port", port["id"])
    asked = admin.show("port", port["id"])["resource_request"]
    (group,) = asked["request_groups"]
    assert sorted(group["required"]) == ["CUSTOM_PHYSNET_PHYSNET1", "CUSTOM_VNIC_TYPE_NORMAL"]
    assert group["resources"] == BANDWIDTH and asked["same_subtree"] == [group["id"]]
    (listed,) = admin.list("port", f"?id={port['id']}")
    assert listed["resource_request"] == asked
    add(admin, policy, "minimum_packet_rate", min_kpps=500, direction="any")
    asked = admin.show("port", port["id"])["resource_request"]
    assert asked["request_groups"][0] == group
    packets = asked["request_groups"][1]
    assert packets["required"] == ["CUSTOM_VNIC_TYPE_NORMAL"]
    assert packets["resources"] == {"NET_PACKET_RATE_KILOPACKET_PER_SEC": 500}
    assert asked["same_subtree"] == [group["id"], packets["id"]] and group["id"] != packets["id"]
    blue.update("port", port["id"], qos_policy_id=None)
    assert admin.show("port", port["id"])["resource_request"] is None


def test_what_only_asks_in_other_ways(admin: Talk) -> None:
    limit = admin.create("policy", name="limit")
    add(admin, limit, "bandwidth_limit", max_kbps=5000)
    assert admin.port(vlan(admin, admin), qos_policy_id=limit["id"])["resource_request"] is None
    tunnel, _ = admin.network()
    add(admin, limit, "minimum_packet_rate", min_kpps=5)
    add(admin, limit, "minimum_packet_rate", min_kpps=6, direction="ingress")
    attributes = {"binding:vnic_type": "direct-physical"}
    asked = admin.port(tunnel, attributes, qos_policy_id=limit["id"])["resource_request"]
    (group,) = asked["request_groups"]
    assert group["required"] == ["CUSTOM_VNIC_TYPE_DIRECT_PHYSICAL"]
    assert group["resources"] == {
        "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC": 5,
        "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC": 6,
    }
    asked = admin.port(tunnel, qos_policy_id=minimum(admin)["id"])["resource_request"]
    assert "CUSTOM_NETWORK_TUNNEL_PROVIDER" in asked["request_groups"][0]["required"]


def test_a_port_asks_by_its_networks_policy(admin: Talk) -> None:
    network = vlan(admin, admin)
    policy = minimum(admin)
    admin.update("network", network["id"], qos_policy_id=policy["id"])
    asked = admin.port(network)["resource_request"]
    assert asked["request_groups"][0]["resources"] == BANDWIDTH
    own = admin.create("policy", name="own")
    assert admin.port(network, qos_policy_id=own["id"])["resource_request"] is None
    servers = admin.port(network, device_owner="network:dhcp", device_id="x")
    assert servers["qos_network_policy_id"] == policy["id"] and servers["resource_request"] is None


def test_a_port_asks_on_a_network_that_has_lost_its_segments(admin: Talk) -> None:
    network = vlan(admin, admin)
    port = admin.port(network, qos_policy_id=minimum(admin)["id"])
    for segment in admin.list("segment", f"?network_id={network['id']}"):
        admin.delete("segment", segment["id"])
    asked = admin.show("port", port["id"])["resource_request"]
    assert asked["request_groups"][0]["required"] == ["CUSTOM_VNIC_TYPE_NORMAL"]
    assert port["id"] in admin.ids("port")


# What hosts are told


def told(cloud: Cloud, host: str, since: FetchReply | None = None) -> tuple[FetchReply, Mirror]:
    """What a host knows that asks anew, and with `since` the scopes of what is new to one that does not."""
    request = FetchRequest(host=host)
    if since is not None:
        scopes = [each.scope for each in since.scopes]
        request = FetchRequest(host=host, revision=since.revision, scopes=scopes)
    reply, mirror = sync.fetch(cloud.store, Compiler(), request), Mirror()
    mirror.apply(reply)
    return reply, mirror


def test_the_host_of_a_port_is_told_the_policy_that_it_follows(own_cloud: Cloud) -> None:
    cloud, admin, host = own_cloud, own_cloud.admin, "host1"
    tunnels = {"rp_tunnelled": {"egress": 3, "ingress": 0}}
    cloud.report(host, guarantees=Guarantees(bandwidths=tunnels))
    gold, silver = admin.create("policy", name="gold"), admin.create("policy", name="silver")
    rule = add(admin, gold, "bandwidth_limit", max_kbps=900, max_burst_kbps=90, direction="ingress")
    add(admin, gold, "packet_rate_limit", max_kpps=3)
    add(admin, gold, "minimum_bandwidth", min_kbps=3)
    network, _ = admin.network("10.0.0.0/24")
    port = admin.port(network, {"binding:host_id": host})
    _, mirror = told(cloud, host)
    assert mirror.policies == {} and mirror.ports[port["id"]].qos_policy == ""
    admin.update("network", network["id"], qos_policy_id=gold["id"])
    second, mirror = told(cloud, host)
    assert mirror.networks[network["id"]].qos_policy == gold["id"]
    limits = [QosLimit("ingress", "kbps", 900, 90), QosLimit("egress", "kpps", 3, 0)]
    (policy,) = mirror.policies.values()
    assert (policy.id, policy.limits, policy.dscp, policy.guaranteed) == (gold["id"], limits, -1, 3)
    change(admin, gold, "bandwidth_limit", rule, max_kbps=1000)
    news, mirror = told(cloud, host, second)
    assert mirror.policies[gold["id"]].limits[0].rate == 1000
    assert [each.scope for each in news.scopes] == [qos_scope(gold["id"])], "a rule concerns nobody's port"
    add(admin, silver, "dscp_marking", dscp_mark=46)
    admin.update("port", port["id"], qos_policy_id=silver["id"])
    news, mirror = told(cloud, host, second)
    assert mirror.ports[port["id"]].qos_policy == silver["id"] and mirror.policies[silver["id"]].dscp == 46
    assert not mirror.neighbours, "what limits a port concerns only its host"


def test_the_host_of_a_router_is_told_of_its_gateway_and_floating_ips(own_cloud: Cloud) -> None:
    cloud, admin, host = own_cloud, own_cloud.admin, "host1"
    cloud.report(host)
    ids = {name: admin.create("policy", name=name)["id"] for name in ("gateway", "floating", "unused")}
    external = admin.create("network", {"router:external": True})
    admin.subnet(external, "203.0.113.0/24", enable_dhcp=False)
    gateway = {"network_id": external["id"], "qos_policy_id": ids["gateway"]}
    router = admin.create("router", external_gateway_info=gateway)
    network, subnet = admin.network("10.0.0.0/24")
    admin.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    port = admin.port(network)
    given = {"floating_network_id": external["id"], "port_id": port["id"], "qos_policy_id": ids["floating"]}
    floating = admin.create("floatingip", given)
    _, mirror = told(cloud, host)
    assert mirror.routers[router["id"]].qos_policy == ids["gateway"]
    assert mirror.floating_ips[floating["id"]].qos_policy == ids["floating"]
    assert mirror.policies.keys() == {ids["gateway"], ids["floating"]}
