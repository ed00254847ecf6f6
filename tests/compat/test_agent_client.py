"""Agents, what they serve, zones, bindings of ports: the `openstack` command and openstacksdk, with hosts that report.

The hosts speak to the server over its own bus, as the agents of a cloud do.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import openstack.exceptions
import pytest
from tests.compat.conftest import JSON, Cloud, column, running

from heddle.bus.local import LocalAgentBus
from heddle.view.types import ReportRequest, RoleState

AGENT = ("network", "agent")
ZONES = {"host1": "east", "host2": "west"}


@pytest.fixture(scope="module")
def own() -> Iterator[Cloud]:
    """A cloud of two hosts, each in a zone of its own."""
    with running() as made:
        for host, zone in ZONES.items():
            bus = LocalAgentBus(made.folder / "run" / "bus.sock")
            bus.start(host, lambda wake: None)
            roles = [RoleState(role=role, configuration={}) for role in ("switch", "router", "dhcp")]
            bus.report(
                ReportRequest(host=host, started_at=time.time(), roles=roles, tunnel_ip="192.0.2.7",
                              bridge_mappings={"public": "br-ex"}, datapath="netdev", availability_zone=zone)
            )  # fmt: skip
            bus.stop()
        yield made


def agent(own: Cloud, host: str, binary: str) -> str:
    (found,) = own.openstack(*AGENT, "list", "--host", host, "--agent-type", binary, *JSON)
    return str(found["ID"])


def test_the_command_on_agents(own: Cloud) -> None:
    os_ = own.openstack
    listed = os_(*AGENT, "list", "--long", *JSON)
    assert {(row["Binary"], row["Host"], row["Alive"], row["State"]) for row in listed} == {
        (binary, host, True, True)
        for binary in ("neutron-openvswitch-agent", "neutron-l3-agent", "neutron-dhcp-agent")
        for host in ZONES
    }
    assert column(os_(*AGENT, "list", "--host", "host1", *JSON), "Host") == {"host1"}
    assert column(os_(*AGENT, "list", "--agent-type", "l3", *JSON), "Binary") == {"neutron-l3-agent"}
    id = agent(own, "host2", "dhcp")
    shown = os_(*AGENT, "show", id, *JSON)
    assert (shown["agent_type"], shown["availability_zone"], shown["host"]) == ("DHCP agent", "west", "host2")
    os_(*AGENT, "set", id, "--disable", "--description", "in repair")
    shown = os_(*AGENT, "show", id, *JSON)
    assert (shown["admin_state_up"], shown["description"]) == (False, "in repair")
    os_(*AGENT, "set", id, "--enable")
    assert os_(*AGENT, "show", id, *JSON)["admin_state_up"] is True
    switch = agent(own, "host2", "open-vswitch")
    own.refuses("409", *AGENT, "delete", switch)


def test_the_command_on_who_serves_networks(own: Cloud) -> None:
    os_ = own.openstack
    os_("network", "create", "served", "--availability-zone-hint", "east", *JSON)
    os_("subnet", "create", "served-a", "--network", "served", "--subnet-range", "10.0.0.0/24", *JSON)
    shown = os_("network", "show", "served", *JSON)
    assert (shown["availability_zone_hints"], shown["availability_zones"]) == (["east"], ["east"])
    one, two = agent(own, "host1", "dhcp"), agent(own, "host2", "dhcp")
    assert column(os_(*AGENT, "list", "--network", "served", *JSON), "ID") == {one}
    assert column(os_("network", "list", "--agent", one, *JSON)) == {"served"}
    os_(*AGENT, "add", "network", "--dhcp", two, "served")
    assert column(os_(*AGENT, "list", "--network", "served", *JSON), "ID") == {one, two}
    os_(*AGENT, "remove", "network", "--dhcp", one, "served")
    assert column(os_(*AGENT, "list", "--network", "served", *JSON), "ID") == {two}
    assert os_("network", "list", "--agent", one, *JSON) == []
    os_("network", "delete", "served")


def test_the_command_on_who_carries_routers(own: Cloud) -> None:
    os_ = own.openstack
    made = os_("router", "create", "carried", "--availability-zone-hint", "west", *JSON)
    assert made["availability_zone_hints"] == ["west"]
    os_("network", "create", "inside", *JSON)
    os_("subnet", "create", "inside-a", "--network", "inside", "--subnet-range", "10.0.0.0/24", *JSON)
    os_("router", "add", "subnet", "carried", "inside-a")
    one, two = agent(own, "host1", "l3"), agent(own, "host2", "l3")
    assert column(os_(*AGENT, "list", "--router", "carried", *JSON), "ID") == {two}
    assert column(os_("router", "list", "--agent", two, *JSON)) == {"carried"}
    os_(*AGENT, "remove", "router", "--l3", two, "carried")
    assert os_(*AGENT, "list", "--router", "carried", *JSON) == []
    os_(*AGENT, "add", "router", "--l3", one, "carried")
    assert column(os_(*AGENT, "list", "--router", "carried", *JSON), "ID") == {one}
    os_("router", "remove", "subnet", "carried", "inside-a")
    os_("router", "delete", "carried")
    os_("network", "delete", "inside")


def test_the_command_on_zones(own: Cloud) -> None:
    listed = own.openstack("availability", "zone", "list", "--network", "--long", *JSON)
    assert {(row["Zone Name"], row["Zone Status"], row["Zone Resource"]) for row in listed} == {
        (zone, "available", resource) for zone in ZONES.values() for resource in ("network", "router")
    }
    hint = ("--availability-zone-hint", "north")
    own.refuses("AvailabilityZone north could not be found", "network", "create", "lost", *hint)


def test_the_sdk_on_agents_and_zones(own: Cloud) -> None:
    net = own.sdk("admin").network
    zones = {(zone.name, zone.resource, zone.state) for zone in net.availability_zones()}
    assert ("east", "router", "available") in zones and len(zones) == 4
    (dhcp,) = net.agents(host="host1", binary="neutron-dhcp-agent")
    assert net.get_agent(dhcp.id).host == "host1" and dhcp.is_alive and dhcp.is_admin_state_up
    for name in ("host", "binary", "topic", "agent_type", "availability_zone", "is_alive", "is_admin_state_up"):
        assert dhcp.id in {found.id for found in net.agents(**{name: getattr(dhcp, name)})}, name
    assert list(net.agents(host="host3")) == [] == list(net.agents(is_alive=False))
    assert net.update_agent(dhcp, description="d", is_admin_state_up=False).description == "d"
    assert [found.id for found in net.agents(is_admin_state_up=False)] == [dhcp.id]
    net.update_agent(dhcp, is_admin_state_up=True)
    network = net.create_network(name="n")
    net.create_subnet(network_id=network.id, ip_version=4, cidr="10.0.0.0/24")
    for found in list(net.network_hosting_dhcp_agents(network)):
        net.remove_dhcp_agent_from_network(found.id, network)
    assert [found.name for found in net.dhcp_agent_hosting_networks(dhcp)] == []
    net.add_dhcp_agent_to_network(dhcp, network)
    assert [found.id for found in net.network_hosting_dhcp_agents(network)] == [dhcp.id]
    assert [found.id for found in net.dhcp_agent_hosting_networks(dhcp)] == [network.id]
    (l3,) = net.agents(host="host1", agent_type="L3 agent")
    router = net.create_router(name="r")
    for found in list(net.routers_hosting_l3_agents(router)):
        net.remove_router_from_agent(found.id, router)
    net.add_router_to_agent(l3, router)
    assert [found.id for found in net.routers_hosting_l3_agents(router)] == [l3.id]
    assert [found.id for found in net.agent_hosted_routers(l3)] == [router.id]
    net.remove_router_from_agent(l3, router)
    assert list(net.agent_hosted_routers(l3)) == []
    net.delete_router(router)
    net.delete_network(network)
    with pytest.raises(openstack.exceptions.ConflictException):
        net.delete_agent(dhcp)


def test_the_sdk_on_bindings(own: Cloud) -> None:
    net = own.sdk("admin").network
    network = net.create_network(name="n")
    port = net.create_port(network_id=network.id, binding_host_id="host1", device_owner="compute:nova")
    (bound,) = net.port_bindings(port)
    assert (bound.host, bound.status, bound.vnic_type) == ("host1", "ACTIVE", "normal")
    made = net.create_port_binding(port, host="host2", vnic_type="normal", profile={"k": "v"})
    assert (made.host, made.vnic_type, made.profile) == ("host2", "normal", {"k": "v"})
    assert {each.host for each in net.port_bindings(port)} == {"host1", "host2"}
    assert {each.host for each in net.port_bindings(port, host="host2")} == {"host2"}
    assert {each.host for each in net.port_bindings(port, status="ACTIVE")} == {"host1"}
    with pytest.raises(openstack.exceptions.ConflictException):
        net.create_port_binding(port, host="host2")
    net.activate_port_binding(port, "host2")
    assert net.get_port(port.id).binding_host_id == "host2"
    net.delete_port_binding(port, "host1", ignore_missing=False)
    assert {each.host for each in net.port_bindings(port)} == {"host2"}
    with pytest.raises(openstack.exceptions.NotFoundException):
        net.delete_port_binding(port, "host1", ignore_missing=False)
    net.delete_port(port)
    net.delete_network(network)
