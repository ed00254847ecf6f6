"""What ports say to the compute service and to others: trust, NUMA, profiles, data plane, tags, a new MAC address."""

from __future__ import annotations

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk


def test_trusted_is_the_key_of_the_profile(admin: Talk, blue: Talk) -> None:
    network = blue.create("network")
    assert admin.port(network)["trusted"] is None
    for value in (True, False):
        port = admin.port(network, trusted=value)
        assert (port["trusted"], port["binding:profile"]) == (value, {"trusted": value})
        other = admin.update("port", port["id"], trusted=not value)
        assert (other["trusted"], other["binding:profile"]) == (not value, {"trusted": not value})
    port = admin.port(network, **{"binding:profile": {"trusted": True, "x": 1}})
    assert port["trusted"] is True
    kept = admin.update("port", port["id"], **{"binding:profile": {"y": 2}})
    assert (kept["trusted"], kept["binding:profile"]) == (True, {"y": 2, "trusted": True})
    both = {"network_id": network["id"], "trusted": True, "binding:profile": {"trusted": False}}
    admin.no_create(409, "Conflict", "port", **both)


def test_who_may_trust_and_say_that_the_data_plane_is_down(admin: Talk, blue: Talk) -> None:
    network = blue.create("network")
    blue.no_create(403, "PolicyNotAuthorized", "port", network_id=network["id"], trusted=True)
    port = blue.port(network)
    assert "trusted" not in port
    blue.no_update(403, "PolicyNotAuthorized", "port", port["id"], data_plane_status="DOWN")
    admin.no_create(400, "HTTPBadRequest", "port", network_id=network["id"], data_plane_status="DOWN")
    admin.no_update(400, "HTTPBadRequest", "port", port["id"], data_plane_status="BROKEN")
    assert admin.update("port", port["id"], data_plane_status="DOWN")["data_plane_status"] == "DOWN"
    assert blue.show("port", port["id"])["data_plane_status"] == "DOWN"
    assert admin.update("port", port["id"], data_plane_status=None)["data_plane_status"] is None


@pytest.mark.parametrize("policy", ["required", "preferred", "legacy", "socket", None])
def test_numa_affinity(blue: Talk, policy: str | None) -> None:
    network = blue.create("network")
    port = blue.port(network, numa_affinity_policy=policy, device_profile="gpu", propagate_uplink_status=False)
    wanted = {"numa_affinity_policy": policy, "device_profile": "gpu", "propagate_uplink_status": False}
    assert {name: blue.show("port", port["id"])[name] for name in wanted} == wanted
    changed = blue.update("port", port["id"], numa_affinity_policy="legacy", propagate_uplink_status=True)
    assert (changed["numa_affinity_policy"], changed["propagate_uplink_status"]) == ("legacy", True)
    blue.no_update(400, "HTTPBadRequest", "port", port["id"], device_profile="other")
    blue.no_create(400, "HTTPBadRequest", "port", network_id=network["id"], numa_affinity_policy="some")


def test_null_is_a_new_mac_address(admin: Talk, blue: Talk) -> None:
    network = blue.create("network")
    port = blue.port(network)
    new = admin.update("port", port["id"], mac_address=None)["mac_address"]
    assert new != port["mac_address"] and new.startswith("fa:16:3e:")
    assert admin.update("port", port["id"], description="x")["mac_address"] == new
    blue.no_update(403, "PolicyNotAuthorized", "port", port["id"], mac_address=None)


def test_a_physical_card_has_its_own_mac_address(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    network = blue.create("network")
    own_cloud.report("hostp")
    asked = {"binding:vnic_type": "direct-physical", "binding:profile": {"device_mac_address": "0C-42-A1-00-00-01"}}
    port = admin.port(network, **asked)
    assert port["mac_address"].startswith("fa:16:3e:"), "no host yet"
    bound = admin.update("port", port["id"], **{"binding:host_id": "hostp"})
    assert bound["mac_address"] == "0c:42:a1:00:00:01"
    wrong = {"binding:profile": {"device_mac_address": "x"}}
    assert "device_mac_address" in admin.no_update(400, "HTTPBadRequest", "port", port["id"], **wrong)


def test_multicast_in_address_pairs(blue: Talk) -> None:
    network = blue.create("network")
    for pair in ({"ip_address": "10.0.0.9", "mac_address": "01:00:5e:00:00:01"}, {"ip_address": "224.0.0.1"}):
        blue.no_create(400, "HTTPBadRequest", "port", network_id=network["id"], allowed_address_pairs=[pair])


def test_tags_of_new_ports_and_several_at_once(blue: Talk) -> None:
    network = blue.create("network")
    made = blue.bulk("port", [{"network_id": network["id"], "tags": ["b", "a"]}, {"network_id": network["id"]}])
    assert [port["tags"] for port in made] == [["a", "b"], []]
    blue.no_create(400, "HTTPBadRequest", "port", network_id=network["id"], tags=["a,b"])
    path = f"/v2.0/ports/{made[1]['id']}/tags"
    answer = blue.client.post(path, {"tags": ["x", "y"]})
    assert (answer.status, answer.json()) == (201, {"tags": ["x", "y"]})
    assert blue.client.post(path, {"tags": ["z", "x"]}).json() == {"tags": ["x", "y", "z"]}
    blue.refused(400, "HTTPBadRequest", "POST", path, {"tags": "x"})
