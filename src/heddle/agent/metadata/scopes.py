"""What the metadata process is told of: networks with all that is in them, floating IPs of routers, hosts.  Pure.

Both sides use the scopes' names of the view, and find out by a digest whether one has missed something.
"""

from __future__ import annotations

from heddle.agent.mirror import Mirror, ref_of
from heddle.view.types import (
    CLOUD,
    FloatingIpView,
    HostView,
    NeighbourView,
    NetworkView,
    Object,
    SubnetView,
    digest,
    network_scope,
    router_scope,
)

TOLD = ("network", "subnet", "neighbour", "floating_ip", "host")


def scope_of(item: Object | None) -> str:
    """The scope of an object that is told, "" for others and for none."""
    match item:
        case NetworkView():
            return network_scope(item.id)
        case SubnetView() | NeighbourView():
            return network_scope(item.network_id)
        case FloatingIpView():
            return router_scope(item.router_id)
        case HostView():
            return CLOUD
    return ""


def items(mirror: Mirror, scope: str) -> list[Object]:
    """All that is told of a scope; nothing of a network that is not known."""
    if scope == CLOUD:
        return list(mirror.hosts.values())
    kind, _, id = scope.partition(":")
    if kind == "router":
        return list(mirror.floating_ips_by_router.of(id))
    if id not in mirror.networks:
        return []
    return [mirror.networks[id], *mirror.subnets_by_network.of(id), *mirror.neighbours_by_network.of(id)]


def content(mirror: Mirror, scope: str) -> str:
    """A digest of what is known of a scope: the same on both sides when nothing was missed."""
    return digest((ref_of(item).kind, item.id, item.revision) for item in items(mirror, scope))
