"""Networks: common verbs, provider attributes, shared and external networks, MTU."""

from __future__ import annotations

import re

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk, path_of


def test_a_network_has_the_defaults(blue: Talk) -> None:
    made = blue.create("network")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made["created_at"])
    wanted = {
        "name": "", "description": "", "admin_state_up": True, "status": "ACTIVE", "shared": False, "mtu": 1450,
        "qos_policy_id": None,
        "router:external": False, "port_security_enabled": True, "subnets": [], "tags": [], "dns_domain": "",
        "revision_number": 1, "project_id": blue.project_id, "tenant_id": blue.project_id,
        "is_default": False, "ipv4_address_scope": None, "ipv6_address_scope": None, "l2_adjacency": True,
        "availability_zones": [], "availability_zone_hints": [], "pvlan": False, "heddle:subnet_isolation": False,
        "id": made["id"], "created_at": made["created_at"], "updated_at": made["created_at"],
    }  # fmt: skip
    assert made == wanted
    assert blue.show("network", made["id"]) == made
    assert blue.list("network", f"?id={made['id']}") == [made]


def test_a_network_is_changed_and_deleted(blue: Talk) -> None:
    made = blue.create("network", name="a")
    new = blue.update("network", made["id"], name="b", description="text", admin_state_up="false", mtu=1400)
    assert (new["name"], new["description"], new["admin_state_up"], new["mtu"]) == ("b", "text", False, 1400)
    assert new["revision_number"] == 2
    blue.delete("network", made["id"])
    message = blue.refused(404, "NetworkNotFound", "GET", f"/v2.0/networks/{made['id']}")
    assert made["id"] in message
    blue.no_delete(404, "NetworkNotFound", "network", made["id"])


def test_networks_are_created_all_or_none(blue: Talk) -> None:
    made = blue.bulk("network", [{"name": "a"}, {"name": "b"}])
    assert [network["name"] for network in made] == ["a", "b"]
    before = len(blue.list("network"))
    answer = blue.client.post("/v2.0/networks", {"networks": [{"name": "c"}, {"name": "d", "mtu": 9000}]})
    assert answer.status == 400 and len(blue.list("network")) == before


@pytest.mark.parametrize(("mtu", "says"), [(9000, "1450"), (-1, "-1"), ("x", "x")])
def test_an_mtu_out_of_range_is_refused(blue: Talk, mtu: object, says: str) -> None:
    answer = blue.client.post("/v2.0/networks", {"network": {"mtu": mtu}})
    assert answer.status == 400 and says in answer.json()["NeutronError"]["message"]


@pytest.mark.parametrize(("version", "cidr", "least"), [(4, "10.0.0.0/24", 68), (6, "2001:db8:1::/64", 1280)])
def test_the_packets_of_a_subnet_fit(blue: Talk, version: int, cidr: str, least: int) -> None:
    network = blue.create("network", mtu=least - 1)
    body = {"network_id": network["id"], "ip_version": version, "cidr": cidr}
    blue.no_create(409, "NetworkMTUSubnetConflict", "subnet", **body)
    blue.update("network", network["id"], mtu=least)
    blue.create("subnet", **body)
    assert str(least) in blue.no_update(409, "NetworkMTUSubnetConflict", "network", network["id"], mtu=least - 1)


def test_an_external_network_goes_with_its_idle_floating_ips(admin: Talk, blue: Talk) -> None:
    external = admin.create("network", **{"router:external": True})
    admin.subnet(external, "203.0.113.0/24", enable_dhcp=False)
    router = blue.create("router", external_gateway_info={"network_id": external["id"]})
    network, subnet = blue.network("10.0.0.0/24")
    path = f"/v2.0/routers/{router['id']}/add_router_interface"
    assert blue.client.call("PUT", path, {"subnet_id": subnet["id"]}).status == 200
    idle = blue.create("floatingip", floating_network_id=external["id"])
    used = blue.create("floatingip", floating_network_id=external["id"], port_id=blue.port(network)["id"])
    admin.no_delete(409, "NetworkInUse", "network", external["id"])
    blue.delete("floatingip", used["id"])
    blue.update("router", router["id"], external_gateway_info=None)
    admin.delete("network", external["id"])
    blue.refused(404, "FloatingIPNotFound", "GET", f"/v2.0/floatingips/{idle['id']}")


def test_mtu_zero_is_the_largest(blue: Talk) -> None:
    assert blue.create("network", mtu=0)["mtu"] == 1450


def test_the_administrator_sees_and_sets_the_segment(admin: Talk, blue: Talk) -> None:
    made = blue.create("network")
    shown = admin.show("network", made["id"])
    assert shown["provider:network_type"] == "vxlan"
    assert shown["provider:physical_network"] is None and 1 <= shown["provider:segmentation_id"] <= 65536
    assert not [name for name in made if name.startswith("provider:")]
    blue.no_create(403, "PolicyNotAuthorized", "network", {"provider:network_type": "vxlan"})
    chosen = admin.create("network", {"provider:network_type": "vxlan", "provider:segmentation_id": 70001})
    assert chosen["provider:segmentation_id"] == 70001
    wanted = {"provider:network_type": "vxlan", "provider:segmentation_id": 70001}
    assert "70001" in admin.no_create(409, "TunnelIdInUse", "network", wanted)
    admin.delete("network", chosen["id"])
    admin.delete("network", admin.create("network", wanted)["id"])


def test_vlan_and_flat_and_local(admin: Talk) -> None:
    vlan = {"provider:network_type": "vlan", "provider:physical_network": "physnet1"}
    made = admin.create("network", {**vlan, "provider:segmentation_id": 205})
    assert (made["provider:segmentation_id"], made["mtu"]) == (205, 1500)
    admin.no_create(409, "VlanIdInUse", "network", {**vlan, "provider:segmentation_id": 205})
    assert 100 <= admin.create("network", vlan)["provider:segmentation_id"] <= 109
    flat = {"provider:network_type": "flat", "provider:physical_network": "physnet1"}
    made = admin.create("network", flat)
    assert made["provider:segmentation_id"] is None
    admin.no_create(409, "FlatNetworkInUse", "network", flat)
    admin.delete("network", made["id"])
    assert admin.create("network", {"provider:network_type": "local"})["provider:physical_network"] is None


@pytest.mark.parametrize(("kind", "mtu", "last"), [("gre", 1458, 2**32 - 1), ("geneve", 1450, 2**24 - 1)])
def test_other_tunnels(admin: Talk, kind: str, mtu: int, last: int) -> None:
    made = admin.create("network", {"provider:network_type": kind})
    assert (made["provider:network_type"], made["provider:physical_network"], made["mtu"]) == (kind, None, mtu)
    assert 1 <= made["provider:segmentation_id"] <= 65536
    wanted = {"provider:network_type": kind, "provider:segmentation_id": last}
    assert admin.create("network", wanted)["provider:segmentation_id"] == last
    assert str(last) in admin.no_create(409, "TunnelIdInUse", "network", wanted)
    other = admin.create("network", {"provider:network_type": "vxlan", "provider:segmentation_id": 2**24 - 1})
    admin.delete("network", other["id"])
    wanted["provider:segmentation_id"] = last + 1
    assert f"through {last}" in admin.no_create(400, "InvalidInput", "network", wanted)
    assert str(mtu) in admin.no_update(400, "InvalidInput", "network", made["id"], mtu=mtu + 1)


@pytest.mark.parametrize(
    ("provider", "says"),
    [
        ({"network_type": "token-ring"}, "token-ring"),
        ({"segmentation_id": 5}, "network_type"),
        ({"network_type": "vlan", "segmentation_id": 5}, "physical_network"),
        ({"network_type": "vlan", "physical_network": "nowhere", "segmentation_id": 5}, "nowhere"),
        ({"network_type": "vlan", "physical_network": "physnet1", "segmentation_id": 4095}, "4094"),
        ({"network_type": "vlan", "physical_network": "physnet1", "segmentation_id": 0}, "4094"),
        ({"network_type": "flat"}, "physical_network"),
        ({"network_type": "flat", "physical_network": "physnet1", "segmentation_id": 1}, "segmentation_id"),
        ({"network_type": "local", "segmentation_id": 1}, "segmentation_id"),
        ({"network_type": "local", "physical_network": "physnet1"}, "physical_network"),
        ({"network_type": "vxlan", "segmentation_id": 2**24}, "16777215"),
        ({"network_type": "vxlan", "segmentation_id": 0}, "16777215"),
        ({"network_type": "vxlan", "physical_network": "physnet1"}, "physical_network"),
    ],
)
def test_a_wrong_segment_is_refused(admin: Talk, provider: dict[str, object], says: str) -> None:
    body = {f"provider:{name}": value for name, value in provider.items()}
    assert says in admin.no_create(400, "InvalidInput", "network", body)


def test_the_segment_of_a_network_stays(admin: Talk) -> None:
    made = admin.create("network")
    admin.update("network", made["id"], {"provider:network_type": "vxlan"})
    admin.no_update(400, "InvalidInput", "network", made["id"], {"provider:segmentation_id": 77})


def test_a_shared_network_is_for_all_and_its_ports_are_not(admin: Talk, blue: Talk, red: Talk) -> None:
    blue.no_create(403, "PolicyNotAuthorized", "network", shared=True)
    network = admin.create("network", shared=True)
    admin.subnet(network, "10.9.0.0/24")
    assert network["id"] in red.ids("network", "?shared=true")
    assert red.show("network", network["id"])["subnets"]
    port = blue.port(network)
    assert red.ids("port") == []
    red.refused(404, "PortNotFound", "GET", f"/v2.0/ports/{port['id']}")
    red.no_update(403, "PolicyNotAuthorized", "network", network["id"], name="mine")
    red.no_delete(403, "PolicyNotAuthorized", "network", network["id"])
    admin.no_update(409, "InvalidSharedSetting", "network", network["id"], shared=False)
    blue.delete("port", port["id"])
    admin.update("network", network["id"], shared=False)
    red.refused(404, "NetworkNotFound", "GET", f"/v2.0/networks/{network['id']}")


def test_an_external_network_is_seen_by_all(admin: Talk, blue: Talk) -> None:
    blue.no_create(403, "PolicyNotAuthorized", "network", {"router:external": True})
    network = admin.create("network", {"router:external": True})
    assert network["id"] in blue.ids("network", "?router:external=True")
    assert network["id"] not in blue.ids("network", "?router:external=False")
    admin.subnet(network, "198.51.100.0/24")
    router = blue.create("router", external_gateway_info={"network_id": network["id"]})
    admin.no_update(409, "ExternalNetworkInUse", "network", network["id"], {"router:external": False})
    blue.delete("router", router["id"])
    admin.update("network", network["id"], {"router:external": False})


def test_a_network_in_use_stays(blue: Talk) -> None:
    network, subnet = blue.network("10.0.0.0/24")
    port = blue.port(network)
    assert network["id"] in blue.no_delete(409, "NetworkInUse", "network", network["id"])
    blue.delete("port", port["id"])
    blue.delete("network", network["id"])
    blue.refused(404, "SubnetNotFound", "GET", f"{path_of('subnet')}/{subnet['id']}")


def test_others_networks_are_not_there(blue: Talk, red: Talk, cloud: Cloud) -> None:
    network, subnet = blue.network("10.0.0.0/24")
    red.no_update(404, "NetworkNotFound", "network", network["id"], name="x")
    red.no_delete(404, "NetworkNotFound", "network", network["id"])
    red.no_create(404, "NetworkNotFound", "port", network_id=network["id"])
    red.no_create(404, "NetworkNotFound", "subnet", network_id=network["id"], ip_version=4, cidr="10.1.0.0/24")
    assert "project_id" in red.no_create(400, "HTTPBadRequest", "network", project_id=blue.project_id)
    assert red.list("network", "?router:external=False") == []
    made = cloud.admin.create("network", tenant_id=red.project_id)
    assert made["project_id"] == red.project_id and red.ids("network", "?router:external=False") == [made["id"]]
    del subnet


def test_port_security_is_the_networks_choice(blue: Talk) -> None:
    network = blue.create("network", port_security_enabled=False)
    port = blue.port(network)
    assert port["port_security_enabled"] is False and port["security_groups"] == []


def test_the_default_external_network(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    blue.no_create(403, "PolicyNotAuthorized", "network", is_default=True)
    assert "external" in admin.no_create(400, "InvalidInput", "network", is_default=True)
    first = admin.create("network", {"router:external": True, "is_default": True})
    assert blue.ids("network", "?is_default=True") == [first["id"]]
    body = {"router:external": True, "is_default": True}
    assert first["id"] in admin.no_create(409, "DefaultExternalNetworkExists", "network", body)
    second = admin.create("network", {"router:external": True})
    admin.no_update(409, "DefaultExternalNetworkExists", "network", second["id"], is_default=True)
    assert admin.update("network", first["id"], description="x")["is_default"] is True
    admin.no_update(400, "InvalidInput", "network", first["id"], {"router:external": False, "is_default": True})
    assert admin.update("network", first["id"], {"router:external": False})["is_default"] is False
    assert admin.update("network", second["id"], is_default=True)["is_default"] is True
    admin.delete("network", second["id"])
    assert admin.create("network", body)["is_default"] is True
