"""What new security groups begin with: templates of rules, and whether they are stateful."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk

ID = "7c241101-e2bb-4255-8caf-4136c566a963"
TEMPLATE, STATEFULNESS = "default_security_group_rule", "security_groups_default_statefulness"
WEB = {"direction": "ingress", "protocol": "tcp", "port_range_min": 80, "port_range_max": 80}


def said(rules: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("direction", "ethertype", "protocol", "port_range_min", "remote_ip_prefix", "remote_group_id")
    return sorted((tuple(rule[name] for name in names) for rule in rules), key=str)


def rules_of(group: dict[str, Any]) -> list[tuple[Any, ...]]:
    return said(group["security_group_rules"])


def default_of(talk: Talk) -> dict[str, Any]:
    (group,) = talk.list("security_group", "?name=default")
    return group


def test_what_there_is_from_the_start(own_cloud: Cloud) -> None:
    blue = own_cloud.tenant()
    found = blue.list(TEMPLATE)
    assert {rule["description"] for rule in found} == {
        "Legacy default SG rule for egress traffic", "Legacy default SG rule for ingress traffic"
    }  # fmt: skip
    assert all(rule["used_in_default_sg"] for rule in found)
    assert said(found) == said(blue.list(TEMPLATE, "?used_in_default_sg=true"))
    custom = blue.list(TEMPLATE, "?used_in_non_default_sg=true")
    assert [rule["direction"] for rule in custom] == ["egress", "egress"]
    own = default_of(blue)
    expected = [(*rule[:5], own["id"] if rule[5] == "PARENT" else rule[5]) for rule in said(found)]
    assert rules_of(own) == sorted(expected, key=str)
    assert rules_of(blue.create("security_group", name="web")) == said(custom)


def test_a_template(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    before = blue.create("security_group", name="before")
    made = admin.create(TEMPLATE, WEB, remote_ip_prefix="10.0.0.9/24", description="web")
    assert made == {
        "id": made["id"], "description": "web", "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
        "port_range_min": 80, "port_range_max": 80, "remote_ip_prefix": "10.0.0.9/24", "remote_group_id": None,
        "remote_address_group_id": None, "used_in_default_sg": False, "used_in_non_default_sg": True,
    }  # fmt: skip
    assert blue.show(TEMPLATE, made["id"]) == made
    assert blue.ids(TEMPLATE, "?protocol=tcp&used_in_default_sg=false") == [made["id"]]
    after = blue.create("security_group", name="after")
    (rule,) = (rule for rule in after["security_group_rules"] if rule["protocol"] == "tcp")
    assert (rule["normalized_cidr"], rule["port_range_max"], rule["project_id"]) == (
        "10.0.0.0/24", 80, blue.project_id,
    )  # fmt: skip
    assert blue.show("security_group", after["id"]) == after and rules_of(before) == rules_of(
        blue.show("security_group", before["id"])
    )
    assert all(rule["protocol"] is None for rule in default_of(own_cloud.tenant())["security_group_rules"])
    admin.delete(TEMPLATE, made["id"])
    assert len(blue.create("security_group", name="last")["security_group_rules"]) == 2
    assert rules_of(blue.show("security_group", after["id"])) == rules_of(after)
    admin.no_delete(404, "DefaultSecurityGroupRuleNotFound", TEMPLATE, made["id"])


def test_templates_of_default_groups_and_of_the_group_itself(own_cloud: Cloud) -> None:
    admin, blue, red = own_cloud.admin, own_cloud.tenant(), own_cloud.tenant()
    old = default_of(blue)
    for id in admin.ids(TEMPLATE):
        admin.delete(TEMPLATE, id)
    admin.create(TEMPLATE, WEB, used_in_default_sg=True, used_in_non_default_sg=False, remote_group_id="PARENT")
    new = default_of(red)
    assert rules_of(new) == [("ingress", "IPv4", "tcp", 80, None, new["id"])]
    assert new["security_group_rules"][0]["belongs_to_default_sg"]
    assert rules_of(blue.show("security_group", old["id"])) == rules_of(old)
    assert red.create("security_group", name="empty")["security_group_rules"] == []
    used = admin.client.get(f"/v2.0/quotas/{red.project_id}/details.json").json()["quota"]
    assert (used["security_group"]["used"], used["security_group_rule"]["used"]) == (2, 1)


def test_templates_that_say_the_same(own_cloud: Cloud) -> None:
    admin = own_cloud.admin
    made = admin.create(TEMPLATE, WEB, used_in_default_sg=True)
    again = {**WEB, "protocol": 6, "remote_ip_prefix": "0.0.0.0/0"}
    for in_default, in_others in ((True, True), (True, False), (False, True)):
        body = {**again, "used_in_default_sg": in_default, "used_in_non_default_sg": in_others}
        assert made["id"] in admin.no_create(409, "DefaultSecurityGroupRuleExists", TEMPLATE, body)
    admin.delete(TEMPLATE, made["id"])
    for in_default in (True, False):
        admin.create(TEMPLATE, again, used_in_default_sg=in_default, used_in_non_default_sg=not in_default)
    admin.create(TEMPLATE, {**WEB, "port_range_max": 81})
    twice = {"default_security_group_rules": [{"direction": "egress", "protocol": "gre"}] * 2}
    admin.refused(409, "DuplicateDefaultSgRuleInPost", "POST", "/v2.0/default-security-group-rules", twice)
    assert admin.list(TEMPLATE, "?protocol=gre") == []


def test_the_same_template_at_once(own_cloud: Cloud) -> None:
    post = lambda number: own_cloud.admin.client.post(  # noqa: E731
        "/v2.0/default-security-group-rules", {TEMPLATE: {**WEB, "description": str(number)}}
    )
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(answer.status for answer in pool.map(post, range(8)))
    assert statuses == [201] + [409] * 7
    assert len(own_cloud.admin.list(TEMPLATE, "?protocol=tcp")) == 1


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({}, 400, "HTTPBadRequest"),
        ({**WEB, "port_range_min": 90}, 400, "SecurityGroupInvalidPortRange"),
        ({**WEB, "port_range_max": -16}, 400, "SecurityGroupInvalidPortValue"),
        ({"direction": "ingress", "protocol": 43}, 400, "SecurityGroupEthertypeConflictWithProtocol"),
        ({**WEB, "remote_group_id": ID}, 404, "SecurityGroupNotFound"),
        ({**WEB, "remote_address_group_id": ID}, 404, "AddressGroupNotFound"),
        ({**WEB, "remote_group_id": "PARENT", "remote_ip_prefix": "::/0"}, 400, "SecurityGroupMultipleRemoteEntites"),
        ({**WEB, "used_in_default_sg": "perhaps"}, 400, "HTTPBadRequest"),
    ],
)
def test_templates_that_are_wrong(admin: Talk, body: dict[str, Any], status: int, kind: str) -> None:
    before = admin.list(TEMPLATE)
    admin.no_create(status, kind, TEMPLATE, body)
    assert admin.list(TEMPLATE) == before


def test_templates_are_the_administrators(own_cloud: Cloud) -> None:
    blue = own_cloud.tenant("manager")
    blue.no_create(403, "PolicyNotAuthorized", TEMPLATE, WEB)
    (made, *_) = own_cloud.admin.list(TEMPLATE)
    blue.no_delete(403, "PolicyNotAuthorized", TEMPLATE, made["id"])
    path = f"/v2.0/default-security-group-rules/{made['id']}"
    own_cloud.admin.refused(405, "HTTPMethodNotAllowed", "PUT", path, {TEMPLATE: {"description": "x"}})
    assert blue.show(TEMPLATE, made["id"]) == made


def test_a_template_goes_with_the_group_that_it_names(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    group = admin.create("security_group", name="bastions")
    made = admin.create(TEMPLATE, WEB, remote_group_id=group["id"])
    new = blue.create("security_group", name="web")
    assert ("ingress", "IPv4", "tcp", 80, None, group["id"]) in rules_of(new)
    admin.delete("security_group", group["id"])
    admin.no_delete(404, "DefaultSecurityGroupRuleNotFound", TEMPLATE, made["id"])
    assert len(blue.show("security_group", new["id"])["security_group_rules"]) == 2


def test_a_template_keeps_the_address_group_that_it_names(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    addresses = admin.create("address_group", addresses=["198.51.100.0/24"])
    made = admin.create(TEMPLATE, WEB, remote_address_group_id=addresses["id"])
    new = blue.create("security_group", name="web")
    (rule,) = (rule for rule in new["security_group_rules"] if rule["protocol"] == "tcp")
    assert rule["remote_address_group_id"] == addresses["id"]
    blue.delete("security_group", new["id"])
    admin.no_delete(409, "AddressGroupInUse", "address_group", addresses["id"])
    admin.delete(TEMPLATE, made["id"])
    admin.delete("address_group", addresses["id"])


def test_whether_new_groups_are_stateful(own_cloud: Cloud) -> None:
    admin, blue, red = own_cloud.admin, own_cloud.tenant("manager"), own_cloud.tenant("manager")
    assert blue.create("security_group", name="first")["stateful"] is True
    everywhere = admin.create(STATEFULNESS, stateful=False, project_id=None)
    assert everywhere == {
        "id": everywhere["id"], "project_id": None, "tenant_id": None, "stateful": False
    }  # fmt: skip
    assert [blue.create("security_group", name="x")["stateful"], default_of(red)["stateful"]] == [False, False]
    assert blue.create("security_group", name="said", stateful=True)["stateful"] is True
    assert default_of(blue)["stateful"] is True
    mine = blue.create(STATEFULNESS)
    assert (mine["project_id"], mine["stateful"]) == (blue.project_id, True)
    assert blue.create("security_group", name="y")["stateful"] is True
    assert red.create("security_group", name="z")["stateful"] is False
    assert blue.update(STATEFULNESS, mine["id"], stateful=False)["stateful"] is False
    assert blue.create("security_group", name="a")["stateful"] is False
    blue.delete(STATEFULNESS, mine["id"])
    admin.delete(STATEFULNESS, everywhere["id"])
    assert red.create("security_group", name="b")["stateful"] is True


def test_one_setting_for_each(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant("manager")
    kind = "SecurityGroupDefaultStatefulnessAlreadyExists"
    for body in ({"project_id": None}, {"project_id": blue.project_id}):
        admin.create(STATEFULNESS, body)
        admin.no_create(409, kind, STATEFULNESS, body)
    blue.no_create(409, kind, STATEFULNESS, stateful=False)
    assert len(admin.list(STATEFULNESS)) == 2


def test_who_sees_and_changes_settings(own_cloud: Cloud) -> None:
    admin, red = own_cloud.admin, own_cloud.tenant("manager")
    member = own_cloud.tenant()
    everywhere = admin.create(STATEFULNESS, stateful=False, project_id=None)
    mine = admin.create(STATEFULNESS, project_id=member.project_id)
    assert member.list(STATEFULNESS) == [mine] and red.list(STATEFULNESS) == []
    assert {item["id"] for item in admin.list(STATEFULNESS)} == {everywhere["id"], mine["id"]}
    assert admin.list(STATEFULNESS, f"?project_id={member.project_id}") == [mine]
    kind = "SecurityGroupDefaultStatefulnessNotFound"
    member.no_update(403, "PolicyNotAuthorized", STATEFULNESS, mine["id"], stateful=False)
    red.no_update(404, kind, STATEFULNESS, mine["id"], stateful=False)
    red.no_delete(404, kind, STATEFULNESS, everywhere["id"])
    red.no_create(400, "HTTPBadRequest", STATEFULNESS, project_id=None)
    member.no_create(403, "PolicyNotAuthorized", STATEFULNESS)
    admin.no_update(400, "HTTPBadRequest", STATEFULNESS, mine["id"], project_id=red.project_id)


def test_both_names_of_the_setting(own_cloud: Cloud) -> None:
    """Clients know it by two: the server's of the field, and that of openstacksdk."""
    path, other = "/v2.0/security-groups-default-statefulness", "security_group_default_statefulness"
    made = own_cloud.admin.client.post(path, {other: {"project_id": None, "stateful": False}}).json()
    assert made[other] == made[STATEFULNESS] and made[other]["stateful"] is False
    one = f"{path}/{made[other]['id']}"
    changed = own_cloud.admin.client.call("PUT", one, {other: {"stateful": True}}).json()
    assert changed[other]["stateful"] is True and changed == own_cloud.admin.client.get(one).json()
