"""RBAC policies: whom they let use what, who may make them, and when they must stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.sharing import EXTERNAL, KINDS, SHARED, let, make, no_let, use
from tests.api.talk import Talk


@pytest.fixture(autouse=True)
def _as_many_as_they_want(admin: Talk) -> Iterator[None]:
    """And nothing stays shared with the projects of other tests."""
    admin.put(f"/v2.0/quotas/{admin.project_id}", {"quota": {"rbac_policy": -1}})
    yield
    for entry in admin.list("rbac_policy", f"?target_tenant=*&action={SHARED}"):
        admin.client.call("DELETE", f"/v2.0/rbac-policies/{entry['id']}")


# What an entry is


def test_an_entry(admin: Talk, blue: Talk, red: Talk) -> None:
    network = blue.create("network")
    made = let(blue, "network", network, red.project_id)
    assert made == {
        "id": made["id"], "project_id": blue.project_id, "tenant_id": blue.project_id, "object_type": "network",
        "object_id": network["id"], "action": SHARED, "target_tenant": red.project_id,
    }  # fmt: skip
    assert blue.show("rbac_policy", made["id"]) == made and blue.list("rbac_policy") == [made]
    assert admin.show("rbac_policy", made["id"]) == made
    assert red.list("rbac_policy") == []
    red.refused(404, "RbacPolicyNotFound", "GET", f"/v2.0/rbac-policies/{made['id']}")
    red.no_update(404, "RbacPolicyNotFound", "rbac_policy", made["id"], target_tenant="x")
    red.no_delete(404, "RbacPolicyNotFound", "rbac_policy", made["id"])
    named = f"object_id={network['id']}&action={SHARED}"
    for query in (named, "object_type=network", f"target_tenant={red.project_id}"):
        assert blue.ids("rbac_policy", f"?{query}") == [made["id"]]
    assert blue.list("rbac_policy", "?object_type=security_group") == []
    (some,) = blue.list("rbac_policy", "?fields=project_id&fields=target_tenant")
    assert set(some) == {"project_id", "target_tenant"}
    changed = blue.update("rbac_policy", made["id"], target_tenant="green")
    assert changed == {**made, "target_tenant": "green"}
    blue.delete("rbac_policy", made["id"])
    assert blue.list("rbac_policy") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"object_type": "router"}, {"object_type": None}, {"object_id": "x"}, {"object_id": None}, {"action": "see"},
        {"action": EXTERNAL, "object_type": "security_group"}, {"target_tenant": None}, {"target_tenant": ""},
        {"target_tenant": "1234" * 100}, {"target_tenant": ["x"]}, {"colour": "blue"}, {"id": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_what_an_entry_cannot_be(blue: Talk, wrong: dict[str, Any]) -> None:
    group = make(blue, "security_group", name="g")
    body = {"object_type": "security_group", "object_id": group["id"], "action": SHARED, "target_tenant": "x"}
    error = "InvalidInput" if len(wrong) > 1 else "HTTPBadRequest"
    text = blue.no_create(400, error, "rbac_policy", {**body, **wrong})
    assert next(iter(wrong)) in text
    missing = {name: value for name, value in body.items() if name not in wrong}
    if len(missing) < len(body):
        blue.no_create(400, "HTTPBadRequest", "rbac_policy", missing)
    assert blue.list("rbac_policy") == [] and blue.show("security_group", group["id"])["revision_number"] == 1


def test_only_its_target_can_be_changed(blue: Talk) -> None:
    entry = let(blue, "network", blue.create("network"), "x")
    for name in ("object_id", "object_type", "action", "project_id"):
        blue.no_update(400, "HTTPBadRequest", "rbac_policy", entry["id"], {name: entry[name]})


def test_one_entry_says_it(blue: Talk, red: Talk) -> None:
    network = blue.create("network")
    first, second = let(blue, "network", network, red.project_id), let(blue, "network", network, "x")
    assert first["id"] in no_let(blue, 409, "DuplicateRbacPolicy", "network", network, red.project_id)
    blue.no_update(409, "DuplicateRbacPolicy", "rbac_policy", second["id"], target_tenant=red.project_id)
    let(blue, "network", network, red.project_id, EXTERNAL)
    assert blue.update("rbac_policy", first["id"], target_tenant=red.project_id) == first


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_owner_shares_and_only_the_administrator_with_all(
    admin: Talk, blue: Talk, red: Talk, kind: str
) -> None:
    item = make(blue, kind, name="g")
    title = {"network": "Network", "security_group": "SecurityGroup", "subnetpool": "SubnetPool"}
    no_let(red, 404, f"{title.get(kind, 'AddressScope')}NotFound", kind, item, red.project_id)
    no_let(blue, 403, "PolicyNotAuthorized", kind, item, "*")
    entry = let(blue, kind, item, red.project_id)
    blue.no_update(403, "PolicyNotAuthorized", "rbac_policy", entry["id"], target_tenant="*")
    assert item["id"] in no_let(red, 400, "InvalidInput", kind, item, "x")
    assert let(admin, kind, item, "*")["project_id"] == admin.project_id
    assert len(blue.list("rbac_policy")) == 1 and len(admin.list("rbac_policy", f"?object_id={item['id']}")) == 2


def test_a_reader_makes_no_entries(cloud: Cloud) -> None:
    reader = cloud.tenant("reader")
    network = cloud.admin.create("network", project_id=reader.project_id)
    no_let(reader, 403, "PolicyNotAuthorized", "network", network, "x")
    entry = cloud.admin.create(
        "rbac_policy", project_id=reader.project_id, object_type="network", object_id=network["id"], action=SHARED,
        target_tenant="x",
    )  # fmt: skip
    assert reader.list("rbac_policy") == [entry]
    reader.no_delete(403, "PolicyNotAuthorized", "rbac_policy", entry["id"])


def test_entries_have_a_quota(admin: Talk, blue: Talk) -> None:
    def used() -> int:
        return int(blue.client.get(f"/v2.0/quotas/{blue.project_id}/details").json()["quota"]["rbac_policy"]["used"])

    assert admin.show("quota", blue.project_id)["rbac_policy"] == 10
    admin.put(f"/v2.0/quotas/{blue.project_id}", {"quota": {"rbac_policy": 2}})
    network, group = blue.create("network"), make(blue, "security_group", name="g")
    first = let(blue, "network", network, "x")
    let(blue, "security_group", group, "x")
    no_let(blue, 409, "OverQuota", "network", network, "y")
    assert used() == 2
    blue.delete("rbac_policy", first["id"])
    let(blue, "network", network, "y")
    admin.update("network", network["id"], shared=True)
    assert used() == 3
    blue.delete("network", network["id"])
    blue.delete("security_group", group["id"])
    assert used() == 0 and blue.list("rbac_policy") == []


# Seeing and using


@pytest.mark.parametrize("kind", KINDS)
def test_the_target_sees_the_object_as_shared(admin: Talk, blue: Talk, red: Talk, cloud: Cloud, kind: str) -> None:
    green = cloud.tenant()
    item = make(blue, kind, name="given")
    assert item["shared"] is False and item["id"] not in red.ids(kind)
    entry = let(blue, kind, item, red.project_id)
    seen = red.show(kind, item["id"])
    assert seen["shared"] is True and seen["project_id"] == blue.project_id
    assert red.list(kind, f"?id={item['id']}")[0]["shared"] is True
    assert item["id"] in red.ids(kind, "?shared=True") and item["id"] not in red.ids(kind, "?shared=False")
    for owner in (blue, admin):
        assert owner.show(kind, item["id"])["shared"] is False
        assert item["id"] in owner.ids(kind, "?shared=False") and item["id"] not in owner.ids(kind, "?shared=True")
    assert item["id"] not in green.ids(kind)
    everybody = let(admin, kind, item, "*")
    for talk in (blue, admin, green, red):
        assert talk.show(kind, item["id"])["shared"] is True
        assert item["id"] in talk.ids(kind, "?shared=True") and item["id"] not in talk.ids(kind, "?shared=False")
    red.no_update(403, "PolicyNotAuthorized", kind, item["id"], name="mine")
    red.no_delete(403, "PolicyNotAuthorized", kind, item["id"])
    admin.delete("rbac_policy", everybody["id"])
    blue.update("rbac_policy", entry["id"], target_tenant=green.project_id)
    assert item["id"] not in red.ids(kind) and item["id"] in green.ids(kind)
    blue.delete("rbac_policy", entry["id"])
    assert item["id"] not in green.ids(kind)


def test_the_target_uses_a_network_but_does_not_own_it(blue: Talk, red: Talk) -> None:
    network, subnet = blue.network("10.0.0.0/24")
    red.no_create(404, "NetworkNotFound", "port", network_id=network["id"])
    let(blue, "network", network, red.project_id)
    assert red.show("subnet", subnet["id"])["network_id"] == network["id"]
    for talk, shared in ((red, True), (blue, False)):
        assert subnet["id"] in talk.ids("subnet", f"?shared={shared}")
        assert subnet["id"] not in talk.ids("subnet", f"?shared={not shared}")
    port = red.port(network, fixed_ips=[{"subnet_id": subnet["id"]}])
    assert port["project_id"] == red.project_id and port["id"] in blue.ids("port")
    for wrong in (
        {"allowed_address_pairs": [{"ip_address": "1.1.1.1"}]},
        {"fixed_ips": [{"ip_address": "10.0.0.77"}]},
        {"port_security_enabled": False},
        {"mac_address": "fa:16:3e:00:00:01"},
        {"device_owner": "network:dhcp"},
    ):
        red.no_create(403, "PolicyNotAuthorized", "port", {"network_id": network["id"], **wrong})
    pairs = [{"ip_address": "1.1.1.1"}]
    red.no_update(403, "PolicyNotAuthorized", "port", port["id"], allowed_address_pairs=pairs)
    red.no_create(403, "PolicyNotAuthorized", "subnet", network_id=network["id"], ip_version=4, cidr="10.9.0.0/24")
    router = red.create("router")
    red.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"port_id": port["id"]})
    blue.no_delete(409, "ServicePortInUse", "port", port["id"])


def test_the_owner_deletes_others_ports(blue: Talk, red: Talk) -> None:
    network = blue.create("network")
    let(blue, "network", network, red.project_id)
    blue.delete("port", red.port(network)["id"])


def test_a_shared_group_is_used_but_not_changed(blue: Talk, red: Talk) -> None:
    group = make(blue, "security_group", name="web")
    rule = blue.create("security_group_rule", security_group_id=group["id"], direction="ingress", protocol="tcp")
    network = red.create("network")
    red.no_create(404, "SecurityGroupNotFound", "port", network_id=network["id"], security_groups=[group["id"]])
    let(blue, "security_group", group, red.project_id)
    port = red.port(network, security_groups=[group["id"]])
    assert port["security_groups"] == [group["id"]]
    assert rule in red.show("security_group", group["id"])["security_group_rules"]
    assert rule["id"] in red.ids("security_group_rule", f"?security_group_id={group['id']}")
    own = make(red, "security_group", name="own")
    named = {"security_group_id": own["id"], "direction": "ingress", "remote_group_id": group["id"]}
    assert red.create("security_group_rule", named)["remote_group_id"] == group["id"]
    body = {"security_group_id": group["id"], "direction": "ingress", "protocol": "udp"}
    red.no_create(403, "PolicyNotAuthorized", "security_group_rule", body)
    red.no_delete(403, "PolicyNotAuthorized", "security_group_rule", rule["id"])


# While somebody needs an entry


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_in_use_stays(admin: Talk, blue: Talk, red: Talk, kind: str) -> None:
    item = make(blue, kind, name="given")
    entry = let(blue, kind, item, red.project_id)
    what, id = use(red, kind, item)
    text = blue.no_delete(409, "RbacPolicyInUse", "rbac_policy", entry["id"])
    assert item["id"] in text and red.project_id in text
    blue.no_update(409, "RbacPolicyInUse", "rbac_policy", entry["id"], target_tenant="x")
    everybody = let(admin, kind, item, "*")
    blue.delete("rbac_policy", entry["id"])
    admin.no_delete(409, "RbacPolicyInUse", "rbac_policy", everybody["id"])
    admin.no_update(409, "RbacPolicyInUse", "rbac_policy", everybody["id"], target_tenant=red.project_id)
    own = let(blue, kind, item, red.project_id)
    admin.delete("rbac_policy", everybody["id"])
    assert admin.update("rbac_policy", own["id"], target_tenant="*")["target_tenant"] == "*"
    admin.no_update(409, "RbacPolicyInUse", "rbac_policy", own["id"], target_tenant="x")
    red.delete(what, id)
    assert admin.update("rbac_policy", own["id"], target_tenant="x")["target_tenant"] == "x"
    blue.delete("rbac_policy", own["id"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_owner_needs_no_entry_of_its_own(blue: Talk, kind: str) -> None:
    item = make(blue, kind, name="own")
    entry, other = let(blue, kind, item, blue.project_id), let(blue, kind, item, "x")
    assert blue.show(kind, item["id"])["shared"] is True
    use(blue, kind, item)
    blue.update("rbac_policy", entry["id"], target_tenant="y")
    assert blue.show(kind, item["id"])["shared"] is False
    blue.delete("rbac_policy", entry["id"])
    blue.delete("rbac_policy", other["id"])


def test_sharing_with_all_is_an_entry(admin: Talk, blue: Talk, red: Talk) -> None:
    def entries() -> list[str]:
        found = admin.list("rbac_policy", f"?object_id={network['id']}&action={SHARED}")
        return [entry["target_tenant"] for entry in found]

    network = admin.create("network", project_id=blue.project_id, shared=True)
    assert entries() == ["*"] and [entry["project_id"] for entry in blue.list("rbac_policy")] == [blue.project_id]
    assert admin.update("network", network["id"], shared=True)["shared"] is True and entries() == ["*"]
    assert admin.update("network", network["id"], shared=False, name="x")["shared"] is False and entries() == []
    own = let(admin, "network", network, admin.project_id)
    assert admin.update("network", network["id"], shared=False)["shared"] is True and own
    assert admin.update("network", network["id"], shared=True)["shared"] is True
    assert sorted(entries()) == sorted(["*", admin.project_id])
    port = red.port(network)
    text = admin.no_update(409, "InvalidSharedSetting", "network", network["id"], shared=False)
    assert network["name"] in text or network["id"] in text
    let(blue, "network", network, red.project_id)
    admin.update("network", network["id"], shared=False)
    assert red.show("network", network["id"])["shared"] is True
    red.delete("port", port["id"])


def test_pools_and_scopes_are_shared_with_all_by_an_entry(admin: Talk) -> None:
    for kind in ("subnetpool", "address_scope"):
        item = make(admin, kind, shared=True)
        (entry,) = admin.list("rbac_policy", f"?object_id={item['id']}")
        assert (entry["object_type"], entry["action"], entry["target_tenant"]) == (kind, SHARED, "*")
        admin.delete("rbac_policy", entry["id"])
        assert admin.show(kind, item["id"])["shared"] is False
        let(admin, kind, item, "*")
        admin.delete(kind, item["id"])
        assert admin.list("rbac_policy", f"?object_id={item['id']}") == []
    scope = make(admin, "address_scope")
    assert admin.update("address_scope", scope["id"], shared=True)["shared"] is True
    admin.no_update(400, "AddressScopeUpdateError", "address_scope", scope["id"], shared=False)


def test_a_pool_is_shared_with_whom_its_scope_is(admin: Talk, blue: Talk, red: Talk) -> None:
    scope = make(admin, "address_scope")
    let(admin, "address_scope", scope, blue.project_id)
    pool = make(blue, "subnetpool", address_scope_id=scope["id"])
    assert scope["id"] in no_let(blue, 400, "InvalidInput", "subnetpool", pool, red.project_id)
    entry = let(blue, "subnetpool", pool, admin.project_id)
    blue.no_update(400, "InvalidInput", "rbac_policy", entry["id"], target_tenant=red.project_id)
    let(admin, "address_scope", scope, red.project_id)
    blue.update("rbac_policy", entry["id"], target_tenant=red.project_id)
    no_let(admin, 400, "InvalidInput", "subnetpool", pool, "*")
    let(admin, "address_scope", scope, "*")
    let(admin, "subnetpool", pool, "*")


# External networks


def routed(talk: Talk, network: dict[str, Any]) -> dict[str, Any]:
    return talk.create("router", external_gateway_info={"network_id": network["id"]})


def external(talk: Talk, network: dict[str, Any]) -> bool:
    return bool(talk.show("network", network["id"])["router:external"])


def test_an_external_network_for_some(admin: Talk, blue: Talk, red: Talk) -> None:
    network = admin.create("network")
    admin.create("subnet", network_id=network["id"], ip_version=4, cidr="203.0.113.0/24", enable_dhcp=False)
    let(admin, "network", network, admin.project_id, EXTERNAL)
    assert external(admin, network)
    body = {"external_gateway_info": {"network_id": network["id"]}}
    blue.no_create(404, "NetworkNotFound", "router", body)
    blue.no_create(404, "NetworkNotFound", "floatingip", floating_network_id=network["id"])
    entry = let(admin, "network", network, blue.project_id, EXTERNAL)
    seen = blue.show("network", network["id"])
    assert (seen["router:external"], seen["shared"]) == (True, False)
    assert network["id"] in blue.ids("network", "?router:external=True")
    assert network["id"] not in blue.ids("network", "?router:external=False")
    assert network["id"] not in red.ids("network") and len(blue.ids("subnet", f"?network_id={network['id']}")) == 1
    router = routed(blue, network)
    admin.no_delete(409, "RbacPolicyInUse", "rbac_policy", entry["id"])
    admin.no_update(409, "RbacPolicyInUse", "rbac_policy", entry["id"], target_tenant=red.project_id)
    blue.delete("router", router["id"])
    floating_ip = blue.create("floatingip", floating_network_id=network["id"])
    admin.no_delete(409, "RbacPolicyInUse", "rbac_policy", entry["id"])
    blue.delete("floatingip", floating_ip["id"])
    admin.delete("rbac_policy", entry["id"])
    blue.no_create(404, "NetworkNotFound", "router", body)
    assert external(admin, network)


def test_who_shares_an_own_network_as_external(blue: Talk, red: Talk) -> None:
    network = blue.create("network")
    no_let(blue, 403, "PolicyNotAuthorized", "network", network, "*", EXTERNAL)
    entry = let(blue, "network", network, red.project_id, EXTERNAL)
    assert external(blue, network) and network["id"] in red.ids("network")
    red.delete("router", routed(red, network)["id"])
    blue.delete("rbac_policy", entry["id"])
    assert not external(blue, network) and network["id"] not in red.ids("network")


def test_external_for_all_is_an_entry(admin: Talk, blue: Talk, red: Talk) -> None:
    def targets() -> list[str]:
        found = admin.list("rbac_policy", f"?object_id={network['id']}&action={EXTERNAL}")
        return sorted(entry["target_tenant"] for entry in found)

    network = admin.create("network", {"router:external": True})
    assert targets() == ["*"] and external(blue, network)
    assert admin.update("network", network["id"], {"router:external": True})["router:external"] is True
    assert targets() == ["*"]
    router = routed(blue, network)
    admin.no_update(409, "ExternalNetworkInUse", "network", network["id"], {"router:external": False})
    (entry,) = admin.list("rbac_policy", f"?object_id={network['id']}")
    admin.no_update(409, "RbacPolicyInUse", "rbac_policy", entry["id"], target_tenant=red.project_id)
    admin.no_delete(409, "RbacPolicyInUse", "rbac_policy", entry["id"])
    admin.update("rbac_policy", entry["id"], target_tenant=blue.project_id)
    assert targets() == [blue.project_id] and network["id"] not in red.ids("network")
    blue.delete("router", router["id"])
    let(admin, "network", network, red.project_id, EXTERNAL)
    shown = admin.update("network", network["id"], {"router:external": False, "name": "x"})
    assert (shown["router:external"], targets()) == (False, [])
    shown = admin.update("network", network["id"], {"router:external": True})
    assert (shown["router:external"], targets()) == (True, ["*"])
    shared = let(admin, "network", network, "*")
    admin.delete("rbac_policy", shared["id"])
    assert external(blue, network)


def test_the_default_external_network_is_for_everybody(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    network = admin.create("network", {"router:external": True, "is_default": True})
    (entry,) = admin.list("rbac_policy", f"?object_id={network['id']}&action={EXTERNAL}")
    admin.no_delete(409, "RbacPolicyInUse", "rbac_policy", entry["id"])
    admin.no_update(409, "RbacPolicyInUse", "rbac_policy", entry["id"], target_tenant=blue.project_id)
    shared = let(admin, "network", network, "*")
    admin.delete("rbac_policy", shared["id"])
    assert external(blue, network)
    admin.update("network", network["id"], is_default=False)
    admin.delete("rbac_policy", entry["id"])
    assert not external(admin, network)


def test_a_network_goes_with_the_floating_ips_that_reach_nothing(admin: Talk, blue: Talk) -> None:
    network = admin.create("network", {"router:external": True})
    admin.create("subnet", network_id=network["id"], ip_version=4, cidr="203.0.113.0/24", enable_dhcp=False)
    floating_ip = blue.create("floatingip", floating_network_id=network["id"])
    router = routed(blue, network)
    admin.no_delete(409, "NetworkInUse", "network", network["id"])
    assert blue.ids("floatingip") == [floating_ip["id"]]
    blue.delete("router", router["id"])
    admin.delete("network", network["id"])
    assert blue.list("floatingip") == []


# What else an entry changes


@pytest.mark.parametrize("kind", ("network", "security_group", "subnetpool"))
def test_an_entry_is_a_change_of_its_object(blue: Talk, kind: str) -> None:
    def revision() -> int:
        return int(blue.show(kind, item["id"])["revision_number"])

    item = make(blue, kind, name="x")
    first = revision()
    entry = let(blue, kind, item, "x")
    assert revision() == first + 1
    blue.update("rbac_policy", entry["id"], target_tenant="x")
    assert revision() == first + 1
    blue.update("rbac_policy", entry["id"], target_tenant="y")
    assert revision() == first + 2
    blue.delete("rbac_policy", entry["id"])
    assert revision() == first + 3


def test_a_list_of_shared_networks_is_paged_and_sorted(admin: Talk, blue: Talk) -> None:
    mine = [make(blue, "address_scope", name=f"s{number}") for number in range(4)]
    for scope in mine[::2]:
        let(blue, "address_scope", scope, blue.project_id)
    order = blue.list("address_scope", f"?project_id={blue.project_id}&sort_key=shared&sort_dir=desc")
    assert [scope["shared"] for scope in order] == [True, True, False, False]
    pages, marker = [], ""
    for _ in range(4):
        query = f"?project_id={blue.project_id}&sort_key=shared&limit=1{marker}"
        (scope,) = blue.list("address_scope", query)
        pages.append(scope["id"])
        marker = f"&marker={scope['id']}"
    assert sorted(pages) == sorted(scope["id"] for scope in mine)
    assert pages[:2] == sorted(scope["id"] for scope in mine[1::2])
