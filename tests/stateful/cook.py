"""Asking step by step: somebody who makes one thing after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

from tests.stateful.world import World

from heddle.api.http import Route
from heddle.api.routes import Router


def matcher(routes: Sequence[Route]) -> Callable[[str, str], tuple[Route | None, dict[str, str]]]:
    """Finds the route of a request, and the variable parts of its path."""
    router = Router(list(routes))

    def find(method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        parts = [unquote(part) for part in path.partition("?")[0].split("/")[1:]]
        while parts and not parts[-1]:
            parts.pop()
        route, params, _ = router.find(method, parts)
        return route, params

    return find


class Cook:
    """Asks as somebody; `make` gives the object made, or None."""

    def __init__(self, world: World, who: str = "admin") -> None:
        self.world, self.who, self.rng = world, who, world.rng

    def make(self, path: str, member: str, **attributes: Any) -> dict[str, Any] | None:
        answer = self.call("POST", path, {member: attributes})
        return dict(answer.json()[member]) if answer.status == 201 else None

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return self.world.ask(self.who, method, path if path.startswith("/") else "/v2.0/" + path, body, headers)

    def life(self, path: str, member: str, change: dict[str, Any] | None = None) -> None:
        """List, show, change and delete what is at a path."""
        self.call("GET", path.rpartition("/")[0])
        self.call("GET", path)
        if change is not None:
            self.call("PUT", path, {member: change})
        self.call("DELETE", path)

    def network(self, **more: Any) -> dict[str, Any] | None:
        return self.make("networks", "network", name=f"n{self.rng.randrange(1000)}", **more)

    def subnet(self, network: dict[str, Any], cidr: str, **more: Any) -> dict[str, Any] | None:
        version = 6 if ":" in cidr else 4
        return self.make("subnets", "subnet", network_id=network["id"], cidr=cidr, ip_version=version, **more)

    def outside(self) -> dict[str, Any] | None:
        """An external network with a subnet: one that there is, or a new one."""
        found = [
            i.value for i in self.world.pool("networks") if i.value.get("router:external") and i.value.get("subnets")
        ]
        if found and self.rng.random() < 0.7:
            return self.rng.choice(found)
        admin = Cook(self.world)
        network = admin.network(**{"router:external": True})
        if network is None:
            return None
        admin.subnet(network, f"203.0.{self.rng.randrange(256)}.0/24", enable_dhcp=False)
        admin.call("GET", f"networks/{network['id']}")
        return network


def topology(world: World, who: str) -> dict[str, dict[str, Any]] | None:
    """A router between an external network and one of the asker's, with a port and a floating IP on it."""
    cook = Cook(world, who)
    Cook(world).call("DELETE", f"quotas/{world.clients[who].project_id}")
    outside, network = cook.outside(), cook.network()
    if outside is None or network is None:
        return None
    subnet = cook.subnet(network, f"10.{world.rng.randrange(256)}.{world.rng.randrange(256)}.0/24")
    router = cook.make("routers", "router", name="r", external_gateway_info={"network_id": outside["id"]})
    if subnet is None or router is None:
        return None
    cook.call("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    port = cook.make("ports", "port", network_id=network["id"])
    floating = cook.make("floatingips", "floatingip", floating_network_id=outside["id"])
    if port is None or floating is None:
        return None
    return {
        "outside": outside,
        "network": network,
        "subnet": subnet,
        "router": router,
        "port": port,
        "floating": floating,
    }


def tagged(cook: Cook, path: str) -> None:
    """All that can be done with the tags of the object at a path."""
    cook.call("PUT", f"{path}/tags", {"tags": ["red", "green"]})
    cook.call("POST", f"{path}/tags", {"tags": ["blue"]})
    cook.call("PUT", f"{path}/tags/pink")
    cook.call("GET", f"{path}/tags")
    cook.call("GET", f"{path}/tags/red")
    cook.call("DELETE", f"{path}/tags/red")
    cook.call("DELETE", f"{path}/tags")
