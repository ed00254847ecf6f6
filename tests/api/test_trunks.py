"""Trunks: a parent port with subports, what cannot be one, and what a port tells of its trunk."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Cloud
from tests.api.talk import Talk

from heddle.view.types import Status


def vlan(port: dict[str, Any], number: int) -> dict[str, Any]:
    return {"port_id": port["id"], "segmentation_type": "vlan", "segmentation_id": number}


def port_of(talk: Talk, **network: Any) -> dict[str, Any]:
    """A port on a network of its own."""
    return talk.port(talk.create("network", **network))


def act(talk: Talk, trunk: dict[str, Any], action: str, *subports: dict[str, Any]) -> dict[str, Any]:
    answer = talk.client.call("PUT", f"/v2.0/trunks/{trunk['id']}/{action}", {"sub_ports": list(subports)})
    assert answer.status == 200, answer.body
    return dict(answer.json())


def refuse(talk: Talk, status: int, kind: str, trunk: dict[str, Any], action: str, *subports: Any) -> str:
    return talk.refused(status, kind, "PUT", f"/v2.0/trunks/{trunk['id']}/{action}", {"sub_ports": list(subports)})


def test_a_trunk_lives(blue: Talk, red: Talk) -> None:
    parent, first, second = (port_of(blue) for _ in range(3))
    trunk = blue.create("trunk", port_id=parent["id"], sub_ports=[vlan(first, 2)], name="t")
    assert (trunk["status"], trunk["sub_ports"], trunk["port_id"]) == ("DOWN", [vlan(first, 2)], parent["id"])
    assert blue.show("trunk", trunk["id"]) == trunk and blue.list("trunk", "?name=t") == [trunk]
    assert act(blue, trunk, "add_subports", vlan(second, 4))["sub_ports"] == [vlan(first, 2), vlan(second, 4)]
    shown = blue.client.get(f"/v2.0/trunks/{trunk['id']}/get_subports").json()
    assert shown == {"sub_ports": [vlan(first, 2), vlan(second, 4)]}
    left = act(blue, trunk, "remove_subports", {"port_id": first["id"]})
    assert left["sub_ports"] == [vlan(second, 4)] and left["revision_number"] > trunk["revision_number"]
    assert blue.show("port", second["id"])["device_id"] == trunk["id"]
    assert blue.show("port", first["id"])["device_owner"] == ""
    assert blue.update("trunk", trunk["id"], name="u")["name"] == "u"
    red.no_delete(404, "TrunkNotFound", "trunk", trunk["id"])
    blue.delete("trunk", trunk["id"])
    assert blue.show("port", second["id"])["device_owner"] == ""
    for port in (parent, first, second):
        blue.delete("port", port["id"])


def test_a_port_tells_of_its_trunk(blue: Talk) -> None:
    parent, sub = port_of(blue), port_of(blue)
    assert blue.show("port", parent["id"])["trunk_details"] is None
    trunk = blue.create("trunk", port_id=parent["id"], sub_ports=[vlan(sub, 3)])
    wanted = {"trunk_id": trunk["id"], "sub_ports": [{**vlan(sub, 3), "mac_address": sub["mac_address"]}]}
    assert blue.show("port", parent["id"])["trunk_details"] == wanted
    assert blue.list("port", f"?id={parent['id']}")[0]["trunk_details"] == wanted
    assert blue.show("port", sub["id"])["trunk_details"] is None


def test_a_subport_inherits_the_id_of_its_network(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    asked = {"provider:network_type": "vlan", "provider:physical_network": "physnet1", "shared": True}
    network = admin.create("network", **asked)
    sub = blue.port(network)
    trunk = blue.create("trunk", port_id=blue.port(network)["id"])
    done = act(blue, trunk, "add_subports", {"port_id": sub["id"], "segmentation_type": "inherit"})
    assert done["sub_ports"] == [vlan(sub, network["provider:segmentation_id"])]
    wrong = {"port_id": port_of(blue)["id"], "segmentation_type": "inherit", "segmentation_id": -1}
    assert "vxlan" in refuse(blue, 400, "InvalidInput", trunk, "add_subports", wrong)


def test_what_cannot_be_in_a_trunk(blue: Talk) -> None:
    parent, sub, other = (port_of(blue) for _ in range(3))
    trunk = blue.create("trunk", port_id=parent["id"], sub_ports=[vlan(sub, 2)])
    for port in (parent, sub):
        refuse(blue, 409, "TrunkPortInUse", trunk, "add_subports", vlan(port, 9))
        blue.no_create(409, "TrunkPortInUse", "trunk", port_id=port["id"])
    refuse(blue, 409, "DuplicateSubPort", trunk, "add_subports", vlan(other, 2))
    refuse(blue, 409, "PortInUse", trunk, "add_subports", vlan(blue.update("port", other["id"], device_id="vm"), 9))
    nowhere = {"id": "11111111-1111-4111-8111-111111111111"}
    refuse(blue, 404, "PortNotFound", trunk, "add_subports", vlan(nowhere, 9))
    refuse(blue, 404, "SubPortNotFound", trunk, "remove_subports", vlan(other, 9))
    blue.no_create(404, "PortNotFound", "trunk", port_id=nowhere["id"])
    assert blue.show("trunk", trunk["id"])["sub_ports"] == [vlan(sub, 2)], "a refusal changes nothing"


def test_what_is_no_subport(blue: Talk) -> None:
    parent, sub, other = (port_of(blue) for _ in range(3))
    trunk = blue.create("trunk", port_id=parent["id"])
    for wrong in (
        {"port_id": sub["id"], "segmentation_type": "vlan"},
        {"port_id": sub["id"], "segmentation_id": 3},
        {"segmentation_type": "vlan", "segmentation_id": 3},
        {**vlan(sub, 3), "extra": 1},
        vlan(sub, 0),
        vlan(sub, 4095),
        {**vlan(sub, 3), "segmentation_type": "vxlan"},
        "text",
    ):
        refuse(blue, 400, "HTTPBadRequest", trunk, "add_subports", wrong)
    for twice in ([vlan(sub, 3), vlan(other, 3)], [vlan(sub, 3), vlan(sub, 4)]):
        refuse(blue, 400, "HTTPBadRequest", trunk, "add_subports", *twice)
        blue.no_create(400, "HTTPBadRequest", "trunk", port_id=other["id"], sub_ports=twice)
    for action in ("add_subports", "remove_subports"):
        path = f"/v2.0/trunks/{trunk['id']}/{action}"
        blue.refused(400, "HTTPBadRequest", "PUT", path, {"sub_ports": vlan(sub, 3)})


def test_an_mtu_larger_than_the_cards(blue: Talk) -> None:
    small, large = port_of(blue, mtu=1300), port_of(blue, mtu=1400)
    blue.no_create(409, "SubPortMtuGreaterThanTrunkPortMtu", "trunk", port_id=small["id"], sub_ports=[vlan(large, 2)])
    assert blue.create("trunk", port_id=large["id"], sub_ports=[vlan(small, 2)])["sub_ports"] == [vlan(small, 2)]


def test_a_trunk_that_is_disabled_or_on_a_host(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    parent, sub = port_of(blue), port_of(blue)
    trunk = blue.create("trunk", port_id=parent["id"], admin_state_up=False)
    refuse(blue, 409, "TrunkDisabled", trunk, "add_subports", vlan(sub, 2))
    refuse(blue, 409, "TrunkDisabled", trunk, "remove_subports", vlan(sub, 2))
    blue.no_delete(409, "TrunkDisabled", "trunk", trunk["id"])
    blue.update("trunk", trunk["id"], admin_state_up=True)
    own_cloud.report("trunkhost")
    admin.update("port", parent["id"], **{"binding:host_id": "trunkhost"})
    blue.no_delete(409, "TrunkInUse", "trunk", trunk["id"])
    bound = admin.update("port", sub["id"], **{"binding:host_id": "trunkhost"})
    admin.no_create(409, "ParentPortInUse", "trunk", port_id=bound["id"])


def test_the_status_of_a_trunk_is_that_of_its_ports(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    parent, first, second = (port_of(blue) for _ in range(3))
    trunk = blue.create("trunk", port_id=parent["id"], sub_ports=[vlan(first, 2)])
    own_cloud.report("host1")
    own_cloud.report("bridges", datapath="bridge")

    def seen(**states: str) -> str:
        ids = {"parent": parent["id"], "first": first["id"], "second": second["id"]}
        told = [Status(kind="port", id=ids[name], revision=10**9, state=state) for name, state in states.items()]
        own_cloud.report("host1", *told)
        status = str(blue.show("trunk", trunk["id"])["status"])
        assert blue.ids("trunk", f"?status={status}") == [trunk["id"]]
        return status

    assert seen() == "DOWN"
    admin.update("port", parent["id"], **{"binding:host_id": "host1"})
    assert admin.show("port", first["id"])["binding:host_id"] == "host1"
    assert [seen(first="up"), seen(parent="up")] == ["DOWN", "ACTIVE"]
    assert act(blue, trunk, "add_subports", vlan(second, 3))["status"] == "BUILD"
    assert admin.show("port", second["id"])["binding:host_id"] == "host1"
    assert [seen(second="error"), seen(second="up")] == ["DEGRADED", "ACTIVE"]
    assert act(blue, trunk, "remove_subports", {"port_id": second["id"]})["status"] == "ACTIVE"
    assert admin.show("port", second["id"])["binding:host_id"] == ""
    assert [seen(first="down"), seen(parent="error"), seen(parent="up", first="up")] == ["BUILD", "ERROR", "ACTIVE"]
    own_cloud.die("host1")
    assert blue.show("trunk", trunk["id"])["status"] == "DOWN"
    admin.update("port", parent["id"], **{"binding:host_id": "bridges"})
    assert admin.show("port", first["id"])["binding:vif_type"] == "bridge"
    admin.update("port", parent["id"], **{"binding:host_id": ""})
    assert admin.show("port", first["id"])["binding:vif_type"] == "unbound"


def test_ports_of_a_trunk_stay(blue: Talk) -> None:
    parent, sub = port_of(blue), port_of(blue)
    blue.create("trunk", port_id=parent["id"], sub_ports=[vlan(sub, 2)])
    blue.no_delete(409, "PortInUseAsTrunkParent", "port", parent["id"])
    blue.no_delete(409, "PortInUseAsSubPort", "port", sub["id"])


def test_a_quota_of_trunks(admin: Talk, blue: Talk) -> None:
    admin.put(f"/v2.0/quotas/{blue.project_id}", {"quota": {"trunk": 1}})
    trunk = blue.create("trunk", port_id=port_of(blue)["id"])
    blue.no_create(409, "OverQuota", "trunk", port_id=port_of(blue)["id"])
    blue.delete("trunk", trunk["id"])
    blue.create("trunk", port_id=port_of(blue)["id"])
