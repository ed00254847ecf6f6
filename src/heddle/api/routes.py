"""The table of contents of the API: every method and path, the function that answers, and its policy rule.

`heddle routes` prints it.  A path is looked up by its parts, so that finding a route costs the same however many
there are.  Clients of the Networking API write the names in it with underscores or with hyphens.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from heddle.api import health, metrics, openapi
from heddle.api.http import Route
from heddle.api.identity.routes import ROUTES as IDENTITY_ROUTES
from heddle.api.network import (
    address_group_actions,
    agent_schedulers,
    audits,
    availability,
    capacities,
    flavors,
    floating_ip_pools,
    loggable_resources,
    meter_counts,
    operation,
    port_bindings,
    qos,
    realised,
    router_actions,
    subnet_pool_actions,
    tags,
    topologies,
    trunk_actions,
    versions,
)
from heddle.api.network.collections import EVERY, TAGGED

ROUTES: list[Route] = [
    *health.ROUTES,
    *metrics.ROUTES,
    *openapi.routes(lambda: ROUTES),
    *versions.ROUTES,
    *(route for collection in EVERY for route in collection.routes()),
    *router_actions.ROUTES,
    *agent_schedulers.ROUTES,
    *port_bindings.ROUTES,
    *subnet_pool_actions.ROUTES,
    *address_group_actions.ROUTES,
    *topologies.ROUTES,
    *availability.ROUTES,
    *trunk_actions.ROUTES,
    *loggable_resources.ROUTES,
    *flavors.ROUTES,
    *floating_ip_pools.ROUTES,
    *(route for collection in TAGGED for route in tags.Tagging(collection).routes()),
    *qos.ROUTES,
    *operation.ROUTES,
    *realised.ROUTES,
    *audits.ROUTES,
    *meter_counts.ROUTES,
    *capacities.ROUTES,
    *IDENTITY_ROUTES,
]


def known() -> list[tuple[str, str]]:
    """The method and the path of each route, in the order in which requests are counted."""
    return [(route.method, route.path) for route in ROUTES]


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    variable: _Node | None = None
    name: str = ""
    methods: dict[str, Route] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Router:
    """Finds the route of a path.  Raises `ValueError` for two routes of the same method and path."""

    def __init__(self, routes: list[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        names: list[str] = []
        for part in _parts(route.path):
            if part.startswith("{"):
                names.append(part[1:-1])
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.children.setdefault(_key(part), _Node())
        if route.method in node.methods:
            raise ValueError(f"two routes for {route.method} {route.path}")
        node.methods[route.method] = route
        node.names[route.method] = tuple(names)

    def find(self, method: str, parts: list[str]) -> tuple[Route | None, dict[str, str], list[str]]:
        """The route, the variable parts, and the methods that the path has (none: there is no such path)."""
        found = self._walk(self._root, parts, 0, [])
        if found is None:
            return None, {}, []
        node, values = found
        wanted = "GET" if method == "HEAD" and "HEAD" not in node.methods else method
        route = node.methods.get(wanted)
        if route is None:
            return None, {}, sorted(node.methods)
        return route, dict(zip(node.names[wanted], values, strict=True)), sorted(node.methods)

    def _walk(self, node: _Node, parts: list[str], place: int, values: list[str]) -> tuple[_Node, list[str]] | None:
        if place == len(parts):
            return (node, values) if node.methods else None
        child = node.children.get(_key(parts[place]))
        if child is not None:
            found = self._walk(child, parts, place + 1, values)
            if found is not None:
                return found
        if node.variable is not None and parts[place]:
            return self._walk(node.variable, parts, place + 1, [*values, parts[place]])
        return None


def _key(part: str) -> str:
    return part.replace("_", "-")


def _parts(path: str) -> list[str]:
    return path.strip("/").split("/") if path.strip("/") else []
