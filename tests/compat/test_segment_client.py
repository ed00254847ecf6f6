"""Segments, the ranges of their IDs, and subnets that come into a pool: the `openstack` command and openstacksdk."""

from __future__ import annotations

from typing import Any

import pytest
from tests.compat.conftest import JSON, Cloud, column
from tests.compat.life import live

SEGMENT = ("network", "segment")
RANGE = ("network", "segment", "range")


@pytest.fixture(scope="module")
def os_(cloud: Cloud) -> Any:
    """The command as a member of a project of its own."""
    return cloud.member("segments", "sem")


def test_the_command_on_segments(cloud: Cloud, os_: Any) -> None:
    admin = cloud.openstack
    vxlan = ("--provider-network-type", "vxlan", "--provider-segment", "7001")
    network = admin("network", "create", "routed", *vxlan, *JSON)
    (first,) = admin(*SEGMENT, "list", "--network", "routed", "--long", *JSON)
    assert (first["Network Type"], first["Segment"], first["Network"]) == ("vxlan", 7001, network["id"])
    where = ("--network", "routed", "--network-type", "vxlan", "--segment", "7002")
    made = admin(*SEGMENT, "create", "second", *where, "--description", "d", *JSON)
    assert (made["name"], made["segmentation_id"], made["description"]) == ("second", 7002, "d")
    admin(*SEGMENT, "set", "second", "--name", "next", "--description", "e")
    shown = admin(*SEGMENT, "show", "next", *JSON)
    assert (shown["id"], shown["description"]) == (made["id"], "e")
    cloud.refuses("409", *SEGMENT, "create", "third", *where)
    own = os_("network", "create", "own", *JSON)
    cloud.refuses("403", *SEGMENT, "create", "mine", "--network", "own", "--network-type", "vxlan", cloud="segments")
    assert own["id"] not in column(os_(*SEGMENT, "list", *JSON), "Network")
    os_("network", "delete", "own")
    admin("network", "segment", "set", first["ID"], "--name", "one")
    for number, segment in ((1, "one"), (2, "next")):
        block = ("--subnet-range", f"10.{number}.0.0/24", "--network-segment", segment)
        subnet = admin("subnet", "create", f"routed-{number}", "--network", "routed", *block, *JSON)
        assert subnet["segment_id"] == {"one": first["ID"], "next": made["id"]}[segment]
    assert admin("network", "show", "routed", *JSON)["l2_adjacency"] is False
    cloud.refuses("409", *SEGMENT, "delete", "next")
    admin("subnet", "delete", "routed-1", "routed-2")
    admin(*SEGMENT, "delete", "next")
    assert column(admin(*SEGMENT, "list", "--network", "routed", *JSON)) == {"one"}
    admin("network", "delete", "routed")


def test_the_command_on_segment_ranges(cloud: Cloud, os_: Any) -> None:
    admin = cloud.openstack
    ids = ("--network-type", "vxlan", "--minimum", "800000", "--maximum", "800003")
    made = admin(*RANGE, "create", "theirs", "--private", "--project", "segments", *ids, *JSON)
    assert (made["minimum"], made["maximum"], made["shared"], made["default"]) == (800000, 800003, False, False)
    assert made["available"] == ["800000-800003"]
    cloud.refuses("409", *RANGE, "create", "twice", "--shared", *ids)
    os_("network", "create", "numbered", *JSON)
    number = admin("network", "show", "numbered", *JSON)["provider:segmentation_id"]
    assert 800000 <= number <= 800003
    assert "theirs" in column(admin(*RANGE, "list", "--used", *JSON))
    assert "theirs" not in column(admin(*RANGE, "list", "--unused", *JSON))
    assert "theirs" in column(admin(*RANGE, "list", "--available", "--long", *JSON))
    assert "theirs" not in column(admin(*RANGE, "list", "--unavailable", *JSON))
    admin(*RANGE, "set", "theirs", "--name", "wider", "--minimum", "800000", "--maximum", "800009")
    assert admin(*RANGE, "show", "wider", *JSON)["maximum"] == 800009
    cloud.refuses("409", *RANGE, "delete", "wider")
    os_("network", "delete", "numbered")
    admin(*RANGE, "delete", "wider")
    assert "wider" not in column(admin(*RANGE, "list", *JSON))
    cloud.refuses("403", *RANGE, "create", "mine", "--shared", *ids, cloud="segments")


@pytest.mark.parametrize("command", [("network", "onboard", "subnet"), ("subnet", "pool", "add", "network")])
def test_the_command_on_onboarding(os_: Any, command: tuple[str, ...]) -> None:
    os_("subnet", "pool", "create", "pool", "--pool-prefix", "10.0.0.0/16", *JSON)
    os_("network", "create", "old", *JSON)
    os_("subnet", "create", "old-a", "--network", "old", "--subnet-range", "172.16.9.0/24", *JSON)
    os_(*command, "old", "pool")
    pool = os_("subnet", "pool", "show", "pool", *JSON)
    assert os_("subnet", "show", "old-a", *JSON)["subnetpool_id"] == pool["id"]
    assert pool["prefixes"] == ["10.0.0.0/16", "172.16.9.0/24"]
    os_("network", "delete", "old")
    os_("subnet", "pool", "delete", "pool")


def test_the_sdk_on_segments_and_ranges(cloud: Cloud, os_: Any) -> None:
    net = cloud.sdk("admin").network
    network = net.create_network(name="of-segments", provider_network_type="vxlan", provider_segmentation_id=7100)
    given = {
        "name": "s", "description": "d", "network_id": network.id, "network_type": "vxlan", "segmentation_id": 7101,
    }  # fmt: skip
    narrow = ("name", "description", "network_id", "network_type")
    live(net, "segment", "segments", given, {"name": "r", "description": "e"}, narrow=narrow)
    several = [{"provider:network_type": "vxlan", "provider:segmentation_id": number} for number in (7102, 7103)]
    many = net.create_network(name="many", segments=several)
    assert len(net.get_network(many.id).segments) == 2
    for each in (network, many):
        net.delete_network(each)
    given = {"name": "r", "network_type": "gre", "minimum": 90000, "maximum": 90001, "shared": True}
    narrow = ("name", "network_type")
    changed = {"name": "w", "minimum": 89999, "maximum": 90005}
    live(net, "network_segment_range", "network_segment_ranges", given, changed, narrow=narrow)
