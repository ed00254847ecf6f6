"""Ranges of segmentation IDs: those of the settings, of everybody, of a project, and who gets which ID."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import Cloud, build
from tests.api.talk import Talk
from tests.api.test_concurrency import together

from heddle.api.server import make_app
from heddle.config import load
from heddle.control import segment_ranges
from heddle.control.segment_ranges import apart
from heddle.network_types.base import Candidates

RANGE = "network_segment_range"


def made(admin: Talk, minimum: int, maximum: int, kind: str = "vxlan", **more: Any) -> dict[str, Any]:
    return admin.create(RANGE, {"network_type": kind, "minimum": minimum, "maximum": maximum, **more})


def number_of(admin: Talk, network: dict[str, Any]) -> int:
    return int(admin.show("network", network["id"])["provider:segmentation_id"])


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud whose networks are VLANs of physnet1 with ten IDs."""
    cloud = build(tmp_path, more=("network.tenant_types=vlan", "network.vxlan_ranges=1:9,20:20"))
    yield cloud
    cloud.close()


def test_the_default_ranges_are_those_of_the_settings(small: Cloud) -> None:
    admin = small.admin
    found = admin.list(RANGE)
    shown = {(each["network_type"], each["physical_network"], each["minimum"], each["maximum"]) for each in found}
    assert shown == {
        ("vlan", "physnet1", 100, 109), ("vxlan", None, 1, 9), ("vxlan", None, 20, 20), ("gre", None, 1, 65536),
        ("geneve", None, 1, 65536),
    }  # fmt: skip
    assert {(each["default"], each["shared"], each["project_id"], each["name"]) for each in found} == {
        (True, True, None, "")
    }  # fmt: skip
    (vlan,) = [each for each in found if each["network_type"] == "vlan"]
    assert set(vlan) == {
        "id", "name", "description", "default", "shared", "project_id", "tenant_id", "network_type", "physical_network",
        "minimum", "maximum", "used", "available", "revision_number", "created_at", "updated_at", "tags",
    }  # fmt: skip
    assert (vlan["used"], vlan["available"]) == ({}, list(range(100, 110)))
    network = small.tenant().create("network")
    number = number_of(admin, network)
    vlan = admin.show(RANGE, vlan["id"])
    assert vlan["used"] == {str(number): network["project_id"]}
    assert vlan["available"] == [each for each in range(100, 110) if each != number]
    admin.no_update(400, "NetworkSegmentRangeDefaultReadOnly", RANGE, vlan["id"], maximum=120)
    admin.no_delete(400, "NetworkSegmentRangeDefaultReadOnly", RANGE, vlan["id"])
    ids = {each["id"] for each in found}
    make_app(small.settings, small.store)
    assert set(admin.ids(RANGE)) == ids
    other = ["network.vlan_ranges=physnet1:100:109,physnet2:5:6", "network.vxlan_ranges=", "network.gre_ranges="]
    make_app(load(overrides=[f"paths.state={small.settings.paths.state}", *other], environ={}), small.store)
    found = admin.list(RANGE, "?sort_key=id&sort_dir=asc")
    shown = {(each["network_type"], each["physical_network"], each["minimum"], each["maximum"]) for each in found}
    assert shown == {
        ("vlan", "physnet1", 100, 109), ("vlan", "physnet2", 5, 6), ("geneve", None, 1, 65536)
    }  # fmt: skip
    assert vlan["id"] in {each["id"] for each in found}


def test_a_range_is_made_changed_and_deleted(admin: Talk, blue: Talk) -> None:
    found = made(admin, 70_000, 70_005, name="r", shared=False, project_id=blue.project_id, physical_network="")
    assert (found["default"], found["shared"], found["project_id"]) == (False, False, blue.project_id)
    assert (found["minimum"], found["maximum"], found["physical_network"]) == (70_000, 70_005, None)
    assert (found["used"], found["available"]) == ({}, list(range(70_000, 70_006)))
    assert admin.show(RANGE, found["id"]) == found
    changed = admin.update(RANGE, found["id"], name="s", minimum="69990", maximum=70_010, description="d")
    assert (changed["name"], changed["minimum"], changed["maximum"]) == ("s", 69_990, 70_010)
    for wrong in ({"shared": True}, {"project_id": "x"}, {"network_type": "gre"}, {"default": True}, {"used": {}}):
        admin.no_update(400, "HTTPBadRequest", RANGE, found["id"], wrong)
    assert admin.ids(RANGE, f"?project_id={blue.project_id}&network_type=vxlan&name=s") == [found["id"]]
    assert admin.ids(RANGE, "?id=33") == []
    assert admin.client.get(f"/v2.0/network_segment_ranges/{found['id']}").status == 200
    assert blue.list(RANGE) == []
    blue.refused(404, "NetworkSegmentRangeNotFound", "GET", f"/v2.0/network-segment-ranges/{found['id']}")
    blue.no_create(403, "PolicyNotAuthorized", RANGE, {"network_type": "gre", "minimum": 1, "maximum": 2})
    admin.delete(RANGE, found["id"])
    admin.no_delete(404, "NetworkSegmentRangeNotFound", RANGE, found["id"])
    shared = made(admin, 70_000, 70_005)
    assert (shared["shared"], shared["project_id"], shared["tenant_id"]) == (True, None, None)
    admin.delete(RANGE, shared["id"])


@pytest.mark.parametrize(("wrong", "kind", "says"), [
    ({"minimum": 9, "maximum": 8}, "InvalidInput", "minimum '9'"),
    ({"minimum": 0}, "HTTPBadRequest", "minimum"),
    ({"maximum": 2**32}, "HTTPBadRequest", "maximum"),
    ({"maximum": 2**24}, "InvalidInput", "16777215"),
    ({"minimum": None}, "HTTPBadRequest", "minimum"),
    ({"network_type": "flat"}, "HTTPBadRequest", "network_type"),
    ({"network_type": "vlan"}, "InvalidInput", "physical_network"),
    ({"network_type": "vlan", "physical_network": "nowhere"}, "InvalidInput", "nowhere"),
    ({"network_type": "vlan", "physical_network": "physnet1", "maximum": 4095}, "InvalidInput", "4094"),
    ({"physical_network": "physnet1"}, "InvalidInput", "physical_network"),
    ({"shared": False, "project_id": ""}, "InvalidInput", "project_id"),
    ({"shared": True, "project_id": "p"}, "InvalidInput", "project_id"),
    ({"shared": "perhaps"}, "HTTPBadRequest", "shared"),
    ({"name": 7}, "HTTPBadRequest", "name"),
    ({"default": True}, "HTTPBadRequest", "default"),
])  # fmt: skip
def test_a_wrong_range_is_refused(admin: Talk, wrong: dict[str, Any], kind: str, says: str) -> None:
    body = {"network_type": "vxlan", "minimum": 80_000, "maximum": 80_001, **wrong}
    assert says in admin.no_create(400, kind, RANGE, body)
    assert "network_type" in admin.no_create(
        400, "NetworkSegmentRangeNetTypeNotSupported", RANGE, {"minimum": 80_000, "maximum": 80_001}
    )
    assert "minimum" in admin.no_create(400, "HTTPBadRequest", RANGE, {"network_type": "vxlan", "maximum": 80_001})


def test_ranges_do_not_overlap(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    first = made(admin, 90_000, 90_009)
    body = {"network_type": "vxlan", "minimum": 90_009, "maximum": 90_020}
    for more in ({}, {"shared": False, "project_id": blue.project_id}, {"minimum": 89_000}, {"maximum": 90_009}):
        assert first["id"] in admin.no_create(409, "NetworkSegmentRangeOverlaps", RANGE, {**body, **more})
    second = made(admin, 90_010, 90_020)
    assert first["id"] in admin.no_update(409, "NetworkSegmentRangeOverlaps", RANGE, second["id"], minimum=90_009)
    admin.update(RANGE, second["id"], minimum=90_012)
    other = [made(admin, 90_000, 90_009, "gre"), made(admin, 1, 65536)]
    other.append(made(admin, 20, 30, "vlan", physical_network="public"))
    for each in (first, second, *other):
        admin.delete(RANGE, each["id"])


def test_two_at_once_do_not_overlap(own_cloud: Cloud) -> None:
    statuses: list[int] = []

    def create() -> None:
        body = {RANGE: {"network_type": "gre", "minimum": 70_000, "maximum": 70_010}}
        statuses.append(own_cloud.admin.client.post("/v2.0/network-segment-ranges", body).status)

    together(*[create] * 8)
    assert sorted(statuses) == [201] + [409] * 7


def test_a_project_gets_the_ids_of_its_range_first(admin: Talk, blue: Talk, red: Talk) -> None:
    own = made(admin, 91_100, 91_102, shared=False, project_id=blue.project_id)
    networks = [blue.create("network") for _ in range(3)]
    assert {number_of(admin, network) for network in networks} == {91_100, 91_101, 91_102}
    assert number_of(admin, red.create("network")) <= 65536
    fourth = blue.create("network")
    assert number_of(admin, fourth) <= 65536
    shown = admin.show(RANGE, own["id"])
    assert set(shown["used"].values()) == {blue.project_id} and shown["available"] == []
    assert own["id"] in admin.no_delete(409, "NetworkSegmentRangeReferencedByProject", RANGE, own["id"])
    message = admin.no_update(409, "NetworkSegmentRangeReferencedByProject", RANGE, own["id"], minimum=91_101)
    assert own["id"] in message
    assert admin.update(RANGE, own["id"], minimum=91_000, maximum=91_200)["maximum"] == 91_200
    blue.delete("network", networks[0]["id"])
    again = admin.create("network", {"provider:network_type": "vxlan"}, project_id=blue.project_id)
    assert 91_000 <= again["provider:segmentation_id"] <= 91_200
    for network in (*networks[1:], again):
        admin.delete("network", network["id"])
    admin.delete(RANGE, own["id"])


def test_what_belongs_to_a_project_no_other_gets(small: Cloud) -> None:
    admin, blue, red = small.admin, small.tenant(), small.tenant()
    own = made(admin, 100, 107, "vlan", physical_network="physnet1", shared=False, project_id=blue.project_id)
    assert {number_of(admin, red.create("network")) for _ in range(2)} == {108, 109}
    red.refused(503, "NoNetworkAvailable", "POST", "/v2.0/networks", {"network": {}})
    shared = made(admin, 200, 200, "vlan", physical_network="public")
    third = red.create("network")
    shown = admin.show("network", third["id"])
    assert (shown["provider:physical_network"], shown["provider:segmentation_id"]) == ("public", 200)
    assert admin.no_delete(409, "NetworkSegmentRangeReferencedByProject", RANGE, shared["id"])
    wanted = {"provider:network_type": "vlan", "provider:physical_network": "physnet1"}
    admin.refused(503, "NoNetworkAvailable", "POST", "/v2.0/networks", {
        "network": {**wanted, "project_id": red.project_id}})  # fmt: skip
    chosen = admin.create("network", {**wanted, "provider:segmentation_id": 100}, project_id=red.project_id)
    assert number_of(admin, chosen) == 100, "who names an ID gets it"
    admin.no_update(400, "InvalidInput", RANGE, own["id"], maximum=99)
    assert admin.update(RANGE, own["id"], minimum=101)["minimum"] == 101


def test_a_segment_gets_an_id_of_the_range_of_its_networks_project(admin: Talk, blue: Talk) -> None:
    own = made(admin, 300, 302, "vlan", physical_network="physnet1", shared=False, project_id=blue.project_id)
    network = blue.create("network", mtu=1400)
    segment = admin.create("segment", network_id=network["id"], network_type="vlan", physical_network="physnet1")
    assert 300 <= segment["segmentation_id"] <= 302
    blue.delete("network", network["id"])
    admin.delete(RANGE, own["id"])


def test_a_huge_range_tells_the_first_free_ids(own_cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = own_cloud.admin
    monkeypatch.setattr(segment_ranges, "MOST_TOLD", 5)
    found = made(admin, 70_000, 2**32 - 1, "gre")
    assert found["available"] == [70_000, 70_001, 70_002, 70_003, 70_004]
    admin.delete(RANGE, found["id"])


def test_ids_are_cut_out() -> None:
    def numbers(found: list[Candidates]) -> list[list[int]]:
        return [list(each.numbers or ()) for each in found]

    whole = [Candidates(None, range(1, 10)), Candidates(None, range(5, 12)), Candidates("p", range(3, 5))]
    assert numbers(apart(whole, [])) == [list(range(1, 10)), [10, 11], [3, 4]]
    assert numbers(apart(whole, [Candidates(None, range(2, 4)), Candidates(None, range(11, 99))])) == [
        [1], [4, 5, 6, 7, 8, 9], [10], [3, 4]
    ]  # fmt: skip
    assert numbers(apart(whole, [Candidates("p", range(99))])) == [list(range(1, 10)), [10, 11]]
