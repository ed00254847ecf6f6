"""Private VLANs, and subnets apart: attributes, defaults, what is refused, and what hosts are told."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk

from heddle.store import changes
from heddle.view.shapes import LOADERS


@pytest.fixture
def private(blue: Talk) -> dict[str, Any]:
    return blue.create("network", pvlan=True)


def kind(port: dict[str, Any]) -> tuple[Any, Any]:
    return port["pvlan_type"], port["pvlan_community"]


def test_defaults(blue: Talk, private: dict[str, Any]) -> None:
    plain = blue.create("network")
    assert (plain["pvlan"], plain["heddle:subnet_isolation"], private["pvlan"]) == (False, False, True)
    assert kind(blue.port(plain)) == (None, None)
    assert kind(blue.port(private)) == kind(blue.port(private, pvlan_type=None)) == ("promiscuous", None)
    assert kind(blue.port(private, pvlan_type="isolated", pvlan_community=None)) == ("isolated", None)
    made = blue.port(private, pvlan_type="community", pvlan_community="web.1")
    assert kind(blue.show("port", made["id"])) == ("community", "web.1")
    own = blue.list("port", f"?network_id={private['id']}&pvlan_type=community&pvlan_type=isolated")
    assert len(own) == 2
    assert blue.ids("port", "?pvlan_community=web.1") == [made["id"]]
    assert blue.ids("network", "?pvlan=true") == [private["id"]]
    assert private["id"] in blue.ids("network", "?heddle:subnet_isolation=false")
    aliases = [each["alias"] for each in blue.client.get("/v2.0/extensions").json()["extensions"]]
    assert "pvlan" in aliases and "heddle-subnet-isolation" in aliases


def test_changes_of_a_port(blue: Talk, private: dict[str, Any]) -> None:
    port = blue.port(private)

    def changed(**attributes: Any) -> tuple[Any, Any]:
        return kind(blue.update("port", port["id"], **attributes))

    blue.no_update(400, "PVLANCommunityNameRequired", "port", port["id"], pvlan_type="community")
    assert changed(pvlan_type="community", pvlan_community="web") == ("community", "web")
    assert changed(name="n") == changed(pvlan_type="community") == ("community", "web")
    assert changed(pvlan_community="db") == ("community", "db")
    blue.no_update(
        400, "PVLANCannotSetCommunityName", "port", port["id"], pvlan_type="isolated", pvlan_community="db"
    )
    assert kind(blue.show("port", port["id"])) == ("community", "db")
    assert changed(pvlan_type="isolated") == ("isolated", None)
    blue.no_update(400, "PVLANCannotSetCommunityName", "port", port["id"], pvlan_community="db")
    assert changed(pvlan_type=None) == ("promiscuous", None)


def test_what_is_refused(blue: Talk, private: dict[str, Any]) -> None:
    plain, open_net = blue.create("network"), blue.create("network", port_security_enabled=False)
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("PVLANNotEnabledOnNetwork", plain, {"pvlan_type": "isolated"}),
        ("PVLANNotEnabledOnNetwork", plain, {"pvlan_type": "community", "pvlan_community": "a"}),
        ("PVLANNotEnabledOnNetwork", plain, {"pvlan_community": "a"}),
        ("PVLANCommunityNameRequired", private, {"pvlan_type": "community"}),
        ("PVLANCannotSetCommunityName", private, {"pvlan_community": "a"}),
        ("PVLANPortSecurityDisabled", private, {"port_security_enabled": False}),
        *(("HTTPBadRequest", private, {"pvlan_type": "community", "pvlan_community": name})
          for name in ("", "bad name!", "1st", "a\n", "a" * 233, 7)),
        ("HTTPBadRequest", private, {"pvlan_type": "secret"}),
    ]  # fmt: skip
    for code, network, attributes in cases:
        blue.no_create(400, code, "port", network_id=network["id"], **attributes)
    assert blue.list("port") == []
    for name in ("pvlan", "heddle:subnet_isolation"):
        blue.no_create(400, "PVLANNetworkPortSecurityDisabled", "network", {name: True, "port_security_enabled": False})
        blue.no_update(400, "PVLANNetworkPortSecurityDisabled", "network", open_net["id"], {name: True})
    blue.no_update(400, "PVLANNetworkPortSecurityDisabled", "network", private["id"], port_security_enabled=False)
    blue.port(plain, port_security_enabled=False)
    blue.no_update(400, "PVLANPortSecurityDisabled", "network", plain["id"], pvlan=True)
    guest = blue.port(private)
    blue.no_update(
        400, "PVLANPortSecurityDisabled", "port", guest["id"], port_security_enabled=False, security_groups=[]
    )
    assert blue.show("network", plain["id"])["pvlan"] is False


def test_a_network_becomes_one_and_none_again(blue: Talk) -> None:
    network, subnet = blue.network("10.0.0.0/24")
    port = blue.port(network)
    router = blue.create("router")
    blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    assert blue.update("network", network["id"], pvlan=True)["pvlan"] is True
    assert {kind(each) for each in blue.list("port")} == {("promiscuous", None)}
    blue.update("port", port["id"], pvlan_type="community", pvlan_community="web")
    blue.update("network", network["id"], name="n", pvlan=True)
    assert kind(blue.show("port", port["id"])) == ("community", "web")
    blue.update("network", network["id"], pvlan=False)
    assert {kind(each) for each in blue.list("port")} == {(None, None)}


def test_who_sees_and_sets_it(blue: Talk, red: Talk, admin: Talk, private: dict[str, Any]) -> None:
    admin.update("network", private["id"], shared=True)
    assert "pvlan" not in red.show("network", private["id"])
    port = red.port(private, pvlan_type="isolated")
    assert kind(port) == ("isolated", None) and "pvlan_type" not in blue.show("port", port["id"])
    assert admin.show("network", private["id"])["pvlan"] is True


def test_hosts_are_told(blue: Talk, cloud: Cloud, private: dict[str, Any]) -> None:
    port = blue.port(private, pvlan_type="community", pvlan_community="web")
    blue.update("network", private["id"], {"heddle:subnet_isolation": True})
    with cloud.store.read() as tx:
        (network,) = LOADERS["network"](tx, {private["id"]: 1})
        told = [next(iter(LOADERS[name](tx, {port["id"]: 1}))) for name in ("port", "neighbour")]
        before = changes.current_revision(tx.conn)
    assert network.subnets_apart  # type: ignore[attr-defined]
    assert {(each.pvlan_type, each.pvlan_community) for each in told} == {("community", "web")}  # type: ignore[attr-defined]
    blue.update("port", port["id"], pvlan_type="isolated")
    with cloud.store.read() as tx:
        assert changes.current_revision(tx.conn) == before + 1


def test_a_port_of_the_clouds_own_becomes_a_guests_in_a_trunk(admin: Talk) -> None:
    """It had no port security, which a guest must have there."""
    network, card = admin.create("network", pvlan=True), admin.port(admin.create("network"))
    port = admin.port(network, device_owner="network:service")
    trunk = admin.create("trunk", port_id=card["id"])
    body = {"sub_ports": [{"port_id": port["id"], "segmentation_type": "vlan", "segmentation_id": 7}]}
    path = f"/v2.0/trunks/{trunk['id']}/add_subports"
    admin.refused(400, "PVLANPortSecurityDisabled", "PUT", path, body)
    assert admin.show("trunk", trunk["id"])["sub_ports"] == []
    admin.update("port", port["id"], port_security_enabled=True)
    admin.put(path, body)
    assert admin.show("port", port["id"])["device_owner"] == "trunk:subport"
