"""20 routers with gateway and interface: from the first POST until the host has them all.

A router is configured when its namespace has the address of each of its ports, the default route to the external
network's gateway, and the rule that translates to the gateway's address; read with `ip` and `nft`.
"""

from __future__ import annotations

import functools
import json
import time
from dataclasses import dataclass
from typing import Any

from tests.real.testhost import wait_until

from bench.cloud import Cloud, cpu_seconds
from bench.rows import Measured

API = "/v2.0"
OUTSIDE, GATEWAY = "203.0.0.0/16", "203.0.0.1"


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


def routers(cloud: Cloud, count: int = 20) -> dict[str, Measured]:
    api = cloud.api
    outside = {"name": "bench-public", "router:external": True, "provider:network_type": "flat",
               "provider:physical_network": "public"}  # fmt: skip
    external = api.call("POST", f"{API}/networks", {"network": outside})["network"]["id"]
    _subnet(cloud, external, OUTSIDE)
    inner = []
    for number in range(count):
        network = api.call("POST", f"{API}/networks", {"network": {"name": f"bench-r{number}"}})["network"]["id"]
        inner.append((network, _subnet(cloud, network, f"10.{number}.0.0/24"), f"10.{number}.0.1/24"))
    agent = cloud.process("agent")
    used = cpu_seconds(agent)
    started = time.monotonic()
    waiting = [_router(cloud, external, subnet, address) for _, subnet, address in inner]
    posted = time.monotonic() - started
    for wanted in waiting:
        wait_until(functools.partial(_check, cloud, wanted), 120, f"router {wanted.router_id} is configured", 0.02)
    took = time.monotonic() - started
    used = cpu_seconds(agent) - used
    wrong = sum(not _check(cloud, wanted) for wanted in waiting)
    started = time.monotonic()
    for wanted, (_, subnet, _) in zip(waiting, inner, strict=True):
        api.call("PUT", f"{API}/routers/{wanted.router_id}/remove_router_interface", {"subnet_id": subnet})
        api.call("DELETE", f"{API}/routers/{wanted.router_id}")
    wait_until(lambda: "qrouter-" not in cloud.host.run("ip", "netns"), 60, "the routers' namespaces are gone", 0.05)
    removed = time.monotonic() - started
    for network in [*(network for network, _, _ in inner), external]:
        api.call("DELETE", f"{API}/networks/{network}")
    if wrong:
        raise RuntimeError(f"{wrong} routers are no longer configured at the end")
    detail = f"requests {posted:.2f} s; agent's processor time {used:.2f} s; removed after {removed:.2f} s"
    return {"routers": Measured(took, detail)}


def _subnet(cloud: Cloud, network: str, cidr: str) -> str:
    body = {"network_id": network, "ip_version": 4, "cidr": cidr, "enable_dhcp": False}
    return str(cloud.api.call("POST", f"{API}/subnets", {"subnet": body})["subnet"]["id"])


def _router(cloud: Cloud, external: str, subnet: str, address: str) -> Wanted:
    body: dict[str, Any] = {"name": "bench", "external_gateway_info": {"network_id": external}}
    router = cloud.api.call("POST", f"{API}/routers", {"router": body})["router"]
    cloud.api.call("PUT", f"{API}/routers/{router['id']}/add_router_interface", {"subnet_id": subnet})
    outside = router["external_gateway_info"]["external_fixed_ips"][0]["ip_address"]
    return Wanted(router["id"], frozenset({address, f"{outside}/16"}), outside)


def _check(cloud: Cloud, wanted: Wanted) -> bool:
    name = f"qrouter-{wanted.router_id}"
    script = f"""
        [ -e /run/netns/{name} ] || exit 0
        ip -n {name} -j -4 addr; echo ====; ip -n {name} -j route; echo ====; ip netns exec {name} nft list ruleset
    """
    parts = cloud.host.sh(script, check=False).split("====")
    return len(parts) == 3 and configured(parts[0].strip(), parts[1].strip(), parts[2], wanted)
