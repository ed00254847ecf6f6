"""Three hosts, two servers, a broker and a database: tenants' packets between all of them."""

from __future__ import annotations

import json

import pytest
from tests.cluster.lab import DATA, Lab
from tests.cluster.tenants import Tenant


@pytest.fixture(scope="module")
def blue(lab: Lab) -> Tenant:
    return Tenant(lab, "blue")


def test_tenants_across_hosts(lab: Lab, blue: Tenant) -> None:
    red = Tenant(lab, "red")
    mine, theirs = blue.network("net", "10.1.0.0/24"), red.network("net", "10.1.0.0/24")
    one = [blue.guest(mine, host) for host in lab.hosts]
    other = [red.guest(theirs, host) for host in lab.hosts]
    blue.wait()
    red.wait()
    for guest in one[1:]:
        lab.until(lambda guest=guest: one[0].pings(guest.ip), 15, f"{one[0].name} reaches {guest.name}")
    assert one[1].pings(one[2].ip) and other[0].pings(other[2].ip)
    lonely = blue.guest(blue.network("alone", "10.1.0.0/24"), lab.hosts[1])
    blue.wait()
    assert not lonely.pings(one[0].ip, wait=0.5) or lonely.ip == one[0].ip


def test_a_change_is_waited_for_on_the_hosts_that_it_concerns(lab: Lab) -> None:
    """Of a tenant with nothing elsewhere: members of its group on other hosts would concern those too."""
    patient = Tenant(lab, "patient")
    port = patient.guest(patient.network("waited", "10.9.0.0/24"), lab.hosts[0]).port
    said = lab.client("wait", "port", port["id"])
    assert "of 3 hosts" not in said and " ms" in said, "those that serve it or carry it, and no others"
    lab.agents[0].end()
    try:
        lab.api.request("PUT", f"/v2.0/ports/{port['id']}", {"port": {"admin_state_up": False}})
        said = lab.client("wait", "port", port["id"], "--timeout", "1", check=False)
        assert "waiting  host1 at revision" in said
    finally:
        lab.agents[0].start()
    assert "waiting" not in lab.client("wait", "port", port["id"])


def test_a_router_joins_networks_of_hosts(lab: Lab, blue: Tenant) -> None:
    left, right = blue.network("left", "10.2.0.0/24"), blue.network("right", "10.3.0.0/24")
    router = blue.router("router", left, right)
    near, far = blue.guest(left, lab.hosts[0]), blue.guest(right, lab.hosts[2])
    blue.wait()
    lab.until(lambda: near.pings(far.ip), 20, "the router forwards")
    hosts = lab.api.get(f"/v2.0/routers/{router['id']}/l3-agents")["agents"]
    assert len(hosts) == 1
    for guest in (near, far):
        address = "http://169.254.169.254/openstack/latest/meta_data.json"
        found = json.loads(guest.host.guest(guest.name, "curl", "-s", "-m", "5", address))
        assert (found["uuid"], found["name"]) == (guest.port["device_id"], guest.port["name"])
        assert found["project_id"] == guest.port["project_id"]


def test_a_floating_ip_from_the_physical_network(lab: Lab, blue: Tenant) -> None:
    """Two hosts' br-phy is the physical network `physnet1`; somebody on host 3 has an address there."""
    outside = blue.network("outside", "192.0.2.0/24", **{
        "router:external": True, "provider:network_type": "vlan", "provider:physical_network": "physnet1",
        "provider:segmentation_id": 200,
    })  # fmt: skip
    inner = blue.network("inner", "10.4.0.0/24")
    blue.router("gateway", inner, outside=outside["id"])
    guest = blue.guest(inner, lab.hosts[0])
    neighbour = blue.guest(outside, lab.hosts[2], gateway=False)
    floating = blue.make("floatingip", "", floating_network_id=outside["id"], port_id=guest.port["id"])
    blue.wait()
    address = floating["floating_ip_address"]
    lab.until(lambda: neighbour.pings(address), 20, "the floating IP answers")
    assert guest.pings(neighbour.ip)
    assert not address.startswith(DATA)
