"""Distributed and highly available routers, and routers of a flavor."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk, addresses

from heddle.model.service_provider import PROVIDERS

ID = "7c241101-e2bb-4255-8caf-4136c566a963"
DRIVERS = {provider.name: provider.driver for provider in PROVIDERS}
MODES = ("distributed", "ha")


def modes(router: dict[str, Any]) -> tuple[bool, bool]:
    return router["distributed"], router["ha"]


def flavor_of(admin: Talk, provider: str, **more: Any) -> dict[str, Any]:
    """A flavor of routers that a provider makes."""
    flavor = admin.create("flavor", {"name": provider, "service_type": "L3_ROUTER_NAT", **more})
    profile = admin.create("service_profile", driver=DRIVERS[provider])
    bind(admin, flavor, profile)
    return flavor


def bind(admin: Talk, flavor: dict[str, Any], profile: dict[str, Any]) -> None:
    path = f"/v2.0/flavors/{flavor['id']}/service_profiles"
    answer = admin.client.post(path, {"service_profile": {"id": profile["id"]}})
    assert (answer.status, answer.json()) == (201, {"service_profile": {"id": profile["id"]}})


@pytest.mark.parametrize("name", MODES)
def test_only_the_administrator_sees_and_says_which_kind(admin: Talk, blue: Talk, name: str) -> None:
    made = admin.create("router", {name: True, "project_id": blue.project_id})
    assert made[name] is True and admin.show("router", made["id"])[name] is True
    assert name not in blue.show("router", made["id"])
    assert not set(MODES) & set(blue.create("router"))
    blue.no_create(403, "PolicyNotAuthorized", "router", {name: True})
    blue.no_create(403, "PolicyNotAuthorized", "router", {name: False})
    own = blue.create("router", admin_state_up=False)
    blue.no_update(403, "PolicyNotAuthorized", "router", own["id"], {name: True})
    admin.no_create(400, "HTTPBadRequest", "router", {name: "sometimes"})
    assert admin.create("router", {name: None})[name] is False
    assert modes(admin.show("router", own["id"])) == (False, False)


@pytest.mark.parametrize("name", MODES)
def test_a_router_is_down_while_it_becomes_another_kind(admin: Talk, name: str) -> None:
    router = admin.create("router")
    assert name in admin.no_update(400, "BadRequest", "router", router["id"], {name: True})
    admin.no_update(400, "BadRequest", "router", router["id"], {name: True, "admin_state_up": False})
    assert admin.update("router", router["id"], {name: False})[name] is False
    admin.update("router", router["id"], admin_state_up=False)
    assert admin.update("router", router["id"], {name: True})[name] is True
    assert admin.update("router", router["id"], {name: None, "admin_state_up": True})[name] is True
    admin.no_update(400, "BadRequest", "router", router["id"], {name: False})
    admin.update("router", router["id"], admin_state_up=False)
    assert admin.update("router", router["id"], {name: False})[name] is False


def test_the_network_of_highly_available_routers(own_cloud: Cloud) -> None:
    blue, admin = own_cloud.tenant(), own_cloud.admin
    first, second = (admin.create("router", ha=True, project_id=blue.project_id) for _ in range(2))
    (network,) = admin.list("network")
    assert network["name"] == f"HA network tenant {blue.project_id}"
    assert (network["project_id"], network["shared"], network["provider:network_type"]) == ("", False, "vxlan")
    (subnet,) = admin.list("subnet", f"?network_id={network['id']}")
    assert (subnet["cidr"], subnet["gateway_ip"], subnet["enable_dhcp"]) == ("169.254.192.0/18", None, False)
    assert blue.list("network") == [] and blue.list("subnet") == []
    used = admin.client.get(f"/v2.0/quotas/{blue.project_id}/details").json()["quota"]
    assert (used["network"]["used"], used["router"]["used"]) == (0, 2)
    admin.no_delete(409, "NetworkInUse", "network", network["id"])
    admin.delete("router", first["id"])
    assert admin.show("network", network["id"])["provider:segmentation_id"] == network["provider:segmentation_id"]
    admin.update("router", second["id"], admin_state_up=False)
    admin.update("router", second["id"], ha=False)
    assert admin.list("network") == []
    admin.update("router", second["id"], ha=True)
    assert len(admin.list("network")) == 1
    blue.delete("router", second["id"])
    assert admin.list("network") == [] and admin.list("subnet") == []


def test_a_project_may_bring_the_network(own_cloud: Cloud) -> None:
    blue, admin = own_cloud.tenant(), own_cloud.admin
    network = blue.create("network", ha=True)
    assert "ha" not in network
    assert blue.project_id in blue.no_create(409, "HANetworkExists", "network", ha=True)
    router = admin.create("router", ha=True, project_id=blue.project_id)
    assert admin.ids("network") == [network["id"]]
    blue.no_delete(409, "NetworkInUse", "network", network["id"])
    blue.no_update(400, "HTTPBadRequest", "network", network["id"], ha=False)
    blue.delete("router", router["id"])
    blue.delete("network", network["id"])
    blue.create("network", ha=True)


def test_flavors_and_service_profiles(admin: Talk, blue: Talk) -> None:
    flavor = admin.create("flavor", name="f", service_type="FLAVORS")
    assert flavor == {
        "id": flavor["id"], "name": "f", "description": "", "service_type": "FLAVORS", "service_profiles": [],
        "enabled": True,
    }  # fmt: skip
    assert blue.show("flavor", flavor["id"]) == flavor and blue.list("flavor", "?id=33") == []
    profile = admin.create("service_profile", description="d", metainfo='{"data": "value"}')
    assert profile == {
        "id": profile["id"], "description": "d", "driver": "", "metainfo": '{"data": "value"}', "enabled": True,
    }  # fmt: skip
    blue.refused(404, "ServiceProfileNotFound", "GET", f"/v2.0/service_profiles/{profile['id']}")
    assert blue.list("service_profile") == []
    blue.no_create(403, "PolicyNotAuthorized", "flavor", service_type="FLAVORS")
    assert admin.update("flavor", flavor["id"], enabled=False, name="g")["enabled"] is False
    assert admin.update("service_profile", profile["id"], enabled=False)["enabled"] is False
    assert flavor["id"] in admin.ids("flavor", "?enabled=false&name=g")
    admin.no_create(400, "HTTPBadRequest", "flavor", service_type="TELEPORT")
    admin.no_create(400, "HTTPBadRequest", "flavor", name="x")
    admin.no_update(400, "HTTPBadRequest", "flavor", flavor["id"], service_type="CORE")
    admin.no_create(400, "ServiceProfileEmpty", "service_profile")
    admin.no_create(404, "ServiceProfileDriverNotFound", "service_profile", driver="x")
    admin.delete("flavor", flavor["id"])
    admin.delete("service_profile", profile["id"])
    admin.no_delete(404, "FlavorNotFound", "flavor", flavor["id"])
    admin.no_delete(404, "ServiceProfileNotFound", "service_profile", profile["id"])


def test_the_service_profiles_of_a_flavor(admin: Talk, blue: Talk) -> None:
    flavor = admin.create("flavor", service_type="FLAVORS")
    profile = admin.create("service_profile", metainfo="x")
    path = f"/v2.0/flavors/{flavor['id']}/service_profiles"
    body = {"service_profile": {"id": profile["id"]}}
    blue.refused(403, "PolicyNotAuthorized", "POST", path, body)
    bind(admin, flavor, profile)
    admin.refused(409, "FlavorServiceProfileBindingExists", "POST", path, body)
    admin.refused(404, "ServiceProfileNotFound", "POST", path, {"service_profile": {"id": ID}})
    admin.refused(400, "HTTPBadRequest", "POST", path, {"service_profile": {"id": "x"}})
    admin.refused(400, "HTTPBadRequest", "POST", path, {"service_profile": {}})
    admin.refused(404, "FlavorNotFound", "POST", f"/v2.0/flavors/{ID}/service_profiles", body)
    assert admin.show("flavor", flavor["id"])["service_profiles"] == [profile["id"]]
    assert blue.client.get(path).json() == {"service_profiles": [{"id": profile["id"]}]}
    assert blue.client.get(f"{path}/{profile['id']}").json() == body
    admin.no_delete(409, "ServiceProfileInUse", "service_profile", profile["id"])
    admin.no_update(409, "ServiceProfileInUse", "service_profile", profile["id"], metainfo="y")
    assert admin.client.call("DELETE", f"{path}/{profile['id']}").status == 204
    for method in ("GET", "DELETE"):
        admin.refused(404, "FlavorServiceProfileBindingNotFound", method, f"{path}/{profile['id']}")
    assert admin.update("flavor", flavor["id"], service_profiles=[profile["id"]])["service_profiles"] == [profile["id"]]
    assert admin.update("flavor", flavor["id"], service_profiles=[])["service_profiles"] == []
    made = admin.create("flavor", service_type="FLAVORS", service_profiles=[profile["id"]])
    assert made["service_profiles"] == [profile["id"]]
    admin.no_create(404, "ServiceProfileNotFound", "flavor", service_type="FLAVORS", service_profiles=[ID])
    admin.delete("flavor", made["id"])
    admin.delete("service_profile", profile["id"])


@pytest.mark.parametrize(
    ("provider", "kind"), [("single_node", (False, False)), ("ha", (False, True)), ("dvrha", (True, True))]
)
def test_a_router_of_a_flavor(admin: Talk, blue: Talk, provider: str, kind: tuple[bool, bool]) -> None:
    flavor = flavor_of(admin, provider)
    router = blue.create("router", flavor_id=flavor["id"])
    assert router["flavor_id"] == flavor["id"]
    assert modes(admin.show("router", router["id"])) == kind
    admin.no_delete(409, "FlavorInUse", "flavor", flavor["id"])
    admin.no_update(409, "FlavorInUse", "flavor", flavor["id"], name="x")
    text = admin.no_create(400, "Invalid", "router", flavor_id=flavor["id"], distributed=not kind[0])
    assert provider in text and "distributed" in text
    admin.create("router", flavor_id=flavor["id"], distributed=kind[0], ha=kind[1])
    blue.update("router", router["id"], admin_state_up=False)
    admin.no_update(400, "Invalid", "router", router["id"], ha=not kind[1])
    blue.no_update(400, "HTTPBadRequest", "router", router["id"], flavor_id=flavor["id"])


def test_flavors_of_which_no_router_can_be_made(admin: Talk, blue: Talk) -> None:
    bare = admin.create("flavor", service_type="L3_ROUTER_NAT")
    of_nobody = admin.create("flavor", service_type="L3_ROUTER_NAT")
    bind(admin, of_nobody, admin.create("service_profile", metainfo="x"))
    asleep = admin.create("flavor", service_type="L3_ROUTER_NAT")
    bind(admin, asleep, admin.create("service_profile", driver=DRIVERS["ha"], enabled=False))
    cases = [
        (404, "FlavorNotFound", ID),
        (400, "InvalidServiceType", admin.create("flavor", service_type="METERING")["id"]),
        (503, "FlavorDisabled", flavor_of(admin, "ha", enabled=False)["id"]),
        (404, "FlavorServiceProfileBindingNotFound", bare["id"]),
        (503, "ServiceProfileDisabled", asleep["id"]),
        (404, "ServiceProfileDriverNotFound", of_nobody["id"]),
        (400, "HTTPBadRequest", 7),
    ]
    for status, kind, id in cases:
        blue.no_create(status, kind, "router", flavor_id=id)
    assert blue.list("router") == [] and blue.create("router", flavor_id=None)["flavor_id"] is None


def test_the_providers_of_services(blue: Talk) -> None:
    found = blue.list("service_provider")
    assert [provider["name"] for provider in found] == ["single_node", "ha", "dvr", "dvrha"]
    assert found[0] == {"service_type": "L3_ROUTER_NAT", "name": "single_node", "default": True}
    assert blue.list("service_provider", "?default=True&fields=name") == [{"name": "single_node"}]
    assert blue.list("service_provider", "?service_type=FIREWALL") == []
    blue.refused(400, "HTTPBadRequest", "GET", "/v2.0/service-providers?driver=x")


def test_interfaces_of_such_a_router_are_as_of_any(admin: Talk, blue: Talk) -> None:
    router = admin.create("router", distributed=True, ha=True, project_id=blue.project_id)
    _, subnet = blue.network("10.0.0.0/24")
    done = blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    assert addresses(blue.show("port", done["port_id"])) == ["10.0.0.1"]
