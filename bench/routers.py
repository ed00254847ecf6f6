"""Routers with gateway and interface: from the first POST until the host has them all, and the agent's restart.

A router is configured when its namespace has the address of each of its ports, the default route to the external
network's gateway, and the rule that translates to the gateway's address; read with `ip` and `nft`.

While the agent is away two routers come, two go, and three are damaged: one loses an address, one its default route,
one its rules.  The clock starts when the agent may start; it is in sync when these are as they should be, and a little
later all of them still are.  Throughout, guests of other hosts ping through ten routers, to the gateway's address of
others.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.real.testhost import TestHost, wait_until

from bench.guests import Guest, Net
from bench.pings import Pinger, Stream, first_replies
from bench.rows import Measured
from bench.site import Site, Spent, cpu_seconds

API = "/v2.0"
OUTSIDE, GATEWAY = "203.0.0.0/16", "203.0.0.1"
CHANGED, FLOWS, SETTLE_SECONDS = 2, 10, 5.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the namespace of a router must hold."""

    router_id: str
    addresses: frozenset[str]
    gateway_address: str


def configured(addresses: str, routes: str, rules: str, wanted: Wanted) -> bool:
    """Whether `ip -j addr`, `ip -j route` and `nft list ruleset` of a namespace show what is wanted."""
    try:
        found = {
            f"{each['local']}/{each['prefixlen']}"
            for link in json.loads(addresses or "[]") for each in link.get("addr_info", [])
        }  # fmt: skip
        default = any(
            route.get("dst") == "default" and route.get("gateway") == GATEWAY for route in json.loads(routes or "[]")
        )
    except ValueError:
        return False
    snat = any("snat" in line and wanted.gateway_address in line for line in rules.splitlines())
    return wanted.addresses <= found and default and snat


class Routers:
    """An external network and `count` networks with a subnet each, for a router each; `spare` more have none yet."""

    def __init__(self, cloud: Site, count: int, spare: int = 0) -> None:
        self.cloud, self.api = cloud, cloud.api
        outside = {"name": "bench-public", "router:external": True, "provider:network_type": "flat",
                   "provider:physical_network": "public"}  # fmt: skip
        self.external = self.api.call("POST", f"{API}/networks", {"network": outside})["network"]["id"]
        body = {"network_id": self.external, "ip_version": 4, "cidr": OUTSIDE, "enable_dhcp": False}
        self.api.call("POST", f"{API}/subnets", {"subnet": body})
        self.nets = [Net(cloud, f"r{number}", number) for number in range(count + spare)]
        self.spare = self.nets[count:]
        self.made: dict[Net, Wanted] = {}

    def post(self, net: Net) -> None:
        """A router for this network."""
        body: dict[str, Any] = {"name": "bench", "external_gateway_info": {"network_id": self.external}}
        router = self.api.call("POST", f"{API}/routers", {"router": body})["router"]
        path = f"{API}/routers/{router['id']}/add_router_interface"
        self.api.call("PUT", path, {"subnet_id": net.subnet_id})
        outside = router["external_gateway_info"]["external_fixed_ips"][0]["ip_address"]
        self.made[net] = Wanted(router["id"], frozenset({f"10.{net.number}.0.1/16", f"{outside}/16"}), outside)

    def delete(self, net: Net) -> Wanted:
        gone = self.made.pop(net)
        path = f"{API}/routers/{gone.router_id}"
        self.api.call("PUT", f"{path}/remove_router_interface", {"subnet_id": net.subnet_id})
        self.api.call("DELETE", path)
        return gone

    def wait(self, wanted: Sequence[Wanted], seconds: float = 600) -> None:
        """Until these are configured."""
        for each in wanted:
            check = functools.partial(is_configured, self.cloud.host, each)
            wait_until(check, seconds, f"router {each.router_id} is configured", 0.02)

    def wrong(self) -> int:
        """How many are not configured now."""
        return sum(not is_configured(self.cloud.host, each) for each in self.made.values())

    def remove(self) -> float:
        """Everything; how long the routers took, in seconds."""
        started = time.monotonic()
        for net in list(self.made):
            self.delete(net)
        wait_until(lambda: "qrouter-" not in self.cloud.host.run("ip", "netns"), 60, "the routers' namespaces are gone",
                   0.05)  # fmt: skip
        took = time.monotonic() - started
        for net in self.nets:
            net.remove()
        self.api.call("DELETE", f"{API}/networks/{self.external}")
        return took


def realised(made: Routers) -> Measured:
    """A router for each network that is not spare."""
    spent = Spent(made.cloud)
    started = time.monotonic()
    for net in made.nets:
        if net not in made.spare:
            made.post(net)
    posted = time.monotonic() - started
    made.wait(list(made.made.values()))
    took = time.monotonic() - started
    used = str(spent)
    if wrong := made.wrong():
        raise RuntimeError(f"{wrong} routers are no longer configured at the end")
    return Measured(took, f"requests {posted:.2f} s; {used}")


def routers(cloud: Site, count: int = 20) -> Measured:
    made = Routers(cloud, count)
    found = realised(made)
    return Measured(found.value, f"{found.detail}; removed after {made.remove():.2f} s")


def restarted(made: Routers, far: Site) -> tuple[Measured, Measured]:
    """The time until the routers were in sync after the agent's restart, and the pings that were lost meanwhile."""
    cloud = made.cloud
    nets = list(made.made)
    pinged, gone, damaged = nets[:FLOWS], nets[FLOWS : FLOWS + CHANGED], nets[FLOWS + CHANGED : FLOWS + CHANGED + 3]
    stream = Stream(_through(made, pinged, nets[-FLOWS:], far))
    stream.start()
    time.sleep(1)
    cloud.kill_agent()
    time.sleep(1)
    left = {made.delete(net).router_id for net in gone}
    for net in made.spare[:CHANGED]:
        made.post(net)
    fresh = [made.made[net] for net in made.spare[:CHANGED]]
    made.spare = [*made.spare[CHANGED:], *gone]
    broken = [made.made[net] for net in damaged]
    _damage(cloud.host, broken)
    if any(is_configured(cloud.host, each) for each in broken):
        raise RuntimeError("routers could not be damaged")
    time.sleep(1)
    started = time.monotonic()
    cloud.release()
    try:
        made.wait(broken, 60)
        mended = time.monotonic() - started
        made.wait(fresh, 60)
        wait_until(lambda: not left & _carried(cloud.host), 60, "the deleted routers are gone", 0.02)
        took, used = time.monotonic() - started, cpu_seconds(cloud.agent())
        time.sleep(SETTLE_SECONDS)
    finally:
        stream.finish()
    if wrong := made.wrong():
        raise RuntimeError(f"{wrong} routers are not configured after the restart")
    lost = stream.lost(started, time.monotonic())
    gap = 1000 * stream.longest_gap(started, time.monotonic())
    detail = f"damaged ones mended after {mended:.2f} s; agent's processor time {used:.2f} s"
    return Measured(took, detail), Measured(lost.percent, f"{lost}, longest gap {gap:.0f} ms")


def _through(made: Routers, nets: Sequence[Net], others: Sequence[Net], far: Site) -> list[tuple[Guest, str]]:
    """A guest on another host in each network, and the gateway's address of another router."""
    flows = []
    for net, other in zip(nets, others, strict=True):
        beside = net.beside(far)
        (guest,) = beside.make(1)
        beside.post([guest])
        beside.plug([guest])
        far.host.run("ip", "-n", guest.name, "route", "add", "default", "via", f"10.{net.number}.0.1")
        address = made.made[other].gateway_address
        pinger = Pinger(guest)
        if not first_replies(pinger, [address], 0.1, 30):
            raise RuntimeError(f"{address} does not answer {guest.address} through its router")
        pinger.close()
        flows.append((guest, address))
    return flows


def _damage(host: TestHost, wanted: Sequence[Wanted]) -> None:
    one, two, three = (f"qrouter-{each.router_id}" for each in wanted)
    host.sh(f"""
        ip -n {one} -o -4 addr show scope global | awk '{{print $2, $4; exit}}' | {{ read -r device address
            ip -n {one} addr del $address dev $device; }}
        ip -n {two} route del default
        ip netns exec {three} nft flush ruleset
    """)


def _carried(host: TestHost) -> set[str]:
    """The ids of the routers that have a namespace."""
    words = host.run("ip", "netns").split()
    return {word.removeprefix("qrouter-") for word in words if word.startswith("qrouter-")}


def is_configured(host: TestHost, wanted: Wanted) -> bool:
    name = f"qrouter-{wanted.router_id}"
    script = f"""
        [ -e /run/netns/{name} ] || exit 0
        ip -n {name} -j -4 addr; echo ====; ip -n {name} -j route; echo ====; ip netns exec {name} nft list ruleset
    """
    parts = host.sh(script, check=False).split("====")
    return len(parts) == 3 and configured(parts[0].strip(), parts[1].strip(), parts[2], wanted)
