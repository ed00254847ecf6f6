"""Segments: networks of several, subnets on one of them, and ports that get their addresses where they are bound."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk, addresses

from heddle.control import sync
from heddle.control.scopes import needed_scopes
from heddle.store.query import hosts
from heddle.view.compile import Compiler
from heddle.view.types import AnyObject, FetchRequest, NetworkView

VLAN = {"provider:network_type": "vlan", "provider:physical_network": "physnet1"}


def provider(segment: dict[str, Any]) -> dict[str, Any]:
    return {f"provider:{name}": segment[name] for name in ("network_type", "physical_network", "segmentation_id")}


def test_a_network_has_one_segment_with_an_id_of_its_own(admin: Talk, blue: Talk) -> None:
    network = blue.create("network")
    (segment,) = admin.list("segment", f"?network_id={network['id']}")
    assert set(segment) == {
        "id", "name", "description", "network_id", "network_type", "physical_network", "segmentation_id",
        "revision_number", "created_at", "updated_at", "tags",
    }  # fmt: skip
    shown = admin.show("network", network["id"])
    assert provider(segment) == {name: shown[name] for name in provider(segment)} and segment["name"] is None
    assert "segments" not in shown and shown["l2_adjacency"] is True
    assert blue.show("network", network["id"])["l2_adjacency"] is True
    assert admin.ids("segment", f"?network_type=vxlan&id={segment['id']}") == [segment["id"]]
    assert admin.ids("segment", f"?physical_network=x&id={segment['id']}") == []
    admin.refused(400, "HTTPBadRequest", "GET", "/v2.0/segments?segmentation_id=5")
    for name in ("network_id", "segmentation_id", "name", "physical_network"):
        admin.list("segment", f"?sort_key={name}&sort_dir=desc")
    changed = admin.update("segment", segment["id"], name="first", description="d")
    assert (changed["name"], changed["description"], changed["revision_number"]) == ("first", "d", 2)
    assert admin.update("segment", segment["id"], name=None)["name"] is None
    admin.no_update(400, "HTTPBadRequest", "segment", segment["id"], segmentation_id=7)
    blue.refused(404, "SegmentNotFound", "GET", f"/v2.0/segments/{segment['id']}")
    assert blue.list("segment") == []
    blue.no_create(403, "PolicyNotAuthorized", "segment", network_id=network["id"], network_type="vxlan")
    blue.delete("network", network["id"])
    admin.refused(404, "SegmentNotFound", "GET", f"/v2.0/segments/{segment['id']}")


def test_segments_are_added_and_taken_away(admin: Talk) -> None:
    network = admin.create("network", {**VLAN, "provider:segmentation_id": 301})
    body = {"network_id": network["id"], "network_type": "vlan", "physical_network": "physnet1"}
    second = admin.create("segment", body, segmentation_id="302", name="second", tenant_id="whoever")
    assert (second["segmentation_id"], second["name"]) == (302, "second")
    shown = admin.show("network", network["id"])
    assert shown["segments"] == [{**VLAN, "provider:segmentation_id": number} for number in (301, 302)]
    assert [shown[name] for name in VLAN] == [None, None] and shown["provider:segmentation_id"] is None
    assert shown["revision_number"] > network["revision_number"]
    admin.no_create(409, "VlanIdInUse", "segment", body, segmentation_id=302)
    chosen = admin.create("segment", body)
    assert 100 <= chosen["segmentation_id"] <= 109
    for number, query in ((302, 1), (chosen["segmentation_id"], 1), (399, 0)):
        found = admin.ids("network", f"?provider:segmentation_id={number}&id={network['id']}")
        assert len(found) == query
    for segment in (second, chosen):
        admin.delete("segment", segment["id"])
    again = admin.show("network", network["id"])
    assert again["provider:segmentation_id"] == 301 and "segments" not in again
    admin.delete("segment", admin.create("segment", body, segmentation_id=302)["id"])
    (only,) = admin.list("segment", f"?network_id={network['id']}")
    admin.delete("segment", only["id"])
    bare = admin.show("network", network["id"])
    assert bare["provider:network_type"] is None and "segments" not in bare
    admin.delete("network", network["id"])


@pytest.mark.parametrize(("segment", "status", "kind", "says"), [
    ({"network_type": "token-ring"}, 400, "InvalidInput", "token-ring"),
    ({"network_type": "vlan", "segmentation_id": 5}, 400, "InvalidInput", "physical_network"),
    ({"network_type": "vlan", "physical_network": "physnet1", "segmentation_id": 5000}, 400, "InvalidInput", "4094"),
    ({"network_type": "vxlan", "segmentation_id": "x"}, 400, "HTTPBadRequest", "segmentation_id"),
    ({"network_type": "vxlan", "name": 7}, 400, "HTTPBadRequest", "name"),
    ({"network_type": "vxlan", "network_id": "00000000-0000-4000-8000-000000000000"}, 404, "NetworkNotFound", "00000"),
    ({"network_type": "vxlan", "shoe": 1}, 400, "HTTPBadRequest", "shoe"),
    ({}, 400, "HTTPBadRequest", "network_type"),
])  # fmt: skip
def test_a_wrong_segment_is_refused(admin: Talk, segment: dict[str, Any], status: int, kind: str, says: str) -> None:
    network = admin.create("network")
    assert says in admin.no_create(status, kind, "segment", {"network_id": network["id"], **segment})
    assert len(admin.list("segment", f"?network_id={network['id']}")) == 1


def test_a_segment_must_carry_the_mtu_of_its_network(admin: Talk) -> None:
    network = admin.create("network", {**VLAN, "provider:segmentation_id": 303})
    body = {"network_id": network["id"], "network_type": "vxlan"}
    assert "1450" in admin.no_create(400, "InvalidInput", "segment", body)
    admin.update("network", network["id"], mtu=1400)
    admin.create("segment", body)
    admin.no_update(400, "InvalidInput", "network", network["id"], mtu=1451)
    assert admin.update("network", network["id"], mtu=1450)["mtu"] == 1450


def test_a_network_is_made_with_several_segments(admin: Talk, blue: Talk) -> None:
    wanted = [{**VLAN, "provider:segmentation_id": 304}, {"provider:network_type": "vxlan"}, VLAN]
    made = admin.create("network", segments=wanted)
    first, second, third = made["segments"]
    assert first == wanted[0] and second["provider:segmentation_id"] >= 1
    assert 100 <= third["provider:segmentation_id"] <= 109
    assert made["mtu"] == 1450 and made == admin.show("network", made["id"])
    assert len(admin.list("segment", f"?network_id={made['id']}")) == 3
    assert "segments" not in blue.create("network")
    (listed,) = admin.list("network", f"?id={made['id']}&fields=id&fields=segments")
    assert listed == {"id": made["id"], "segments": made["segments"]}
    only = admin.create("network", segments=[{"provider:network_type": "local"}])
    assert only["provider:network_type"] == "local" and "segments" not in only
    assert admin.list("network", f"?id={only['id']}&fields=segments") == [{}]
    assert admin.create("network", segments=[])["provider:network_type"] == "vxlan"
    admin.update("network", made["id"], segments=made["segments"])
    admin.no_update(400, "InvalidInput", "network", made["id"], segments=made["segments"][:2])
    blue.no_create(403, "PolicyNotAuthorized", "network", segments=wanted)
    both = {"provider:network_type": "vxlan", "segments": wanted}
    admin.no_create(400, "SegmentsSetInConjunctionWithProviders", "network", both)
    twice = [{"provider:network_type": "vxlan", "provider:segmentation_id": 91001}] * 2
    admin.no_create(400, "SegmentsContainDuplicateEntry", "network", segments=twice)
    admin.no_create(409, "VlanIdInUse", "network", segments=[{"provider:network_type": "vxlan"}, wanted[0]])
    admin.no_create(400, "InvalidInput", "network", segments=[{"provider:physical_network": "physnet1"}])
    for wrong in ([{"network_type": "vxlan"}], {}, "x", [7], None, [{**VLAN, "provider:segmentation_id": "x"}]):
        assert "segments" in admin.no_create(400, "HTTPBadRequest", "network", segments=wrong)
    admin.delete("network", made["id"])
    admin.delete("network", admin.create("network", segments=wanted[:1])["id"])


def test_owners_may_look_for_their_networks_by_segment(admin: Talk, blue: Talk, red: Talk) -> None:
    """The values stay hidden, and others' networks are not told by them."""
    shared = admin.create("network", {**VLAN, "provider:segmentation_id": 305}, shared=True)
    own = admin.create("network", {**VLAN, "provider:segmentation_id": 306}, project_id=blue.project_id)
    query = "?provider:network_type=vlan&provider:physical_network=physnet1"
    assert blue.ids("network", query) == [own["id"]] == blue.ids("network", "?provider:segmentation_id=306")
    assert not any(name.startswith("provider:") for name in blue.list("network", query)[0])
    assert red.ids("network", query) == red.ids("network", "?provider:segmentation_id=305") == []
    admin.delete("network", shared["id"])


# Subnets on segments


class Routed:
    """A network with a segment on each of two physical networks, a subnet on each, and a host on each."""

    def __init__(self, cloud: Cloud, **more: Any) -> None:
        self.cloud, self.admin = cloud, cloud.admin
        cloud.report("host1", physnets="physnet1")
        cloud.report("host2", physnets="public")
        vlans = [{**VLAN, "provider:segmentation_id": 20}, {**VLAN, "provider:physical_network": "public",
                                                            "provider:segmentation_id": 21}]  # fmt: skip
        self.network = self.admin.create("network", segments=vlans, shared=True)
        found = self.admin.list("segment", f"?network_id={self.network['id']}")
        self.segments = sorted(found, key=lambda segment: int(segment["segmentation_id"]))
        self.subnets = [
            self.admin.subnet(self.network, f"10.0.{place}.0/24", segment_id=segment["id"], **more)
            for place, segment in enumerate(self.segments)
        ]

    def again(self, place: int) -> dict[str, Any]:
        return self.admin.show("subnet", self.subnets[place]["id"])


@pytest.fixture
def routed(own_cloud: Cloud) -> Routed:
    return Routed(own_cloud)


def test_subnets_of_different_segments_have_routes_to_each_other(routed: Routed) -> None:
    admin = routed.admin
    assert routed.again(0)["host_routes"] == [{"destination": "10.0.1.0/24", "nexthop": "10.0.0.1"}]
    assert routed.again(1)["host_routes"] == [{"destination": "10.0.0.0/24", "nexthop": "10.0.1.1"}]
    assert admin.show("network", routed.network["id"])["l2_adjacency"] is False
    beside = admin.subnet(routed.network, "10.0.2.0/24", segment_id=routed.segments[0]["id"])
    assert beside["host_routes"] == [{"destination": "10.0.1.0/24", "nexthop": "10.0.2.1"}]
    assert {route["destination"] for route in routed.again(1)["host_routes"]} == {"10.0.0.0/24", "10.0.2.0/24"}
    assert len(routed.again(0)["host_routes"]) == 1
    wide = [{"destination": "10.0.0.0/16", "nexthop": "10.0.0.9"}]
    assert admin.update("subnet", routed.subnets[0]["id"], host_routes=wide)["host_routes"] == wide
    moved = admin.update("subnet", routed.subnets[1]["id"], gateway_ip="10.0.1.254", allocation_pools=[
        {"start": "10.0.1.2", "end": "10.0.1.200"}])  # fmt: skip
    assert {route["nexthop"] for route in moved["host_routes"]} == {"10.0.1.254"}
    six = admin.subnet(routed.network, "2001:db8::/64", segment_id=routed.segments[0]["id"])
    assert six["host_routes"] == []
    before = routed.again(1)["revision_number"]
    admin.delete("subnet", beside["id"])
    after = routed.again(1)
    assert after["host_routes"] == [{"destination": "10.0.0.0/24", "nexthop": "10.0.1.254"}]
    assert after["revision_number"] > before


def test_a_segment_in_use_stays(routed: Routed) -> None:
    admin = routed.admin
    for segment, subnet in zip(routed.segments, routed.subnets, strict=True):
        assert subnet["id"] in admin.no_delete(409, "SegmentInUse", "segment", segment["id"])
    admin.delete("subnet", routed.subnets[0]["id"])
    admin.delete("segment", routed.segments[0]["id"])
    network = admin.create("network", {**VLAN, "provider:segmentation_id": 30})
    (segment,) = admin.list("segment", f"?network_id={network['id']}")
    port = admin.port(network, {"binding:host_id": "host1"})
    assert port["binding:vif_type"] == "ovs"
    assert port["id"] in admin.no_delete(409, "SegmentInUse", "segment", segment["id"])
    other = admin.create("segment", network_id=network["id"], network_type="vlan", physical_network="public",
                         segmentation_id=31)  # fmt: skip
    admin.delete("segment", other["id"])
    admin.delete("port", port["id"])
    admin.delete("segment", segment["id"])


def test_all_subnets_are_on_segments_or_none(routed: Routed) -> None:
    admin = routed.admin
    body = {"network_id": routed.network["id"], "ip_version": 4, "cidr": "10.9.0.0/24"}
    admin.no_create(400, "SubnetsNotAllAssociatedWithSegments", "subnet", body)
    plain = admin.create("network")
    (segment,) = admin.list("segment", f"?network_id={plain['id']}")
    admin.no_create(400, "NetworkIdsDontMatch", "subnet", body, segment_id=segment["id"])
    unknown = "00000000-0000-4000-8000-000000000000"
    admin.no_create(404, "SegmentNotFound", "subnet", body, segment_id=unknown)
    admin.no_create(400, "HTTPBadRequest", "subnet", body, segment_id="x")
    subnet = admin.subnet(plain, "10.9.0.0/24")
    assert subnet["segment_id"] is None
    body |= {"network_id": plain["id"], "cidr": "10.8.0.0/24"}
    admin.no_create(400, "SubnetsNotAllAssociatedWithSegments", "subnet", body, segment_id=segment["id"])
    admin.no_update(404, "SegmentNotFound", "subnet", subnet["id"], segment_id=unknown)
    assert admin.update("subnet", subnet["id"], segment_id=None)["segment_id"] is None
    second = admin.create("segment", network_id=plain["id"], network_type="vxlan")
    message = "NoUpdateSubnetWhenMultipleSegmentsOnNetwork"
    admin.no_update(400, message, "subnet", subnet["id"], segment_id=segment["id"])
    admin.delete("segment", second["id"])
    assert admin.update("subnet", subnet["id"], segment_id=segment["id"])["segment_id"] == segment["id"]
    assert admin.update("subnet", subnet["id"], segment_id=segment["id"])["segment_id"] == segment["id"]
    for value in (None, routed.segments[0]["id"]):
        admin.no_update(
            400, "SubnetSegmentAssociationChangeNotAllowed", "subnet", subnet["id"], segment_id=value
        )  # fmt: skip
    assert admin.ids("subnet", f"?segment_id={segment['id']}") == [subnet["id"]]


def test_only_the_administrator_sees_and_sets_the_segment_of_a_subnet(routed: Routed) -> None:
    blue = routed.cloud.tenant()
    assert "segment_id" not in blue.show("subnet", routed.subnets[0]["id"])
    network = blue.create("network")
    (segment,) = routed.admin.list("segment", f"?network_id={network['id']}")
    body = {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}
    blue.no_create(403, "PolicyNotAuthorized", "subnet", body, segment_id=segment["id"])
    subnet = blue.create("subnet", body)
    blue.no_update(403, "PolicyNotAuthorized", "subnet", subnet["id"], segment_id=segment["id"])


# Ports


def test_addresses_follow_the_host(routed: Routed) -> None:
    admin, blue = routed.admin, routed.cloud.tenant()
    for host, net in (("host1", "10.0.0."), ("host2", "10.0.1.")):
        port = admin.port(routed.network, {"binding:host_id": host})
        assert (port["ip_allocation"], port["binding:vif_type"]) == ("immediate", "ovs")
        assert [address.startswith(net) for address in addresses(port)] == [True]
    deferred = blue.port(routed.network)
    assert (deferred["ip_allocation"], deferred["fixed_ips"]) == ("deferred", [])
    assert blue.ids("port", "?ip_allocation=deferred") == [deferred["id"]]
    bound = admin.update("port", deferred["id"], {"binding:host_id": "host2"})
    assert (bound["ip_allocation"], bound["binding:vif_type"]) == ("immediate", "ovs")
    assert bound["fixed_ips"][0]["subnet_id"] == routed.subnets[1]["id"]
    assert blue.show("port", deferred["id"])["fixed_ips"] == bound["fixed_ips"]
    away = admin.update("port", bound["id"], {"binding:host_id": ""})
    assert away["fixed_ips"] == bound["fixed_ips"]
    message = admin.no_update(409, "HostNotCompatibleWithFixedIps", "port", bound["id"], {"binding:host_id": "host1"})
    assert bound["id"] in message and "host1" in message
    moved = admin.update("port", bound["id"], {"binding:host_id": "host1", "fixed_ips": [
        {"subnet_id": routed.subnets[0]["id"]}]})  # fmt: skip
    assert addresses(moved)[0].startswith("10.0.0.") and moved["binding:vif_type"] == "ovs"
    admin.no_update(400, "InvalidInput", "port", moved["id"], fixed_ips=[{"subnet_id": routed.subnets[1]["id"]}])
    many = admin.bulk("port", [
        {"network_id": routed.network["id"], "binding:host_id": host} for host in ("host1", "host2", "", "host1")
    ])  # fmt: skip
    assert [(addresses(port) or [""])[0][:7] for port in many] == ["10.0.0.", "10.0.1.", "", "10.0.0."]


def test_asked_addresses_on_a_routed_network(routed: Routed) -> None:
    admin, (first, second) = routed.admin, routed.subnets
    port = admin.port(routed.network, fixed_ips=[{"subnet_id": second["id"]}])
    assert port["ip_allocation"] == "immediate" and addresses(port)[0].startswith("10.0.1.")
    none = admin.port(routed.network, fixed_ips=[])
    assert (none["ip_allocation"], none["fixed_ips"]) == ("none", [])
    assert admin.update("port", none["id"], {"binding:host_id": "host1"})["fixed_ips"] == []
    both = [{"subnet_id": first["id"]}, {"subnet_id": second["id"]}]
    body = {"network_id": routed.network["id"]}
    admin.no_create(400, "FixedIpsSubnetsNotOnSameSegment", "port", body, fixed_ips=both)
    admin.no_update(400, "FixedIpsSubnetsNotOnSameSegment", "port", port["id"], fixed_ips=both)
    wanted = {"binding:host_id": "host1", "fixed_ips": [{"ip_address": "10.0.1.77"}]}
    assert "10.0.1.77" in admin.no_create(400, "InvalidIpForNetwork", "port", {**body, **wanted})
    wanted["binding:host_id"] = "host2"
    assert addresses(admin.create("port", {**body, **wanted})) == ["10.0.1.77"]
    assert admin.update("port", none["id"], fixed_ips=[{"ip_address": "10.0.0.88"}])["ip_allocation"] == "immediate"


def test_a_host_is_on_one_segment_of_a_routed_network(routed: Routed) -> None:
    admin = routed.admin
    routed.cloud.report("both", physnets="physnet1 public")
    routed.cloud.report("none", physnets="")
    body, deferred = {"network_id": routed.network["id"]}, admin.port(routed.network)
    for host, kind in (
        ("both", "HostConnectedToMultipleSegments"), ("none", "HostNotConnectedToAnySegment"),
        ("unknown", "HostNotConnectedToAnySegment"),
    ):  # fmt: skip
        assert host in admin.no_create(409, kind, "port", {**body, "binding:host_id": host})
        assert host in admin.no_update(409, kind, "port", deferred["id"], {"binding:host_id": host})
    assert admin.show("port", deferred["id"])["ip_allocation"] == "deferred"


def test_a_port_before_its_subnet_comes_to_a_segment_keeps_its_address(own_cloud: Cloud) -> None:
    admin = own_cloud.admin
    own_cloud.report("host1", physnets="physnet1")
    network = admin.create("network", {**VLAN, "provider:segmentation_id": 40})
    subnet = admin.subnet(network, "10.0.0.0/24")
    port = admin.port(network)
    (segment,) = admin.list("segment", f"?network_id={network['id']}")
    admin.update("subnet", subnet["id"], segment_id=segment["id"])
    bound = admin.update("port", port["id"], {"binding:host_id": "host1"})
    assert bound["fixed_ips"] == port["fixed_ips"] and bound["binding:vif_type"] == "ovs"


def test_made_addresses_are_of_the_hosts_segment(own_cloud: Cloud) -> None:
    routed = Routed(own_cloud, enable_dhcp=False)
    admin = routed.admin
    here, there, nowhere = (admin.port(routed.network, {"binding:host_id": host}) for host in ("host1", "host2", ""))
    slaac = {"ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac"}
    six = admin.subnet(routed.network, "2001:db8::/64", segment_id=routed.segments[0]["id"], **slaac)
    counts = [len(admin.show("port", port["id"])["fixed_ips"]) for port in (here, there, nowhere)]
    assert counts == [2, 1, 0]
    late = admin.port(routed.network, {"binding:host_id": "host1"})
    assert six["id"] in {fixed_ip["subnet_id"] for fixed_ip in late["fixed_ips"]}
    assert len(addresses(admin.update("port", nowhere["id"], {"binding:host_id": "host1"}))) == 2


# DHCP


def servers(admin: Talk, network: dict[str, Any]) -> dict[str, list[str]]:
    """The addresses of the network's DHCP servers by host."""
    found = admin.list("port", f"?network_id={network['id']}&device_owner=network:dhcp")
    return {port["binding:host_id"]: sorted(addresses(port)) for port in found}


def test_each_segment_has_a_dhcp_server_of_its_own(routed: Routed) -> None:
    admin = routed.admin
    assert servers(admin, routed.network) == {"host1": ["10.0.0.2"], "host2": ["10.0.1.2"]}
    beside = admin.subnet(routed.network, "10.0.2.0/24", segment_id=routed.segments[0]["id"])
    assert servers(admin, routed.network) == {"host1": ["10.0.0.2", "10.0.2.2"], "host2": ["10.0.1.2"]}
    for subnet in (beside, routed.subnets[0]):
        admin.delete("subnet", subnet["id"])
    assert servers(admin, routed.network) == {"host2": ["10.0.1.2"]}
    with routed.cloud.store.read() as tx:
        assert hosts.hosts_of(tx, "dhcp", routed.network["id"]) == ["host2"]
    admin.subnet(routed.network, "10.0.3.0/24", segment_id=routed.segments[0]["id"])
    assert set(servers(admin, routed.network)) == {"host1", "host2"}
    admin.delete("network", routed.network["id"])
    with routed.cloud.store.read() as tx:
        assert hosts.hosts_of(tx, "dhcp", routed.network["id"]) == []
        needed = needed_scopes(tx, "host1")
    assert not any(routed.network["id"] in scope for scope in needed)


def test_a_segment_without_a_host_is_served_when_one_comes(own_cloud: Cloud) -> None:
    admin = own_cloud.admin
    own_cloud.report("host1", physnets="physnet1")
    network = admin.create("network", segments=[{**VLAN, "provider:segmentation_id": 50}, {
        **VLAN, "provider:physical_network": "public", "provider:segmentation_id": 51}])  # fmt: skip
    for place, segment in enumerate(admin.list("segment", f"?network_id={network['id']}&sort_key=segmentation_id")):
        admin.subnet(network, f"10.0.{place}.0/24", segment_id=segment["id"])
    assert servers(admin, network) == {"host1": ["10.0.0.2"]}
    own_cloud.report("host2", physnets="public")
    assert servers(admin, network) == {"host1": ["10.0.0.2"], "host2": ["10.0.1.2"]}


def test_hosts_are_told_the_segment_by_which_they_join(routed: Routed) -> None:
    """That with subnets comes first, for a host takes the first that it reaches."""
    admin, compiler = routed.admin, Compiler()
    body = {"network_id": routed.network["id"], "network_type": "vlan", "physical_network": "physnet1"}
    admin.port(routed.network, {"binding:host_id": "host1"})
    admin.create("segment", body, segmentation_id=22)
    admin.delete("subnet", routed.subnets[1]["id"])
    reply = sync.fetch(routed.cloud.store, compiler, FetchRequest(host="host1"))
    views = [
        msgspec.msgpack.decode(raw, type=AnyObject, strict=False) for scope in reply.scopes for raw in scope.objects
    ]
    (view,) = [each for each in views if isinstance(each, NetworkView)]
    assert [(each.physical_network, each.segmentation_id) for each in view.segments] == [
        ("physnet1", 20), ("public", 21), ("physnet1", 22)
    ]  # fmt: skip
