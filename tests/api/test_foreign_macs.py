"""MACs with another beginning than the cloud's own: refused where hosts would take their port for somebody outside.

Each refusal stands beside what passes: the cloud's own beginning, a port that meets all, a network in tunnels.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.api.conftest import Cloud, build
from tests.api.talk import Talk
from tests.fakes.client import Client

from heddle.api.server import make_app
from heddle.config import Settings

FOREIGN, OTHER, OURS = "02:00:00:00:00:07", "02:00:00:00:00:08", "fa:16:3e:00:00:07"
CODE = "PVLANForeignMACAddress"
ISOLATION = "heddle:subnet_isolation"
ISOLATED, WEB = {"pvlan_type": "isolated"}, {"pvlan_type": "community", "pvlan_community": "web"}
OWN = {"device_owner": "network:service", "port_security_enabled": True}
_numbers = itertools.count(500)

Make = Callable[..., dict[str, Any]]


def vlan() -> dict[str, Any]:
    return {
        "provider:network_type": "vlan", "provider:physical_network": "physnet1",
        "provider:segmentation_id": next(_numbers),
    }  # fmt: skip


def flat() -> dict[str, Any]:
    return {"provider:network_type": "flat", "provider:physical_network": f"flat{next(_numbers)}"}


def pair(mac: str = "") -> dict[str, Any]:
    return {"allowed_address_pairs": [{"ip_address": "10.0.0.99", **({"mac_address": mac} if mac else {})}]}


@pytest.fixture
def physical(admin: Talk) -> Make:
    """Makes private VLANs on a physical network."""
    return lambda **more: admin.create("network", {**vlan(), "pvlan": True}, **more)


@pytest.mark.parametrize("kind", [vlan, flat, lambda: {"segments": [{"provider:network_type": "vxlan"}, vlan()]}])
def test_a_port_that_not_all_meet_has_one_of_the_clouds_own(admin: Talk, kind: Make) -> None:
    network = admin.create("network", {**kind(), "pvlan": True})
    for wrong in (
        {**ISOLATED, "mac_address": FOREIGN}, {**WEB, "mac_address": FOREIGN}, {**ISOLATED, **pair(FOREIGN)},
        {**ISOLATED, "mac_address": "FA:16:3F:00:00:07"},
    ):  # fmt: skip
        admin.no_create(400, CODE, "port", wrong, network_id=network["id"])
    assert admin.list("port", f"?network_id={network['id']}") == []
    isolated = {**ISOLATED, "mac_address": OURS.upper(), **pair("fa:16:3e:00:00:09")}
    assert admin.port(network, isolated)["mac_address"] == OURS
    assert admin.port(network, {**WEB, **pair()})["mac_address"].startswith("fa:16:3e:")
    assert admin.port(network, pair(OTHER), mac_address=FOREIGN)["pvlan_type"] == "promiscuous"


def test_what_the_message_says(admin: Talk, physical: Make) -> None:
    network = physical()
    told = admin.no_create(400, CODE, "port", {**ISOLATED, **pair(FOREIGN)}, network_id=network["id"])
    for part in (f"{FOREIGN} (allowed_address_pairs)", "begin it with fa:16:3e,", network["id"], "promiscuous"):
        assert part in told
    apart = admin.create("network", {**vlan(), ISOLATION: True})
    told = admin.no_create(400, CODE, "port", network_id=apart["id"], mac_address=FOREIGN)
    assert f"{FOREIGN} (mac_address)" in told and "promiscuous" not in told


def test_where_all_meet_and_in_tunnels_any_is_taken(admin: Talk) -> None:
    for attributes in ({"pvlan": True}, {ISOLATION: True}, vlan()):
        network = admin.create("network", attributes)
        kind = ISOLATED if "pvlan" in attributes else {}
        port = admin.port(network, {**kind, **pair(OTHER)}, mac_address=FOREIGN)
        assert admin.update("port", port["id"], mac_address="02:00:00:00:00:09")["mac_address"].startswith("02:")


def test_of_many_ports_none_is_made(admin: Talk, physical: Make) -> None:
    network = physical()
    ports = [{"network_id": network["id"], **ISOLATED} for _ in range(2)]
    admin.refused(400, CODE, "POST", "/v2.0/ports", {"ports": [ports[0], {**ports[1], "mac_address": FOREIGN}]})
    assert admin.list("port", f"?network_id={network['id']}") == []
    assert len(admin.bulk("port", [ports[0], {**ports[1], "mac_address": OURS}])) == 2


def test_changes_of_a_port(admin: Talk, physical: Make) -> None:
    network = physical()
    port = admin.port(network, ISOLATED)
    for wrong in ({"mac_address": FOREIGN}, pair(FOREIGN), {"pvlan_type": None, "mac_address": FOREIGN, **ISOLATED}):
        admin.no_update(400, CODE, "port", port["id"], wrong)
    assert admin.show("port", port["id"]) == port
    admin.update("port", port["id"], {"mac_address": FOREIGN, "pvlan_type": "promiscuous", **pair(OTHER)})
    admin.no_update(400, CODE, "port", port["id"], ISOLATED)
    admin.no_update(400, CODE, "port", port["id"], WEB, mac_address=None)
    assert admin.update("port", port["id"], name="n")["pvlan_type"] == "promiscuous"
    mended = admin.update("port", port["id"], {**ISOLATED, "mac_address": None, "allowed_address_pairs": []})
    assert mended["pvlan_type"] == "isolated" and mended["mac_address"].startswith("fa:16:3e:")


def test_where_subnets_are_apart_it_holds_for_every_guest(admin: Talk) -> None:
    network = admin.create("network", {**vlan(), ISOLATION: True})
    admin.no_create(400, CODE, "port", network_id=network["id"], mac_address=FOREIGN)
    assert admin.port(network, mac_address=OURS)["mac_address"] == OURS
    own = admin.port(network, OWN, mac_address=FOREIGN)
    admin.no_update(400, CODE, "port", own["id"], device_owner="compute:nova")
    card = admin.port(admin.create("network", vlan()))
    trunk = admin.create("trunk", port_id=card["id"])
    joined = {"sub_ports": [{"port_id": own["id"], "segmentation_type": "vlan", "segmentation_id": 7}]}
    path = f"/v2.0/trunks/{trunk['id']}/add_subports"
    admin.refused(400, CODE, "PUT", path, joined)
    assert admin.show("port", own["id"])["device_owner"] == "network:service"
    admin.update("port", own["id"], mac_address="fa:16:3e:00:00:0a")
    admin.put(path, joined)
    assert admin.show("port", own["id"])["device_owner"] == "trunk:subport"


def test_subnets_part_only_when_no_guest_has_another(admin: Talk, physical: Make) -> None:
    for network in (admin.create("network", vlan()), physical()):
        own = admin.port(network, OWN, mac_address=OTHER)
        guest = admin.port(network, mac_address=FOREIGN)
        told = admin.no_update(409, CODE, "network", network["id"], {ISOLATION: True})
        assert guest["id"] in told and FOREIGN in told and own["id"] not in told
        assert admin.show("network", network["id"])[ISOLATION] is False
        admin.update("port", guest["id"], mac_address=None)
        assert admin.update("network", network["id"], {ISOLATION: True})[ISOLATION] is True
    tunnelled = admin.create("network")
    admin.port(tunnelled, mac_address=FOREIGN)
    assert admin.update("network", tunnelled["id"], {ISOLATION: True, "pvlan": True})[ISOLATION] is True


def test_a_private_vlan_begins_with_promiscuous_ports(admin: Talk) -> None:
    network = admin.create("network", vlan())
    port = admin.port(network, mac_address=FOREIGN)
    admin.update("network", network["id"], pvlan=True)
    assert admin.show("port", port["id"])["pvlan_type"] == "promiscuous"
    admin.no_update(400, CODE, "port", port["id"], WEB)
    admin.update("network", network["id"], pvlan=False)
    assert admin.update("port", port["id"], mac_address=OTHER)["mac_address"] == OTHER


@pytest.mark.parametrize("divided", [{"pvlan": True}, {ISOLATION: True}])
def test_a_network_comes_onto_a_physical_one_only_without(admin: Talk, divided: dict[str, Any]) -> None:
    network = admin.create("network", divided)
    port = admin.port(network, ISOLATED if "pvlan" in divided else {}, mac_address=FOREIGN)
    one = {name.removeprefix("provider:"): value for name, value in vlan().items()}
    told = admin.no_create(409, CODE, "segment", one, network_id=network["id"])
    assert port["id"] in told and FOREIGN in told
    assert len(admin.list("segment", f"?network_id={network['id']}")) == 1
    more = {"network_type": "gre", "segmentation_id": next(_numbers)}
    admin.create("segment", more, network_id=network["id"], name="in tunnels it may be")
    admin.update("port", port["id"], mac_address=None)
    admin.create("segment", one, network_id=network["id"])
    admin.no_update(400, CODE, "port", port["id"], mac_address=FOREIGN)


def test_the_settings_say_which_are_the_clouds_own(tmp_path: Path) -> None:
    cloud = build(tmp_path, more=["network.base_mac=FA:16:3B:4F:00:00"])
    try:
        network = cloud.admin.create("network", {**vlan(), "pvlan": True})
        told = cloud.admin.no_create(400, CODE, "port", ISOLATED, network_id=network["id"], mac_address=OURS)
        assert "fa:16:3b" in told
        for mac in ("fa:16:3b:4f:00:07", "fa:16:3b:00:00:07", None):
            made = cloud.admin.port(network, ISOLATED, mac_address=mac)["mac_address"]
            assert made.startswith("fa:16:3b:") and made == (mac or made)
    finally:
        cloud.close()


def test_what_was_there_before_stays(tmp_path: Path) -> None:
    """A port under the beginning of former settings can be changed, but gets no other such address."""
    before = build(tmp_path, more=["network.base_mac=02:00:00:00:00:00"])
    try:
        network = before.admin.create("network", {**vlan(), "pvlan": True})
        port = before.admin.port(network, {**ISOLATED, **pair()}, mac_address=FOREIGN)
        now = again(before)
        assert now.update("port", port["id"], {**WEB, "name": "n", **pair(FOREIGN)})["pvlan_type"] == "community"
        now.no_update(400, CODE, "port", port["id"], mac_address=OTHER)
        now.no_update(400, CODE, "port", port["id"], pair(OTHER))
        assert now.show("port", port["id"])["mac_address"] == FOREIGN
    finally:
        before.close()


def again(cloud: Cloud) -> Talk:
    """The administrator of the same cloud, whose server has the usual settings again."""
    settings = msgspec.structs.replace(cloud.settings, network=Settings().network)
    client = Client(make_app(settings, cloud.store), cloud.admin.client.token)
    client.project_id = cloud.admin.project_id
    return Talk(client)
