"""A router with a floating IP leaves its host: by hand, and because the host is dead; packets go through the new one.

    host1, host2   network hosts: one of them carries the router
    host3          the tenant's guest, reached from the router's host through a tunnel, and somebody outside on the
                   physical network
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.cluster.lab import Lab, Program
from tests.cluster.tenants import Guest, Tenant
from tests.real.testhost import PATIENCE, TestHost

DOWN = 10


@dataclass
class Scene:
    """`address` is the guest's floating IP, which `outside` pings."""

    lab: Lab
    router: dict[str, Any]
    network: dict[str, Any]
    guest: Guest
    outside: Guest
    address: str

    @property
    def carrier(self) -> str:
        (agent,) = self.lab.api.get(f"/v2.0/routers/{self.router['id']}/l3-agents")["agents"]
        return str(agent["host"])

    @property
    def server(self) -> dict[str, Any]:
        """The port of the network's DHCP server."""
        (port,) = self.lab.api.get("/v2.0/ports", network_id=self.network["id"], device_owner="network:dhcp")["ports"]
        return dict(port)

    def holder(self) -> Program:
        """The server that looks for dead hosts."""
        held = "this process has the duties"
        self.lab.until(lambda: any(held in each.log for each in self.lab.servers), 10, "a server has the duties")
        return next(each for each in self.lab.servers if held in each.log)

    def program(self, name: str) -> Program:
        return next(agent for agent in self.lab.agents if agent.name == name)

    def host(self, name: str) -> TestHost:
        return next(host for host in self.lab.hosts if host.name == name)

    def agent_id(self, name: str) -> str:
        (agent,) = self.lab.api.get("/v2.0/agents", host=name, agent_type="L3 agent")["agents"]
        return str(agent["id"])

    def has_router(self, name: str) -> bool:
        return f"qrouter-{self.router['id']}" in self.host(name).run("ip", "netns", "list")

    def answers(self, seconds: float, what: str) -> float:
        """Wait until the floating IP answers, and the guest reaches the outside; returns for how long."""
        began = time.monotonic()
        self.lab.until(lambda: self.outside.pings(self.address, wait=0.2), seconds, f"the floating IP answers {what}")
        took = time.monotonic() - began
        self.lab.until(lambda: self.guest.pings(self.outside.ip), 5, f"the guest reaches the outside {what}")
        return took


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    lab = Lab(3, servers=2, more=[f"server.agent_down_seconds={DOWN}"], of_agents=["agent.report_seconds=2"])
    try:
        lab.start()
        yield _built(lab)
    finally:
        lab.stop()


def _built(lab: Lab) -> Scene:
    for agent in lab.api.get("/v2.0/agents", host="host3")["agents"]:
        if agent["agent_type"] in ("L3 agent", "DHCP agent"):
            lab.api.request("PUT", f"/v2.0/agents/{agent['id']}", {"agent": {"admin_state_up": False}})
    blue = Tenant(lab, "blue")
    outside = blue.network("outside", "192.0.2.0/24", **{
        "router:external": True, "provider:network_type": "vlan", "provider:physical_network": "physnet1",
        "provider:segmentation_id": 200,
    })  # fmt: skip
    inner = blue.network("inner", "10.4.0.0/24")
    router = blue.router("gateway", inner, outside=outside["id"])
    guest = blue.guest(inner, lab.hosts[2])
    neighbour = blue.guest(outside, lab.hosts[2], gateway=False)
    floating = blue.make("floatingip", "", floating_network_id=outside["id"], port_id=guest.port["id"])
    blue.wait()
    return Scene(lab, router, inner, guest, neighbour, floating["floating_ip_address"])


def test_moved_by_hand(scene: Scene) -> None:
    """There and back: neighbours learn the new place each time, and the old host has nothing left of the router."""
    scene.answers(20, "at first")
    for _ in range(2):
        old = scene.carrier
        new = {"host1": "host2", "host2": "host1"}[old]
        api, id = scene.lab.api, scene.router["id"]
        api.request("DELETE", f"/v2.0/agents/{scene.agent_id(old)}/l3-routers/{id}")
        api.request("POST", f"/v2.0/agents/{scene.agent_id(new)}/l3-routers", {"router_id": id})
        took = scene.answers(20, f"from {new}")
        print(f"moved by hand from {old} to {new}: answers after {took:.2f} s")
        assert scene.carrier == new and scene.has_router(new)
        scene.lab.until(lambda old=old: not scene.has_router(old), 10, f"{old} has dropped the router")


def test_a_second_agent_with_the_name_of_a_host(scene: Scene) -> None:
    """Host 2 is given the name and the key of host 1: it is refused and says why, and host 1 goes on."""
    lab = scene.lab
    first, other = scene.program("host1"), scene.program("host2")
    thief = Program(scene.host("host2"), lab.folder, "thief", "agent")
    settings = first.settings.read_text(encoding="utf-8").replace(f"{lab.folder}/host1/", f"{lab.folder}/thief/")
    thief.settings.write_text(settings, encoding="utf-8")
    thief.settings.chmod(0o600)
    other.end()
    thief.start()
    try:
        lab.until(lambda: "this one is refused" in thief.log, 30, f"the second is refused: {thief.log[-3000:]}")
        assert "agent.host" in thief.log and thief.runs
        lab.until(lambda: _problems(lab, "host1"), 20, "the record says so")
        assert "a second agent reports as this host" in _problems(lab, "host1")[0]
        assert "this one is refused" not in first.log
        first.end()
        first.start()
    finally:
        thief.end()
        other.start()
    lab.until(lambda: {"host1", "host2"} <= lab.alive(), 30, "both hosts are back")
    lab.until(lambda: not _problems(lab, "host1"), 120, "all is well when the second has gone")
    scene.answers(30, "afterwards")


def _problems(lab: Lab, host: str) -> list[str]:
    agents = lab.api.get("/v2.0/agents", host=host)["agents"]
    return sorted({text for agent in agents for text in agent["configurations"].get("problems", ())})


def test_an_agent_that_is_back_drops_what_has_moved(scene: Scene) -> None:
    """The agent alone is killed, its host goes on; when it is back the router is on the other host only."""
    scene.answers(20, "before")
    old = scene.carrier
    new = {"host1": "host2", "host2": "host1"}[old]
    scene.program(old).end(signal.SIGKILL)
    scene.lab.until(lambda: scene.carrier == new, DOWN + 30, "the router has moved")
    scene.lab.until(lambda: scene.has_router(new), 10, "it is there")
    assert scene.has_router(old), "nobody was there to remove it"
    scene.program(old).start()
    scene.lab.until(lambda: not scene.has_router(old), 20, f"{old} has dropped the router")
    scene.answers(20, "from one host")
    assert scene.carrier == new and scene.has_router(new), "nothing moves back"
    scene.lab.until(lambda: old in scene.lab.alive(), 10, f"{old} is alive again")


def test_moved_from_a_dead_host(scene: Scene) -> None:
    """The host of the router is killed with all that is on it, and the server that looked for dead hosts as well."""
    scene.answers(20, "before")
    old, server = scene.carrier, scene.server
    new = {"host1": "host2", "host2": "host1"}[old]
    port = scene.guest.port["id"]
    assert all(each.runs for each in scene.lab.servers), "one is left when the other is killed"
    holder = scene.holder()
    holder.end(signal.SIGKILL)
    scene.program(old).end(signal.SIGKILL)
    scene.host(old).stop()
    assert not scene.outside.pings(scene.address, wait=0.5)
    took = scene.answers(DOWN + 60, f"from {new}")
    print(f"{old} killed: answers from {new} after {took:.1f} s, of which {DOWN} are server.agent_down_seconds")
    assert DOWN - 5 < took < (DOWN + 20) * PATIENCE
    holder.start()
    scene.lab.until(scene.lab.answers, 60, "the killed server is back")
    assert scene.carrier == new
    agents = scene.lab.api.get("/v2.0/agents")["agents"]
    assert {agent["host"] for agent in agents if not agent["alive"]} == {old}
    assert scene.lab.api.get(f"/v2.0/ports/{port}")["port"]["status"] == "ACTIVE"
    moved = scene.server
    assert moved["binding:host_id"] == new and moved["fixed_ips"] == server["fixed_ips"]
    namespace = f"qdhcp-{scene.network['id']}"
    scene.lab.until(lambda: namespace in scene.host(new).run("ip", "netns", "list"), 10, "the DHCP server has moved")
    scene.lab.until(lambda: scene.guest.pings(moved["fixed_ips"][0]["ip_address"]), 10, "it answers at its address")
