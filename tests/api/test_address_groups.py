"""Address groups: what is in them, who sees and changes them, and the rules of security groups that name one."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.sharing import let, no_let, use
from tests.api.talk import Talk

ID = "7c241101-e2bb-4255-8caf-4136c566a963"
GIVEN = ["192.168.0.10/24", "10.10.10.3/32", "2001:DB8::F00/64"]
NORMAL = ["10.10.10.3/32", "192.168.0.0/24", "2001:db8::/64"]


@pytest.fixture
def group(blue: Talk) -> dict[str, Any]:
    return blue.create("address_group", name="office", addresses=GIVEN)


def path(group: dict[str, Any], verb: str) -> str:
    return f"/v2.0/address-groups/{group['id']}/{verb}_addresses"


def put(talk: Talk, verb: str, group: dict[str, Any], *addresses: str) -> list[str]:
    """Add or remove addresses; gives those that are in it then."""
    changed = talk.put(path(group, verb), {"addresses": list(addresses)})["address_group"]
    assert changed == talk.show("address_group", group["id"])
    return list(changed["addresses"])


def used(talk: Talk, resource: str) -> int:
    return int(talk.client.get(f"/v2.0/quotas/{talk.project_id}/details").json()["quota"][resource]["used"])


# The resource


def test_a_group_of_addresses(blue: Talk, group: dict[str, Any]) -> None:
    assert group == {
        "id": group["id"], "name": "office", "description": "", "addresses": NORMAL, "revision_number": 1,
        "project_id": blue.project_id, "tenant_id": blue.project_id, "created_at": group["created_at"],
        "updated_at": group["created_at"],
    }  # fmt: skip
    assert blue.show("address_group", group["id"]) == group
    other = blue.create("address_group", description="d" * 1024)
    assert other["addresses"] == [] and blue.create("address_group", addresses=None)["addresses"] == []
    assert blue.list("address_group", "?name=office") == [group]
    assert blue.list("address_group", f"?description={'d' * 1024}") == [other]
    assert blue.list("address_group", f"?id={other['id']}&fields=addresses") == [{"addresses": []}]
    assert blue.ids("address_group", f"?project_id={blue.project_id}&sort_key=name&sort_dir=desc")[0] == group["id"]
    changed = blue.update("address_group", group["id"], name="home", description="new")
    assert changed == {**group, "name": "home", "description": "new", "revision_number": 2,
                       "updated_at": changed["updated_at"]}  # fmt: skip
    blue.delete("address_group", group["id"])
    blue.refused(404, "AddressGroupNotFound", "GET", f"/v2.0/address-groups/{group['id']}")
    assert [each["id"] for each in blue.bulk("address_group", [{"name": "a"}, {"name": "b"}])] != []


def test_the_same_network_in_two_spellings_is_one(blue: Talk) -> None:
    made = blue.create("address_group", addresses=["10.0.0.1/24", "10.0.0.2/24", "0.0.0.0/0", "::/0"])
    assert made["addresses"] == ["0.0.0.0/0", "10.0.0.0/24", "::/0"]


@pytest.mark.parametrize(
    "wrong",
    [
        ["10.20.30.40"], ["this is bad IP address"], ["10.0.0.0/33"], ["fe80::1%eth0/64"], ["10.0.0.0/24", None], [7],
        [""], ["010.0.0.0/8"], "10.0.0.0/8", {"a": 1}, ["10.0.0.0/8", "10.0.0.0/8"], ["10.0.0.0/8\x00"],
        [["10.0.0.0/8"]], [{}], 7, True,
    ],
    ids=str,
)  # fmt: skip
def test_what_addresses_cannot_be(blue: Talk, wrong: Any) -> None:
    assert "addresses" in blue.no_create(400, "HTTPBadRequest", "address_group", name="x", addresses=wrong)
    assert blue.list("address_group") == []


def test_what_a_group_cannot_be(blue: Talk, group: dict[str, Any]) -> None:
    for wrong in ({"name": "n" * 256}, {"name": " x"}, {"description": "d" * 1025}, {"shared": True}, {"colour": "x"},
                  {"id": ID}, {"tags": ["x"]}, {"revision_number": 7}):  # fmt: skip
        blue.no_create(400, "HTTPBadRequest", "address_group", wrong)
    for wrong in ({"addresses": []}, {"project_id": "x"}, {"shared": False}, {"name": None}):
        blue.no_update(400, "HTTPBadRequest", "address_group", group["id"], wrong)
    assert blue.list("address_group") == [group]


# Single addresses


def test_addresses_are_added_and_removed(blue: Talk, group: dict[str, Any]) -> None:
    assert put(blue, "add", group, "10.20.30.41/24", "10.10.10.4") == [
        "10.10.10.3/32", "10.10.10.4/32", "10.20.30.0/24", "192.168.0.0/24", "2001:db8::/64",
    ]  # fmt: skip
    assert put(blue, "remove", group, "10.20.30.9/24", "2001:db8:0::7/64", "10.10.10.4") == NORMAL[:2]
    assert put(blue, "add", group, "2001:db8::1", "2001:db8::1/128") == [*NORMAL[:2], "2001:db8::1/128"]
    assert put(blue, "remove", group, *NORMAL[:2], "2001:db8::1") == []
    shown = blue.show("address_group", group["id"])
    assert shown["revision_number"] == 5


def test_many_addresses(blue: Talk, group: dict[str, Any]) -> None:
    many = [f"10.{high}.{low}.0/24" for high in range(20, 26) for low in range(256)]
    assert put(blue, "add", group, *many) == sorted([*NORMAL, *many])
    assert put(blue, "remove", group, *many[:-1]) == sorted([*NORMAL, many[-1]])
    blue.delete("address_group", group["id"])


def test_as_many_addresses_as_one_request_can_carry(blue: Talk) -> None:
    many = [f"10.{number // 256}.{number % 256}.0/24" for number in range(5001)]
    made = blue.create("address_group", addresses=many[:5000])
    for verb in ("add", "remove"):
        body = {"addresses": [f"11{cidr[2:]}" for cidr in many]}
        assert "5000" in blue.refused(400, "InvalidInput", "PUT", path(made, verb), body)
    assert len(put(blue, "add", made, many[5000])) == 5001
    blue.no_create(400, "InvalidInput", "address_group", addresses=many)
    two = [{"addresses": many[:3000]}, {"addresses": many[:3000]}]
    blue.refused(400, "InvalidInput", "POST", "/v2.0/address-groups", {"address_groups": two})
    assert blue.ids("address_group") == [made["id"]]


def test_an_address_that_is_there_or_not(blue: Talk, group: dict[str, Any]) -> None:
    text = blue.refused(400, "AddressesAlreadyExist", "PUT", path(group, "add"),
                        {"addresses": ["10.99.0.0/16", "192.168.0.77/24"]})  # fmt: skip
    assert "192.168.0.0/24" in text and "10.99.0.0/16" not in text and group["id"] in text
    text = blue.refused(404, "AddressesNotFound", "PUT", path(group, "remove"),
                        {"addresses": ["10.10.10.3/32", "10.200.200.200"]})  # fmt: skip
    assert "10.200.200.200/32" in text and "10.10.10.3" not in text
    assert blue.show("address_group", group["id"]) == group


def test_a_change_constrained_to_a_revision(blue: Talk, group: dict[str, Any]) -> None:
    body = {"addresses": ["192.0.2.0/24"]}
    for verb in ("add", "remove"):
        revision = blue.show("address_group", group["id"])["revision_number"]
        stale = {"If-Match": f"revision_number={revision + 1}"}
        blue.refused(412, "RevisionNumberConstraintFailed", "PUT", path(group, verb), body, **stale)
        answer = blue.client.call("PUT", path(group, verb), body, {"If-Match": f"revision_number={revision}"})
        assert answer.status == 200
    assert blue.show("address_group", group["id"])["addresses"] == NORMAL


@pytest.mark.parametrize("verb", ["add", "remove"])
@pytest.mark.parametrize(
    "body",
    [
        None, {}, [], {"addresses": None}, {"addresses": "10.0.0.0/8"}, {"addresses": ["this is bad IP address"]},
        {"addresses": [7]}, {"addresses": ["10.0.0.0/40"]}, {"addresses": ["1.2.3.4"], "name": "x"},
        {"address_group": {"addresses": ["1.2.3.4"]}}, {"addresses": ["1.2.3.4%1"]},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_list_of_addresses(blue: Talk, group: dict[str, Any], verb: str, body: Any) -> None:
    blue.refused(400, "HTTPBadRequest", "PUT", path(group, verb), body)
    assert blue.show("address_group", group["id"]) == group


# Rights and quota


def test_a_group_is_its_projects(cloud: Cloud, admin: Talk, blue: Talk, red: Talk, group: dict[str, Any]) -> None:
    one = f"/v2.0/address-groups/{group['id']}"
    assert admin.show("address_group", group["id"]) == group and group["id"] in admin.ids("address_group")
    assert red.list("address_group") == []
    red.refused(404, "AddressGroupNotFound", "GET", one)
    red.no_update(404, "AddressGroupNotFound", "address_group", group["id"], name="x")
    red.no_delete(404, "AddressGroupNotFound", "address_group", group["id"])
    for verb in ("add", "remove"):
        red.refused(404, "AddressGroupNotFound", "PUT", path(group, verb), {"addresses": ["1.2.3.4"]})
    red.no_create(400, "HTTPBadRequest", "address_group", project_id=blue.project_id)
    reader = cloud.tenant("reader")
    reader.no_create(403, "PolicyNotAuthorized", "address_group", name="x")
    own = admin.create("address_group", project_id=reader.project_id)
    assert reader.list("address_group") == [own]
    reader.no_update(403, "PolicyNotAuthorized", "address_group", own["id"], name="x")
    reader.no_delete(403, "PolicyNotAuthorized", "address_group", own["id"])
    for verb in ("add", "remove"):
        reader.refused(403, "PolicyNotAuthorized", "PUT", path(own, verb), {"addresses": ["1.2.3.4"]})
    assert admin.update("address_group", group["id"], name="y")["name"] == "y"


def test_groups_have_a_quota(admin: Talk, blue: Talk) -> None:
    assert admin.show("quota", blue.project_id)["address_group"] == -1
    admin.put(f"/v2.0/quotas/{blue.project_id}", {"quota": {"address_group": 2}})
    first = blue.create("address_group")
    blue.client.call("POST", "/v2.0/address-groups", {"address_groups": [{"name": "a"}, {"name": "b"}]})
    assert used(blue, "address_group") == 1
    blue.create("address_group")
    assert "address_group" in blue.no_create(409, "OverQuota", "address_group")
    blue.delete("address_group", first["id"])
    assert used(blue, "address_group") == 1
    blue.create("address_group")


# Shared


def test_a_shared_group_is_used_but_not_changed(blue: Talk, red: Talk, group: dict[str, Any]) -> None:
    own = red.create("security_group", name="own")
    body = {"security_group_id": own["id"], "direction": "ingress", "remote_address_group_id": group["id"]}
    red.no_create(404, "AddressGroupNotFound", "security_group_rule", body)
    no_let(red, 404, "AddressGroupNotFound", "address_group", group, red.project_id)
    no_let(blue, 403, "PolicyNotAuthorized", "address_group", group, "*")
    let(blue, "address_group", group, red.project_id)
    assert group["id"] in no_let(red, 400, "InvalidInput", "address_group", group, "x")
    seen = red.show("address_group", group["id"])
    assert seen["addresses"] == NORMAL and red.list("address_group") == [seen]
    assert red.create("security_group_rule", body)["remote_address_group_id"] == group["id"]
    red.no_update(404, "AddressGroupNotFound", "address_group", group["id"], name="mine")
    red.no_delete(404, "AddressGroupNotFound", "address_group", group["id"])
    red.refused(404, "AddressGroupNotFound", "PUT", path(group, "add"), {"addresses": ["1.2.3.4"]})
    assert put(blue, "add", group, "1.2.3.4") == sorted([*NORMAL, "1.2.3.4/32"])


def test_an_entry_in_use_stays(admin: Talk, blue: Talk, red: Talk, group: dict[str, Any]) -> None:
    entry = let(blue, "address_group", group, red.project_id)
    rule = use(red, "address_group", group)
    text = blue.no_delete(409, "RbacPolicyInUse", "rbac_policy", entry["id"])
    assert group["id"] in text and red.project_id in text
    blue.no_update(409, "RbacPolicyInUse", "rbac_policy", entry["id"], target_tenant="x")
    everybody = let(admin, "address_group", group, "*")
    blue.delete("rbac_policy", entry["id"])
    admin.no_delete(409, "RbacPolicyInUse", "rbac_policy", everybody["id"])
    red.delete(*rule)
    admin.delete("rbac_policy", everybody["id"])
    red.refused(404, "AddressGroupNotFound", "GET", f"/v2.0/address-groups/{group['id']}")
    own = let(blue, "address_group", group, blue.project_id)
    use(blue, "address_group", group)
    blue.delete("rbac_policy", own["id"])


def test_an_entry_goes_with_its_group(admin: Talk, blue: Talk, group: dict[str, Any]) -> None:
    let(blue, "address_group", group, "x")
    assert blue.show("address_group", group["id"])["revision_number"] == 2
    blue.delete("address_group", group["id"])
    assert admin.list("rbac_policy", f"?object_id={group['id']}") == [] and used(blue, "rbac_policy") == 0


# Rules


def test_a_rule_that_names_a_group(blue: Talk, group: dict[str, Any]) -> None:
    web = blue.create("security_group", name="web")
    body = {"security_group_id": web["id"], "direction": "ingress", "protocol": "tcp", "port_range_min": 80,
            "port_range_max": 80}  # fmt: skip
    rule = blue.create("security_group_rule", body, remote_address_group_id=group["id"])
    assert rule["remote_address_group_id"] == group["id"]
    assert (rule["remote_group_id"], rule["remote_ip_prefix"], rule["normalized_cidr"]) == (None, None, None)
    assert blue.show("security_group_rule", rule["id"]) == rule
    named = f"?remote_address_group_id={group['id']}"
    assert blue.list("security_group_rule", named) == [rule]
    assert blue.list("security_group_rule", f"?remote_address_group_id={ID}") == []
    assert blue.list("security_group_rule", f"{named}&fields=remote_address_group_id") == [
        {"remote_address_group_id": group["id"]}
    ]
    shown = blue.show("security_group", web["id"])["security_group_rules"]
    assert rule in shown and all("remote_address_group_id" in each for each in shown)
    blue.no_create(409, "SecurityGroupRuleExists", "security_group_rule", body, remote_address_group_id=group["id"])
    six = blue.create("security_group_rule", body, ethertype="IPv6", remote_address_group_id=group["id"])
    other = blue.create("address_group")
    blue.create("security_group_rule", body, remote_address_group_id=other["id"])
    assert "in use" in blue.no_delete(409, "AddressGroupInUse", "address_group", group["id"])
    assert blue.show("address_group", group["id"]) == group
    blue.delete("security_group_rule", rule["id"])
    blue.no_delete(409, "AddressGroupInUse", "address_group", group["id"])
    blue.delete("security_group_rule", six["id"])
    blue.delete("address_group", group["id"])
    blue.delete("security_group", web["id"])
    blue.delete("address_group", other["id"])


def test_a_rule_has_one_kind_of_peer(blue: Talk, group: dict[str, Any]) -> None:
    web = blue.create("security_group", name="web")
    body = {"security_group_id": web["id"], "direction": "ingress"}
    peers = {"remote_ip_prefix": "10.0.0.0/8", "remote_group_id": web["id"], "remote_address_group_id": group["id"]}
    for left_out in peers:
        two = {name: value for name, value in peers.items() if name != left_out}
        text = blue.no_create(400, "SecurityGroupMultipleRemoteEntites", "security_group_rule", {**body, **two})
        assert "remote_address_group_id" in text
    for name, value in peers.items():
        nothing = dict.fromkeys(peers)
        assert blue.create("security_group_rule", {**body, **nothing, name: value})[name] == value
    blue.no_create(404, "AddressGroupNotFound", "security_group_rule", body, remote_address_group_id=ID)
    blue.no_create(404, "AddressGroupNotFound", "security_group_rule", body, remote_address_group_id=web["id"])
    blue.no_create(404, "AddressGroupNotFound", "security_group_rule", body, remote_address_group_id="x")
    blue.no_create(400, "HTTPBadRequest", "security_group_rule", body, remote_address_group_id=7)
    assert len(blue.list("security_group_rule", f"?security_group_id={web['id']}")) == 5
