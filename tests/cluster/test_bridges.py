"""A cloud with a host of each data plane: the same tenants' networks on both, through the API, broker and agents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.lab import Lab
from tests.cluster.tenants import Tenant


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Host 1 has Open vSwitch, the others Linux bridges."""
    made = Lab(3, bridges=(2, 3))
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_networks_routers_and_records_of_both_kinds(lab: Lab) -> None:
    blue, red = Tenant(lab, "blue"), Tenant(lab, "red")
    left, right = blue.network("left", "10.2.0.0/24"), blue.network("right", "10.3.0.0/24")
    theirs = red.network("net", "10.2.0.0/24")
    blue.router("router", left, right)
    mine = [blue.guest(left, host) for host in lab.hosts]
    far = [blue.guest(right, host) for host in lab.hosts]
    other = [red.guest(theirs, host) for host in lab.hosts]
    blue.wait()
    red.wait()
    for one in mine:
        for guest in (*mine, *far):
            lab.until(lambda one=one, guest=guest: one.pings(guest.ip), 20, f"{one.name} reaches {guest.name}")
    assert other[1].pings(other[0].ip) and other[1].pings(other[2].ip)
    assert not other[1].pings(far[0].ip, wait=0.5)
    found = {guest.host.name: lab.api.get(f"/v2.0/ports/{guest.port['id']}")["port"] for guest in mine}
    assert {name: port["binding:vif_type"] for name, port in found.items()} == {
        "host1": "ovs", "host2": "bridge", "host3": "bridge"
    }
    agents = {(agent["host"], agent["agent_type"]) for agent in lab.api.get("/v2.0/agents")["agents"]}
    assert {("host1", "Open vSwitch agent"), ("host2", "Linux bridge agent")} <= agents
