"""Which hosts serve networks and routers: seen and decided by the administrator, and by availability zones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import Cloud, build
from tests.api.talk import Talk, addresses

from heddle.control import sync
from heddle.control.duties import do_chores
from heddle.store import changes
from heddle.view.compile import Compiler
from heddle.view.types import FetchRequest, Status, host_scope

VLAN = {"provider:network_type": "vlan", "provider:physical_network": "physnet1"}


def agent_of(admin: Talk, host: str, binary: str) -> str:
    (agent,) = admin.list("agent", f"?host={host}&binary=neutron-{binary}-agent")
    return str(agent["id"])


def hosts_of(admin: Talk, path: str) -> list[str]:
    return sorted(agent["host"] for agent in admin.client.get(path).json()["agents"])


def servers(admin: Talk, network: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The ports of the network's DHCP servers by host."""
    ports = admin.list("port", f"?network_id={network['id']}&device_owner=network:dhcp")
    return {port["binding:host_id"]: port for port in ports}


def told(cloud: Cloud, host: str, id: str) -> bool:
    """Whether the host is told to serve the object."""
    reply = sync.fetch(cloud.store, Compiler(), FetchRequest(host=host))
    (scope,) = [scope for scope in reply.scopes if scope.scope == host_scope(host)]
    return any(id in bytes(raw).decode(errors="replace") for raw in scope.objects)


def test_a_network_is_moved_to_another_dhcp_agent(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    network, _ = blue.network("10.0.0.0/24")
    own_cloud.report("host2")
    one, two = agent_of(admin, "host1", "dhcp"), agent_of(admin, "host2", "dhcp")
    path = f"/v2.0/networks/{network['id']}/dhcp-agents"
    assert hosts_of(admin, path) == ["host1"]
    (listed,) = admin.client.get(f"/v2.0/agents/{one}/dhcp-networks").json()["networks"]
    assert listed == admin.show("network", network["id"])
    (listed,) = admin.client.get(f"/v2.0/agents/{one}/dhcp-networks?fields=id").json()["networks"]
    assert listed == {"id": network["id"]}
    answer = admin.client.call("DELETE", f"/v2.0/agents/{one}/dhcp-networks/{network['id']}")
    assert answer.status == 204
    assert hosts_of(admin, path) == [] and servers(admin, network) == {} and not told(own_cloud, "host1", network["id"])
    do_chores(own_cloud.store, own_cloud.settings)
    assert hosts_of(admin, path) == [], "what the administrator took away does not come back by itself"
    answer = admin.client.post(f"/v2.0/agents/{two}/dhcp-networks", {"network_id": network["id"]})
    assert (answer.status, answer.json()) == (201, None)
    assert hosts_of(admin, path) == ["host2"] and list(servers(admin, network)) == ["host2"]
    assert told(own_cloud, "host2", network["id"])
    admin.refused(409, "NetworkHostedByDHCPAgent", "POST", f"/v2.0/agents/{two}/dhcp-networks",
                  {"network_id": network["id"]})  # fmt: skip
    admin.refused(409, "NetworkNotHostedByDhcpAgent", "DELETE", f"/v2.0/agents/{one}/dhcp-networks/{network['id']}")
    blue.delete("network", network["id"])
    assert admin.client.get(f"/v2.0/agents/{two}/dhcp-networks").json() == {"networks": []}


def test_a_network_has_several_dhcp_agents(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    own_cloud.report("host2")
    network, _ = blue.network("10.0.0.0/24")
    path = f"/v2.0/networks/{network['id']}/dhcp-agents"
    (first,) = hosts_of(admin, path)
    second = {"host1": "host2", "host2": "host1"}[first]
    assert admin.client.post(f"/v2.0/agents/{agent_of(admin, second, 'dhcp')}/dhcp-networks",
                             {"network_id": network["id"]}).status == 201  # fmt: skip
    assert hosts_of(admin, path) == ["host1", "host2"]
    found = servers(admin, network)
    assert set(found) == {"host1", "host2"} and len({addresses(port)[0] for port in found.values()}) == 2
    blue.subnet(network, "10.1.0.0/24")
    assert all(len(addresses(port)) == 2 for port in servers(admin, network).values())
    blue.delete("port", found[second]["id"])
    assert set(servers(admin, network)) == {"host1", "host2"}
    assert admin.client.call("DELETE", f"/v2.0/agents/{agent_of(admin, first, 'dhcp')}/dhcp-networks/{network['id']}")
    assert list(servers(admin, network)) == [second]


def test_as_many_hosts_serve_a_network_as_the_settings_say(tmp_path: Path) -> None:
    """As far as there are: more when hosts come, others when one is dead."""
    cloud = build(tmp_path, more=["network.dhcp_hosts=2"])
    try:
        admin, blue = cloud.admin, cloud.tenant()
        cloud.report("host1")
        network, _ = blue.network("10.0.0.0/24")
        assert set(servers(admin, network)) == {"host1"}
        cloud.report("host2")
        found = servers(admin, network)
        assert set(found) == {"host1", "host2"} and len({addresses(port)[0] for port in found.values()}) == 2
        cloud.report("host3")
        assert set(servers(admin, network)) == {"host1", "host2"}
        other, _ = blue.network("10.0.1.0/24")
        assert "host3" in servers(admin, other) and len(servers(admin, other)) == 2
        cloud.die("host1")
        assert set(servers(admin, network)) == {"host2", "host3"}
        assert told(cloud, "host3", network["id"])
        blue.subnet(network, "10.2.0.0/24")
        assert [len(addresses(port)) for port in servers(admin, network).values()] == [2, 2]
    finally:
        cloud.close()


def test_a_network_is_given_an_agent_before_it_has_a_subnet(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    for host in ("host1", "host2", "host3"):
        own_cloud.report(host)
    network = blue.create("network")
    for host in ("host3", "host2"):
        agent = agent_of(admin, host, "dhcp")
        assert admin.client.post(f"/v2.0/agents/{agent}/dhcp-networks", {"network_id": network["id"]}).status == 201
        (listed,) = admin.client.get(f"/v2.0/agents/{agent}/dhcp-networks").json()["networks"]
        assert listed["id"] == network["id"]
    assert servers(admin, network) == {}
    subnet = blue.subnet(network, "10.0.0.0/24")
    assert set(servers(admin, network)) == {"host2", "host3"}
    blue.delete("subnet", subnet["id"])
    assert servers(admin, network) == {}
    blue.subnet(network, "10.0.1.0/24")
    assert len(servers(admin, network)) == 1


def test_a_network_taken_from_its_agent_is_served_again_when_it_changes(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    network, _ = blue.network("10.0.0.0/24")
    admin.client.call("DELETE", f"/v2.0/agents/{agent_of(admin, 'host1', 'dhcp')}/dhcp-networks/{network['id']}")
    own_cloud.report("host2")
    assert servers(admin, network) == {}
    blue.subnet(network, "10.1.0.0/24")
    assert len(servers(admin, network)) == 1


def test_an_agent_that_cannot_is_not_given_a_network(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    agent = agent_of(admin, "host1", "dhcp")
    path, network = f"/v2.0/agents/{agent}/dhcp-networks", blue.create("network")
    unknown = "00000000-0000-4000-8000-000000000000"
    admin.refused(404, "NetworkNotFound", "POST", path, {"network_id": unknown})
    admin.refused(404, "AgentNotFound", "POST", f"/v2.0/agents/{unknown}/dhcp-networks", {"network_id": network["id"]})
    admin.refused(404, "AgentNotFound", "GET", f"/v2.0/agents/{unknown}/dhcp-networks")
    admin.refused(404, "NetworkNotFound", "GET", f"/v2.0/networks/{unknown}/dhcp-agents")
    for wrong in ({}, {"network_id": "x"}, {"network_id": None}, {"network_id": network["id"], "more": 1}):
        admin.refused(400, "HTTPBadRequest", "POST", path, wrong)
    other = agent_of(admin, "host1", "l3")
    admin.refused(404, "InvalidDHCPAgent", "POST", f"/v2.0/agents/{other}/dhcp-networks", {"network_id": network["id"]})
    admin.update("agent", agent, admin_state_up=False)
    admin.refused(404, "InvalidDHCPAgent", "POST", path, {"network_id": network["id"]})
    admin.update("agent", agent, admin_state_up=True)
    far = admin.create("network", {**VLAN, "provider:segmentation_id": 77})
    assert "host1" in admin.refused(409, "NetworkNotReachedByDhcpAgent", "POST", path, {"network_id": far["id"]})
    blue.refused(403, "PolicyNotAuthorized", "GET", f"/v2.0/networks/{network['id']}/dhcp-agents")
    blue.refused(403, "PolicyNotAuthorized", "POST", path, {"network_id": network["id"]})
    assert admin.client.get(f"/v2.0/agents/{other}/dhcp-networks").json() == {"networks": []}


# Routers


def routed(cloud: Cloud, blue: Talk) -> tuple[dict[str, Any], dict[str, Any]]:
    """A router of blue's with a gateway and an interface, and a floating IP that its host translates."""
    external = cloud.admin.create("network", {"router:external": True})
    cloud.admin.subnet(external, "203.0.113.0/24", enable_dhcp=False)
    network, subnet = blue.network("10.0.0.0/24")
    router = blue.create("router", external_gateway_info={"network_id": external["id"]})
    blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    made = blue.create("floatingip", floating_network_id=external["id"], port_id=blue.port(network)["id"])
    return router, made


def carriers(admin: Talk, router: dict[str, Any]) -> set[str]:
    return {port["binding:host_id"] for port in admin.list("port", f"?device_id={router['id']}")}


def test_a_router_is_moved_to_another_l3_agent(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    router, floating_ip = routed(own_cloud, blue)
    own_cloud.report("host2")
    with own_cloud.store.read() as tx:
        revision = changes.current_revision(tx.conn)
    own_cloud.report("host1", Status(kind="floating_ip", id=floating_ip["id"], revision=revision, state="up"))
    assert blue.show("floatingip", floating_ip["id"])["status"] == "ACTIVE"
    one, two = agent_of(admin, "host1", "l3"), agent_of(admin, "host2", "l3")
    path = f"/v2.0/routers/{router['id']}/l3-agents"
    (agent,) = admin.client.get(path).json()["agents"]
    assert (agent["id"], agent["agent_type"], agent["ha_state"]) == (one, "L3 agent", None)
    (listed,) = admin.client.get(f"/v2.0/agents/{one}/l3-routers").json()["routers"]
    assert listed == admin.show("router", router["id"]) and carriers(admin, router) == {"host1"}
    body = {"router_id": router["id"]}
    assert one in admin.refused(409, "RouterHostedByL3Agent", "POST", f"/v2.0/agents/{two}/l3-routers", body)
    assert admin.client.post(f"/v2.0/agents/{one}/l3-routers", body).status == 201
    admin.refused(409, "RouterNotHostedByL3Agent", "DELETE", f"/v2.0/agents/{two}/l3-routers/{router['id']}")
    assert admin.client.call("DELETE", f"/v2.0/agents/{one}/l3-routers/{router['id']}").status == 204
    assert hosts_of(admin, path) == [] and carriers(admin, router) == {""}
    assert not told(own_cloud, "host1", router["id"])
    assert blue.show("floatingip", floating_ip["id"])["status"] == "DOWN"
    do_chores(own_cloud.store, own_cloud.settings)
    assert carriers(admin, router) == {""}
    assert admin.client.post(f"/v2.0/agents/{two}/l3-routers", body).status == 201
    assert hosts_of(admin, path) == ["host2"] and carriers(admin, router) == {"host2"}
    assert told(own_cloud, "host2", router["id"])
    assert {port["binding:vif_type"] for port in admin.list("port", f"?device_id={router['id']}")} == {"ovs"}


def test_a_router_without_ports_is_given_to_an_agent(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    own_cloud.report("host2")
    router = blue.create("router")
    path = f"/v2.0/routers/{router['id']}/l3-agents"
    assert hosts_of(admin, path) == []
    agent = agent_of(admin, "host2", "l3")
    assert admin.client.post(f"/v2.0/agents/{agent}/l3-routers", {"router_id": router["id"]}).status == 201
    _, subnet = blue.network("10.0.0.0/24")
    blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    assert carriers(admin, router) == {"host2"}
    assert admin.client.call("DELETE", f"/v2.0/agents/{agent}/l3-routers/{router['id']}").status == 204
    blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": blue.network("10.1.0.0/24")[1]["id"]})
    assert len(hosts_of(admin, path)) == 1, "a router that gets another port gets a host again"


def test_an_agent_that_cannot_is_not_given_a_router(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1", physnets="")
    agent, router = agent_of(admin, "host1", "l3"), blue.create("router")
    path, body = f"/v2.0/agents/{agent}/l3-routers", {"router_id": router["id"]}
    admin.refused(404, "RouterNotFound", "POST", path, {"router_id": "00000000-0000-4000-8000-000000000000"})
    admin.refused(400, "HTTPBadRequest", "POST", path, {"router_id": 7})
    other = agent_of(admin, "host1", "dhcp")
    admin.refused(404, "InvalidL3Agent", "POST", f"/v2.0/agents/{other}/l3-routers", body)
    external = admin.create("network", {**VLAN, "provider:segmentation_id": 78, "router:external": True})
    admin.subnet(external, "203.0.113.0/24", enable_dhcp=False)
    admin.client.call("DELETE", f"{path}/{router['id']}")
    blue.update("router", router["id"], external_gateway_info={"network_id": external["id"]})
    own_cloud.report("host2", physnets="")
    for owner in hosts_of(admin, f"/v2.0/routers/{router['id']}/l3-agents"):
        admin.client.call("DELETE", f"/v2.0/agents/{agent_of(admin, owner, 'l3')}/l3-routers/{router['id']}")
    assert "host1" in admin.refused(409, "RouterSchedulingFailed", "POST", path, body)
    blue.refused(403, "PolicyNotAuthorized", "GET", path)


def test_a_router_goes_where_its_networks_are(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1", physnets="")
    own_cloud.report("host2", physnets="physnet1")
    external = admin.create("network", {**VLAN, "provider:segmentation_id": 79, "router:external": True})
    admin.subnet(external, "203.0.113.0/24", enable_dhcp=False)
    router = blue.create("router", external_gateway_info={"network_id": external["id"]})
    assert carriers(admin, router) == {"host2"}


def test_a_router_on_a_segment_stays_there(own_cloud: Cloud) -> None:
    """When its host goes, only one of the same segment will do; until then it has none."""
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1", physnets="physnet1")
    own_cloud.report("host2", physnets="public")
    external = admin.create("network", {"router:external": True, "segments": [
        {**VLAN, "provider:segmentation_id": 80},
        {**VLAN, "provider:physical_network": "public", "provider:segmentation_id": 81}]})  # fmt: skip
    for place, segment in enumerate(admin.list("segment", f"?network_id={external['id']}")):
        admin.subnet(external, f"203.0.{place}.0/24", enable_dhcp=False, segment_id=segment["id"])
    router = blue.create("router", external_gateway_info={"network_id": external["id"]})
    (before,) = carriers(admin, router)
    own_cloud.die(before)
    other = {"host1": "host2", "host2": "host1"}[before]
    own_cloud.report(other, physnets={"host1": "physnet1", "host2": "public"}[other])
    admin.delete("agent", agent_of(admin, before, "l3"))
    assert carriers(admin, router) == {""}
    own_cloud.report("host3", physnets={"host1": "physnet1", "host2": "public"}[before])
    assert carriers(admin, router) == {"host3"}


# Availability zones


def test_hints_decide_where_objects_are_served(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1", zone="east")
    own_cloud.report("host2", zone="west")
    for zone, host in (("west", "host2"), ("east", "host1"), ("west", "host2")):
        network = blue.create("network", availability_zone_hints=[zone])
        assert (network["availability_zone_hints"], network["availability_zones"]) == ([zone], [])
        subnet = blue.subnet(network, "10.0.0.0/24")
        assert list(servers(admin, network)) == [host]
        assert blue.show("network", network["id"])["availability_zones"] == [zone]
        router = blue.create("router", availability_zone_hints=[zone])
        assert router["availability_zones"] == []
        blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
        assert carriers(admin, router) == {host}
        assert blue.show("router", router["id"])["availability_zones"] == [zone]
    assert [item["availability_zones"] for item in blue.list("network")].count(["west"]) == 2
    agent = agent_of(admin, "host1", "dhcp")
    assert admin.client.post(f"/v2.0/agents/{agent}/dhcp-networks", {"network_id": network["id"]}).status == 201
    assert blue.show("network", network["id"])["availability_zones"] == ["east", "west"]
    blue.list("network", "?sort_key=availability_zone_hints&sort_dir=desc")


def test_a_zone_that_is_away_serves_when_it_comes(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1", zone="east")
    own_cloud.report("host2", zone="west")
    for binary in ("dhcp", "l3"):
        admin.update("agent", agent_of(admin, "host2", binary), admin_state_up=False)
    network = blue.create("network", availability_zone_hints=["west"])
    blue.subnet(network, "10.0.0.0/24")
    assert servers(admin, network) == {}
    own_cloud.report("host3", zone="west")
    assert list(servers(admin, network)) == ["host3"]


@pytest.mark.parametrize("member", ["network", "router"])
def test_wrong_hints(own_cloud: Cloud, member: str) -> None:
    own_cloud.report("host1", zone="east")
    blue = own_cloud.tenant()
    message = blue.no_create(404, "AvailabilityZoneNotFound", member, availability_zone_hints=["east", "north"])
    assert "north" in message
    for wrong in ("east", ["east", "east"], [7], [f"zone{n}" for n in range(50)], None, {}):
        blue.no_create(400, "HTTPBadRequest", member, availability_zone_hints=wrong)
    made = blue.create(member, availability_zone_hints=["east"])
    blue.no_update(400, "HTTPBadRequest", member, made["id"], availability_zone_hints=[])
    assert blue.list(member) and len(blue.list(member)) == 1


def test_zones_are_listed(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1", zone="east")
    own_cloud.report("host2", zone="west")
    own_cloud.report("host3")

    def listed(query: str = "") -> set[tuple[str, ...]]:
        found = blue.client.get(f"/v2.0/availability_zones{query}").json()["availability_zones"]
        return {tuple(sorted(zone.values())) for zone in found}

    def zone(name: str, resource: str, state: str = "available") -> tuple[str, ...]:
        return tuple(sorted((name, resource, state)))

    every = {zone(name, resource) for name in ("east", "west", "nova") for resource in ("network", "router")}
    assert listed() == every
    admin.update("agent", agent_of(admin, "host2", "l3"), admin_state_up=False)
    assert listed("?name=west") == {zone("west", "network"), zone("west", "router", "unavailable")}
    assert listed("?state=unavailable") == {zone("west", "router", "unavailable")}
    assert listed("?resource=network&name=east&name=nova") == {zone("east", "network"), zone("nova", "network")}
    assert listed("?fields=name") == {("east",), ("west",), ("nova",)}
    assert listed("?name=north") == set()
    blue.refused(400, "HTTPBadRequest", "GET", "/v2.0/availability_zones?shoe=1")
    (agent,) = admin.list("agent", "?host=host1&binary=neutron-dhcp-agent")
    assert (agent["availability_zone"], agent["resources_synced"]) == ("east", None)
    assert admin.ids("agent", "?availability_zone=east&binary=neutron-dhcp-agent") == [agent["id"]]
    (switch,) = admin.list("agent", "?host=host1&binary=neutron-openvswitch-agent")
    assert switch["availability_zone"] is None
    own_cloud.report("host1", zone="south", started=1_700_000_009.0)
    assert admin.show("agent", agent["id"])["availability_zone"] == "south"
