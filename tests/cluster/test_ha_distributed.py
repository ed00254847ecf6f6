"""A router that is highly available and distributed: the hosts of the guests forward between its networks, and the way
outside is that of the host where it is active, which another takes over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.cluster.ha import NETWORK_HOSTS, Scene, patient
from tests.cluster.tenants import Guest, crowd, forwarded
from tests.cluster.test_ha import MOST
from tests.real.testhost import PATIENCE


@dataclass
class Both:
    """`guests`: one of the second network on each host, by the host's name."""

    scene: Scene
    guests: dict[str, Guest]

    def forwarded(self) -> int:
        """How many packets the router has forwarded, wherever it is ready."""
        return sum(forwarded(self.scene.host(each), self.scene.router["id"]) for each in NETWORK_HOSTS)

    def crowd(self, source: Guest, address: str) -> int:
        """How many packets of pings the router forwards."""
        return crowd(self.scene.lab, source, address, self.forwarded)


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    with patient(distributed=True) as scene:
        second = scene.tenant.network("second", "10.6.0.0/24", dhcp=False)
        path = f"/v2.0/routers/{scene.router['id']}/add_router_interface"
        scene.lab.api.request("PUT", path, {"subnet_id": second["subnet"]["id"]})
        guests = {host.name: scene.tenant.guest(second, host) for host in scene.lab.hosts}
        scene.tenant.wait()
        scene.settled()
        yield Both(scene, guests)


def test_packets_between_networks_do_not_pass_the_router(both: Both) -> None:
    """And those to the outside do, from guests of every host."""
    scene = both.scene
    scene.settled()
    for name, guest in both.guests.items():
        assert both.crowd(scene.guest, guest.ip) < 10, f"to {name}"
        assert both.crowd(guest, scene.guest.ip) < 10, f"from {name}"
    assert both.crowd(scene.guest6, scene.peer6.ip) < 10
    for name, guest in both.guests.items():
        assert both.crowd(guest, scene.outside.ip) >= 50, f"from {name} to the outside"
    owners = scene.lab.api.get("/v2.0/ports", device_id=scene.router["id"])["ports"]
    assert "network:router_interface_distributed" in {port["device_owner"] for port in owners}


def test_a_host_dies_and_only_the_way_outside_is_interrupted(both: Both) -> None:
    """Between networks nothing is lost; the guests of the other hosts reach the outside by the next."""
    scene = both.scene
    old = scene.settled()
    new = scene.other(old)
    across = {"across": (scene.guest, both.guests[new].ip), "back": (both.guests[new], scene.guest.ip)}
    seen = scene.gap(lambda: scene.host_dies(old), **across)
    print(seen)
    try:
        assert 0.3 < max(seen["in"], seen["out"]) < MOST * PATIENCE, seen
        assert max(seen["across"], seen["back"]) < 0.2 + seen["late"], seen
        scene.lab.until(lambda: scene.here(new) == "active", 5, "the other host has it")
        scene.lab.until(lambda: both.guests[new].pings(scene.outside.ip), 5, "a guest there reaches the outside")
    finally:
        scene.comes_back(old)
    assert scene.settled() == new
    for name, guest in both.guests.items():
        assert both.crowd(scene.guest, guest.ip) < 10, f"to {name}"
        scene.lab.until(lambda each=guest: each.pings(scene.outside.ip), 10, f"from {name} to the outside")


def test_it_becomes_central_and_distributed_again(both: Both) -> None:
    """It stays highly available all the while."""
    scene, source = both.scene, both.guests["host3"]
    path = f"/v2.0/routers/{scene.router['id']}"
    for distributed in (False, True):
        for values in ({"admin_state_up": False}, {"distributed": distributed}, {"admin_state_up": True}):
            scene.lab.api.request("PUT", path, {"router": values})
        scene.settled()

        def is_so(wanted: bool = distributed) -> bool:
            return (both.crowd(source, scene.guest.ip) < 10) == wanted

        scene.lab.until(is_so, 20, f"distributed={distributed}")
