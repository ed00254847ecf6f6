"""A highly available router in a lab: what fails, and for how long nothing gets through.

    host1, host2   network hosts, on which the router is ready
    host3          the tenant's guest, reached through a tunnel, and somebody outside on the physical network, to which
                   each host has a card of its own

As a program it prints the fail-over gap over many rounds: ha.py [--rounds N] [--distributed] [FAULT...]; exit status 1
when p50 is over 1 s or p99 over 2 s.  The gap is the longest time without answers of pings every 10 ms, from the
outside to the guest's floating IP and from the guest to the outside.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.cluster.hitless import INTERVAL, TOOL, in_time
from tests.cluster.lab import Lab, Program
from tests.cluster.tenants import Guest, Tenant
from tests.real.testhost import PATIENCE, TestHost

NETWORK_HOSTS = ("host1", "host2")
DEAD = 1.4
FAULTS = ("host_dies", "link_dies", "card_dies")


class Scene:
    """`address` is the guest's floating IP; `distributed`: the router is that as well."""

    def __init__(self, lab: Lab, distributed: bool = False) -> None:
        self.lab = lab
        for agent in lab.api.get("/v2.0/agents", host="host3")["agents"]:
            if agent["agent_type"] in ("L3 agent", "DHCP agent"):
                lab.api.request("PUT", f"/v2.0/agents/{agent['id']}", {"agent": {"admin_state_up": False}})
        for host in lab.hosts:
            lab.card("out", host, "ext0", "br-ex")
        tenant = self.tenant = Tenant(lab, "ha")
        outer = tenant.network("outside", "192.0.2.0/24", **{
            "router:external": True, "provider:network_type": "flat", "provider:physical_network": "public",
        })  # fmt: skip
        inner = self.inner = tenant.network("inner", "10.5.0.0/24", dhcp=False)
        self.inner6 = tenant.network("inner6", "2001:db8:5::/64", dhcp=False)
        self.other6 = tenant.network("other6", "2001:db8:6::/64", dhcp=False)
        info = {"network_id": outer["id"]}
        self.router = tenant.make(
            "router", "router", ha=True, distributed=distributed, external_gateway_info=info
        )
        for network in (inner, self.inner6, self.other6):
            path = f"/v2.0/routers/{self.router['id']}/add_router_interface"
            lab.api.request("PUT", path, {"subnet_id": network["subnet"]["id"]})
        third = lab.hosts[2]
        self.guest = tenant.guest(inner, third)
        self.outside = tenant.guest(outer, third, gateway=False)
        self.guest6, self.peer6 = tenant.guest(self.inner6, third), tenant.guest(self.other6, third)
        self.there = tenant.guest(inner, lab.hosts[0])
        floating = tenant.make("floatingip", "", floating_network_id=outer["id"], port_id=self.guest.port["id"])
        self.address = floating["floating_ip_address"]
        tenant.wait()
        self.settled()

    # What it is

    def states(self) -> dict[str, str]:
        """What the API says: host -> ha_state."""
        agents = self.lab.api.get(f"/v2.0/routers/{self.router['id']}/l3-agents")["agents"]
        return {agent["host"]: agent["ha_state"] for agent in agents}

    def here(self, name: str) -> str:
        """What the process of a host says the router is there, whether or not the server knows."""
        path = self.lab.folder / name / "run" / "ha" / "state"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))["routers"]
        except (OSError, ValueError):
            return ""
        return str(found.get(self.router["id"], {}).get("state", ""))

    def open(self, name: str) -> bool:
        """Whether br-int of a host lets the router pass."""
        flows = self.host(name).run("ovs-ofctl", "-O", "OpenFlow15", "dump-flows", "br-int", "table=5")
        return "metadata" in flows

    def active(self) -> str:
        found = [name for name, state in self.states().items() if state == "active"]
        return found[0] if len(found) == 1 else ""

    def settled(self) -> str:
        """One host is active, for all to see, the other ready, and packets go; returns the active one."""
        self.lab.until(self.agreed, 40, "one host is active, the other ready, and the API says so")
        self.lab.until(self.reached, 20, "packets go through it")
        return str(self.lab.until(self.active, 20, "the API says that one host is active"))

    def agreed(self) -> bool:
        here = {name: self.here(name) for name in NETWORK_HOSTS}
        return sorted(here.values()) == ["active", "standby"] and here == self.states()

    def reached(self) -> bool:
        ways = ((self.outside, self.address), (self.guest, self.outside.ip), (self.guest6, self.peer6.ip))
        return all(guest.pings(address, wait=0.3) for guest, address in ways)

    def host(self, name: str) -> TestHost:
        return next(host for host in self.lab.hosts if host.name == name)

    def program(self, name: str) -> Program:
        return next(agent for agent in self.lab.agents if agent.name == name)

    def other(self, name: str) -> str:
        return next(each for each in NETWORK_HOSTS if each != name)

    def ha_pid(self, name: str) -> str:
        return (self.lab.folder / name / "run" / "ha" / "pid").read_text(encoding="ascii").strip()

    def become(self, **kind: Any) -> float:
        """Have the router be of another kind; for how many seconds it was down for that."""
        path = f"/v2.0/routers/{self.router['id']}"
        began = time.monotonic()
        for values in ({"admin_state_up": False}, kind, {"admin_state_up": True}):
            self.lab.api.request("PUT", path, {"router": values})
        return time.monotonic() - began

    # What fails

    def link(self, name: str, state: str, *kinds: str) -> None:
        for kind in kinds:
            self.lab.underlay.sh(f"ip link set {name[:9]}-{kind} {state}")

    def link_dies(self, name: str) -> None:
        """The cable between the hosts is out; the host goes on by itself."""
        self.link(name, "down", "d")

    def card_dies(self, name: str) -> None:
        """The cable to the physical network outside is out; the one between the hosts is not."""
        self.link(name, "down", "o")

    def host_dies(self, name: str) -> None:
        """All its processes stand still, and its cables are out."""
        self.link(name, "down", "d", "m", "o")
        self.host(name).freeze()

    def comes_back(self, name: str) -> None:
        """As one that slept and knows nothing of what happened: the worst way to come back."""
        self.host(name).thaw()
        self.link(name, "up", "d", "m", "o")

    # What is noticed

    def gap(self, fault: Callable[[], Any], after: float = 4.0, **more: tuple[Guest, str]) -> dict[str, float]:
        """The longest time without answers while something happens, by way, and by `more` of them; "late" is how late a
        ping was sent."""
        ways = {"in": (self.outside, self.address), "out": (self.guest, self.outside.ip), **more}
        pings = {way: self._start(guest, address) for way, (guest, address) in ways.items()}
        time.sleep(random.uniform(1.0, 1.5))
        fault()
        time.sleep(after)
        found: dict[str, float] = {"late": 0.0}
        for child in pings.values():
            assert child.stdin is not None
            child.stdin.close()
        for way, child in pings.items():
            assert child.stdout is not None
            (one,) = json.loads(child.stdout.read()).values()
            child.wait(60 * PATIENCE)
            found[way] = one["gap"]
            found[f"{way}_lost"] = one["lost"]
            found["late"] = max(found["late"], one["late"])
        return found

    def _start(self, guest: Guest, address: str) -> subprocess.Popen[str]:
        child = guest.host.popen(
            "ip", "netns", "exec", guest.name, sys.executable, TOOL, "ping", str(INTERVAL), address,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        return child


def unnoticed(scene: Scene, fault: Callable[[str], Any]) -> None:
    """Nothing is lost, and the router stays where it is; again while the machine has no time for the pings."""

    def turn() -> tuple[bool, float, Any]:
        active = scene.settled()
        seen = scene.gap(lambda: fault(active), after=3.0)
        stays = scene.here(active) == "active" and scene.here(scene.other(active)) == "standby"
        return stays and seen["in_lost"] == seen["out_lost"] == 0, seen["late"], (seen, stays)

    in_time(turn)


@contextlib.contextmanager
def patient(distributed: bool = False) -> Iterator[Scene]:
    """One for tests: its hosts wait longer for each other than by default, as the machine does other work, too."""
    lab = make_lab(f"agent.ha_dead_seconds={DEAD * PATIENCE}", "agent.resync_seconds=4")
    try:
        lab.start()
        yield Scene(lab, distributed)
    finally:
        lab.stop()


def make_lab(*more: str) -> Lab:
    return Lab(3, servers=1, more=["server.agent_down_seconds=60"], of_agents=[
        "agent.report_seconds=2", f"agent.ha_dead_seconds={0.7 * PATIENCE}", *more,
    ])  # fmt: skip


def quantile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(part * (len(ordered) - 1)))]


def rounds(scene: Scene, fault: str, count: int) -> list[float]:
    """The gap of each round; one in which the machine had no time for the pings is repeated, and told."""
    found: list[float] = []
    repeats = 0
    while len(found) < count:
        old = scene.settled()
        seen = scene.gap(lambda name=old: getattr(scene, fault)(name))
        scene.comes_back(old)
        if seen["late"] > 0.3 and repeats < count:
            repeats += 1
            continue
        found.append(max(seen["in"], seen["out"]))
        if sys.stderr.isatty():
            print(f"\r{fault}: {len(found)} of {count}", end="", file=sys.stderr, flush=True)
    print(f"{fault:<12}{count:>7}{repeats:>7}{quantile(found, 0.5):>8.2f}{quantile(found, 0.99):>8.2f}"
          f"{min(found):>8.2f}{max(found):>8.2f}", flush=True)  # fmt: skip
    return found


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How long a fail-over of a highly available router takes.")
    parser.add_argument("faults", nargs="*", choices=[*FAULTS, []], metavar="FAULT", help=f"of {', '.join(FAULTS)}")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--distributed", action="store_true", help="the router is distributed as well")
    args = parser.parse_args(words)
    lab = make_lab()
    good = True
    try:
        lab.start()
        scene = Scene(lab, args.distributed)
        print(f"{'fault':<12}{'rounds':>7}{'again':>7}{'p50 s':>8}{'p99 s':>8}{'min s':>8}{'max s':>8}", flush=True)
        for fault in args.faults or FAULTS:
            gaps = rounds(scene, fault, args.rounds)
            good = good and quantile(gaps, 0.5) <= 1.0 and quantile(gaps, 0.99) <= 2.0
    finally:
        lab.stop()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
