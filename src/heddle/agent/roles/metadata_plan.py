"""Where guests are heard on this host, decided from the view alone.

An owner is what brings guests: a router that the host serves ("router/<id>"), each of its interfaces a place; or the
DHCP of a network ("dhcp/<id>"), the server's interface one where it has the service's address.
"""

from __future__ import annotations

from collections.abc import Iterable

from heddle.agent.mirror import Mirror
from heddle.agent.roles import dhcp_plan, router_plan
from heddle.agent.roles.metadata_address import IPV4, IPV6, PORT, PORT_IN_ROUTERS, ROUTER, at_dhcp
from heddle.host.metadata import Place
from heddle.view.types import NeighbourView, PortView, Ref

ROLES = ("router", "dhcp")


def owners(mirror: Mirror) -> set[str]:
    """All that the host serves."""
    return {f"{role}/{id}" for role in ROLES for id in mirror.assigned(role)}


def concerned(mirror: Mirror, ref: Ref) -> Iterable[str]:
    """The owners whose places a change of an object may change, as the view now is."""
    item = mirror.get(ref)
    if ref.kind == "assignment":
        yield ref.id
    elif ref.kind == "router":
        yield f"router/{ref.id}"
    elif ref.kind in ("network", "subnet"):
        network_id = ref.id if ref.kind == "network" else str(getattr(item, "network_id", ""))
        yield f"dhcp/{network_id}"
        yield from (f"router/{port.device_id}" for port in mirror.ports_by_network.of(network_id))
    elif isinstance(item, PortView) and item.device_owner in (ROUTER, dhcp_plan.OWNER):
        yield f"router/{item.device_id}"
        yield f"dhcp/{item.network_id}"


def is_gateway(item: NeighbourView) -> bool:
    """Whether the port, wherever it is, makes its network one that is not isolated."""
    return item.device_owner == ROUTER


def places(mirror: Mirror, owner: str, isolated: bool) -> list[Place]:
    """Where the guests of an owner are heard; `isolated`: the DHCP server has the service's address where it should."""
    role, _, id = owner.partition("/")
    if owner not in mirror.assignments:
        return []
    return _at_router(mirror, id) if role == "router" else _at_dhcp(mirror, id) if isolated else []


def _at_router(mirror: Mirror, router_id: str) -> list[Place]:
    router = mirror.routers.get(router_id)
    if router is None or not router.admin_state_up:
        return []
    return [
        Place(f"qrouter-{router_id}", router_plan.interface_name(port), PORT_IN_ROUTERS, port.network_id)
        for port in sorted(mirror.ports_by_device.of(router_id), key=lambda port: port.id)
        if port.device_owner == ROUTER and port.fixed_ips
    ]


def _at_dhcp(mirror: Mirror, network_id: str) -> list[Place]:
    network = mirror.networks.get(network_id)
    ports = [port for port in mirror.ports_by_network.of(network_id) if port.device_owner == dhcp_plan.OWNER]
    if network is None or not network.admin_state_up or not ports:
        return []
    subnets = list(mirror.subnets_by_network.of(network_id))
    had = at_dhcp(subnets, list(mirror.neighbours_by_network.of(network_id)))
    addresses = tuple(each for each in (IPV4, IPV6) if any(each == one.partition("/")[0] for one in had))
    name = dhcp_plan.interface_name(ports[0])
    return [Place(f"qdhcp-{network_id}", name, PORT, network_id, addresses)] if addresses else []
