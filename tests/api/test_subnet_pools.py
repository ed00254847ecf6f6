"""Subnet pools and address scopes: prefixes, lengths, defaults, who sees and changes what."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk


def pool(talk: Talk, *prefixes: str, **more: Any) -> dict[str, Any]:
    return talk.create("subnetpool", {"name": "pool", "prefixes": list(prefixes) or ["10.0.0.0/16"], **more})


def scope(talk: Talk, version: int = 4, **more: Any) -> dict[str, Any]:
    return talk.create("address_scope", {"name": "scope", "ip_version": version, **more})


def change(talk: Talk, verb: str, made: dict[str, Any], *prefixes: str) -> list[str]:
    return list(talk.put(f"/v2.0/subnetpools/{made['id']}/{verb}", {"prefixes": list(prefixes)})["prefixes"])


def no_change(talk: Talk, status: int, kind: str, verb: str, made: dict[str, Any], *prefixes: str) -> str:
    path = f"/v2.0/subnetpools/{made['id']}/{verb}"
    return talk.refused(status, kind, "PUT", path, {"prefixes": list(prefixes)})


def test_what_is_not_given_follows_from_the_prefixes(blue: Talk) -> None:
    made = pool(blue)
    assert (made["ip_version"], made["prefixes"], made["default_quota"]) == (4, ["10.0.0.0/16"], None)
    assert [made[f"{name}_prefixlen"] for name in ("min", "default", "max")] == ["8", "8", "32"]
    assert (made["shared"], made["is_default"], made["address_scope_id"]) == (False, False, None)
    other = pool(blue, "2001:db8::/32", max_prefixlen="96", default_quota=3)
    assert [other[f"{name}_prefixlen"] for name in ("min", "default", "max")] == ["64", "64", "96"]
    assert blue.show("subnetpool", other["id"]) == other
    assert blue.show("subnetpool", other["id"], "?fields=min_prefixlen") == {"min_prefixlen": "64"}
    assert blue.ids("subnetpool", f"?min_prefixlen=64&ip_version=6&project_id={blue.project_id}") == [other["id"]]
    lengths = [
        p["max_prefixlen"]
        for p in blue.list("subnetpool", f"?project_id={blue.project_id}&sort_key=max_prefixlen&sort_dir=desc")
    ]
    assert lengths == ["96", "32"]


def test_prefixes_are_joined_and_cut_to_their_length(blue: Talk) -> None:
    made = pool(blue, "10.0.1.0/24", "10.0.0.7/24", "172.16.0.0/12", "172.16.4.0/22", min_prefixlen=16)
    assert made["prefixes"] == ["10.0.0.0/23", "172.16.0.0/12"]


@pytest.mark.parametrize(
    ("attributes", "kind", "says"),
    [
        ({"prefixes": []}, "EmptySubnetPoolPrefixList", "Empty"),
        ({"prefixes": ["10.0.0.0/8", "2001:db8::/32"]}, "PrefixVersionMismatch", "IPv4 and IPv6"),
        ({"prefixes": ["10.0.0.0"]}, "HTTPBadRequest", "10.0.0.0"),
        ({"prefixes": "10.0.0.0/8"}, "HTTPBadRequest", "not a list"),
        ({"prefixes": ["10.0.0.0/8", "10.0.0.0/8"]}, "HTTPBadRequest", "Duplicate"),
        ({"name": ""}, "HTTPBadRequest", "name"),
        ({"min_prefixlen": 25, "max_prefixlen": 24}, "IllegalSubnetPoolPrefixBounds", "min_prefixlen=25"),
        ({"max_prefixlen": 33}, "IllegalSubnetPoolPrefixBounds", "max_prefixlen=33"),
        ({"default_prefixlen": 4}, "IllegalSubnetPoolPrefixBounds", "default_prefixlen=4"),
        ({"default_prefixlen": 30, "max_prefixlen": 29}, "IllegalSubnetPoolPrefixBounds", "max_prefixlen=29"),
        ({"default_quota": -1}, "HTTPBadRequest", "default_quota"),
        ({"default_quota": None}, "HTTPBadRequest", "default_quota"),
        ({"address_scope_id": "x"}, "HTTPBadRequest", "address_scope_id"),
        ({"ip_version": 4}, "HTTPBadRequest", "ip_version"),
    ],
)
def test_wrong_pools_are_refused(blue: Talk, attributes: dict[str, Any], kind: str, says: str) -> None:
    body = {"name": "pool", "prefixes": ["10.0.0.0/8"], **attributes}
    assert says in blue.no_create(400, kind, "subnetpool", body)
    assert blue.list("subnetpool", f"?project_id={blue.project_id}") == []


def test_what_must_be_given(blue: Talk) -> None:
    assert "prefixes" in blue.no_create(400, "HTTPBadRequest", "subnetpool", name="pool")
    assert "name" in blue.no_create(400, "HTTPBadRequest", "subnetpool", prefixes=["10.0.0.0/8"])
    assert "ip_version" in blue.no_create(400, "HTTPBadRequest", "address_scope", name="scope")


def test_a_pool_changes(blue: Talk) -> None:
    made = pool(blue, min_prefixlen=20)
    new = blue.update("subnetpool", made["id"], name="new", min_prefixlen="18", default_prefixlen=24, default_quota=64)
    assert new == {**made, "name": "new", "min_prefixlen": "18", "default_prefixlen": "24", "default_quota": 64,
                   "revision_number": 2, "updated_at": new["updated_at"]}  # fmt: skip
    grown = blue.update("subnetpool", made["id"], prefixes=["10.0.0.0/15", "192.168.0.0/16"])
    assert grown["prefixes"] == ["10.0.0.0/15", "192.168.0.0/16"]
    for wrong, kind in (
        ({"prefixes": ["10.0.0.0/15"]}, "IllegalSubnetPoolPrefixUpdate"),
        ({"prefixes": ["2001:db8::/32"]}, "PrefixVersionMismatch"),
        ({"max_prefixlen": 17}, "IllegalSubnetPoolPrefixBounds"),
        ({"min_prefixlen": 25}, "IllegalSubnetPoolPrefixBounds"),
        ({"shared": True}, "HTTPBadRequest"),
        ({"project_id": "x"}, "HTTPBadRequest"),
        ({"ip_version": 6}, "HTTPBadRequest"),
    ):
        blue.no_update(400, kind, "subnetpool", made["id"], wrong)
    assert blue.show("subnetpool", made["id"]) == grown


def test_prefixes_are_added_and_removed(blue: Talk) -> None:
    made = pool(blue, "10.0.0.0/24")
    assert change(blue, "add_prefixes", made, "10.0.1.0/24", "10.0.0.128/25") == ["10.0.0.0/23"]
    assert change(blue, "remove_prefixes", made, "10.0.0.0/25", "192.0.2.0/24") == ["10.0.0.128/25", "10.0.1.0/24"]
    assert blue.show("subnetpool", made["id"])["revision_number"] == 3
    no_change(blue, 400, "PrefixVersionMismatch", "add_prefixes", made, "2001:db8::/32")
    no_change(blue, 400, "EmptySubnetPoolPrefixList", "add_prefixes", made)
    no_change(blue, 400, "HTTPBadRequest", "add_prefixes", made, "x")
    assert "at least one" in no_change(
        blue, 400, "IllegalSubnetPoolPrefixUpdate", "remove_prefixes", made, "10.0.0.0/16"
    )
    path = f"/v2.0/subnetpools/{made['id']}/add_prefixes"
    for body in ({}, {"prefixes": ["10.2.0.0/24"], "x": 1}, {"prefixes": "10.2.0.0/24"}):
        blue.refused(400, "HTTPBadRequest", "PUT", path, body)
    assert blue.show("subnetpool", made["id"])["prefixes"] == ["10.0.0.128/25", "10.0.1.0/24"]


def test_one_default_for_each_ip_version(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    blue.no_create(403, "PolicyNotAuthorized", "subnetpool", name="p", prefixes=["10.0.0.0/8"], is_default=True)
    first = pool(admin, is_default=True, shared=True)
    pool(admin, "2001:db8::/32", is_default=True)
    body = {"name": "p", "prefixes": ["172.16.0.0/12"], "is_default": True}
    assert "already been set" in admin.no_create(400, "InvalidInput", "subnetpool", body)
    second = pool(admin, "172.16.0.0/12")
    admin.no_update(400, "InvalidInput", "subnetpool", second["id"], is_default=True)
    blue.no_update(404, "SubnetPoolNotFound", "subnetpool", second["id"], is_default=True)
    assert blue.ids("subnetpool", "?is_default=True") == [first["id"]]
    assert not admin.update("subnetpool", first["id"], is_default=False)["is_default"]
    assert admin.update("subnetpool", second["id"], is_default=True)["is_default"]
    admin.delete("subnetpool", second["id"])
    assert admin.update("subnetpool", first["id"], is_default=True)["is_default"]


def test_a_shared_pool_is_seen_by_all_and_changed_by_its_owner(admin: Talk, blue: Talk) -> None:
    blue.no_create(403, "PolicyNotAuthorized", "subnetpool", name="p", prefixes=["10.0.0.0/8"], shared=True)
    own, shared = pool(admin), pool(admin, shared=True)
    blue.refused(404, "SubnetPoolNotFound", "GET", f"/v2.0/subnetpools/{own['id']}")
    assert blue.show("subnetpool", shared["id"])["shared"] is True
    assert shared["id"] in blue.ids("subnetpool", "?shared=True")
    blue.no_update(403, "PolicyNotAuthorized", "subnetpool", shared["id"], name="x")
    blue.no_delete(403, "PolicyNotAuthorized", "subnetpool", shared["id"])
    no_change(blue, 403, "PolicyNotAuthorized", "add_prefixes", shared, "172.16.0.0/12")
    no_change(blue, 404, "SubnetPoolNotFound", "remove_prefixes", own, "10.0.0.0/24")


def test_the_quota_counts_pools(admin: Talk, blue: Talk) -> None:
    admin.put(f"/v2.0/quotas/{blue.project_id}", {"quota": {"subnetpool": 1}})
    made = pool(blue)
    assert "subnetpool" in blue.no_create(409, "OverQuota", "subnetpool", name="p", prefixes=["10.0.0.0/8"])
    blue.delete("subnetpool", made["id"])
    pool(blue)


# Address scopes


def test_an_address_scope(admin: Talk, blue: Talk) -> None:
    made = scope(blue)
    assert made == {
        "id": made["id"], "name": "scope", "ip_version": 4, "shared": False, "project_id": blue.project_id,
        "tenant_id": blue.project_id,
    }  # fmt: skip
    assert blue.update("address_scope", made["id"], name="new")["name"] == "new"
    assert blue.ids("address_scope", "?name=new&ip_version=4&shared=False") == [made["id"]]
    blue.no_create(403, "PolicyNotAuthorized", "address_scope", ip_version=4, shared=True)
    blue.no_update(403, "PolicyNotAuthorized", "address_scope", made["id"], shared=False)
    blue.no_create(400, "HTTPBadRequest", "address_scope", ip_version=5)
    blue.no_update(400, "HTTPBadRequest", "address_scope", made["id"], ip_version=6)
    assert admin.update("address_scope", made["id"], shared=True)["shared"] is True
    admin.no_update(400, "AddressScopeUpdateError", "address_scope", made["id"], shared=False, name="x")
    assert admin.show("address_scope", made["id"])["name"] == "new"
    blue.delete("address_scope", made["id"])
    blue.refused(404, "AddressScopeNotFound", "GET", f"/v2.0/address-scopes/{made['id']}")


def test_pools_of_a_scope_have_no_address_in_common(blue: Talk) -> None:
    made = scope(blue)
    first = pool(blue, "10.0.0.0/16", "30.0.0.0/18", address_scope_id=made["id"])
    second = pool(blue, "10.1.0.0/16", address_scope_id=made["id"])
    body = {"name": "p", "prefixes": ["40.0.0.0/18", "30.0.0.0/12"]}
    blue.no_create(409, "AddressScopePrefixConflict", "subnetpool", body, address_scope_id=made["id"])
    blue.no_update(409, "AddressScopePrefixConflict", "subnetpool", second["id"], prefixes=["10.0.0.0/15"])
    no_change(blue, 409, "AddressScopePrefixConflict", "add_prefixes", second, "10.0.7.0/24")
    apart = pool(blue, "10.0.0.0/8")
    blue.no_update(409, "AddressScopePrefixConflict", "subnetpool", apart["id"], address_scope_id=made["id"])
    assert change(blue, "remove_prefixes", first, "30.0.0.0/18") == ["10.0.0.0/16"]
    assert change(blue, "add_prefixes", second, "30.0.0.0/24") == ["10.1.0.0/16", "30.0.0.0/24"]
    assert blue.show("subnetpool", apart["id"])["address_scope_id"] is None


def test_a_scope_stays_while_it_has_pools(blue: Talk) -> None:
    made, other = scope(blue), scope(blue)
    held = pool(blue, address_scope_id=made["id"])
    blue.no_delete(409, "AddressScopeInUse", "address_scope", made["id"])
    assert blue.update("subnetpool", held["id"], address_scope_id=other["id"])["address_scope_id"] == other["id"]
    blue.delete("address_scope", made["id"])
    assert blue.update("subnetpool", held["id"], address_scope_id=None)["address_scope_id"] is None
    blue.delete("address_scope", other["id"])


def test_the_scope_of_a_pool_is_seen_and_of_its_ip_version(admin: Talk, blue: Talk) -> None:
    hidden, six = scope(admin), scope(blue, 6)
    body = {"name": "p", "prefixes": ["10.0.0.0/8"]}
    kind = "IllegalSubnetPoolIpVersionAssociationToAddressScope"
    blue.no_create(404, "AddressScopeNotFound", "subnetpool", body, address_scope_id=hidden["id"])
    blue.no_create(400, kind, "subnetpool", body, address_scope_id=six["id"])
    made = pool(blue)
    blue.no_update(404, "AddressScopeNotFound", "subnetpool", made["id"], address_scope_id=hidden["id"])
    blue.no_update(400, kind, "subnetpool", made["id"], address_scope_id=six["id"])


def test_a_pool_in_anothers_scope_is_changed_by_the_scopes_owner(admin: Talk, blue: Talk) -> None:
    shared = scope(admin, shared=True)
    made = pool(blue, "20.0.0.0/18", address_scope_id=shared["id"])
    more = ["20.0.0.0/18", "30.0.0.0/18"]
    blue.no_update(400, "IllegalSubnetPoolUpdate", "subnetpool", made["id"], prefixes=more)
    no_change(blue, 400, "IllegalSubnetPoolUpdate", "add_prefixes", made, "30.0.0.0/18")
    assert admin.update("subnetpool", made["id"], prefixes=more)["prefixes"] == more
