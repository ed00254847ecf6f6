"""The interfaces of routers: ports that join them to subnets.

A router has one interface for each IPv4 subnet.  Of IPv6 it has one for each network, with an address of every subnet
that it is joined to there: their prefixes are advertised together.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from heddle.control import floating_places, ndp_proxies, ports, router_hosts, router_modes
from heddle.control.context import Context
from heddle.control.lookup import need, not_found
from heddle.control.news import router_news
from heddle.errors import BadRequest, Conflict, NotFound
from heddle.model.port import INTERFACES, ROUTER_GATEWAY, Port
from heddle.model.resource import Draft
from heddle.model.router import Router
from heddle.model.subnet import Subnet
from heddle.model.values import FixedIp
from heddle.store.query import floating_ips as floating_ip_query
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import routers as q
from heddle.store.query import subnets as subnet_query


@dataclass(frozen=True, slots=True)
class Interface:
    """What joins a router to a subnet, as the API tells it."""

    router: Router
    port: Port
    subnet_ids: list[str]


def add_interface(ctx: Context, router: Router, *, subnet_id: str = "", port_id: str = "") -> Interface:
    """Join a router to a subnet, with its gateway address or with a given port.  Raises `BadRequest`, `Conflict`."""
    q.ROUTERS.lock(ctx.tx, router.id)
    if port_id:
        port, subnets = _adopt_port(ctx, router, port_id)
    else:
        port, subnets = _make_port(ctx, router, subnet_id)
    bump(ctx, router)
    if router.distributed:
        floating_places.of_router(ctx, router.id)
    return Interface(router, port, [subnet.id for subnet in subnets])


def remove_interface(ctx: Context, router: Router, *, subnet_id: str = "", port_id: str = "") -> Interface:
    """Take a subnet from a router, or a port with all its subnets; a port without a subnet left goes.

    Raises `NotFound` for an interface that is not there, `Conflict` while floating IPs or routes need it.
    """
    port = _find_interface(ctx, router, subnet_id, port_id)
    gone = [fixed_ip for fixed_ip in port.fixed_ips if port_id or fixed_ip.subnet_id == subnet_id]
    left = [fixed_ip for fixed_ip in port.fixed_ips if fixed_ip not in gone]
    _check_interface_unused(ctx, router, gone)
    ndp_proxies.check_interface_goes(ctx, router, msgspec.structs.replace(port, fixed_ips=gone))
    if left:
        _readdress(ctx, port, left)
    else:
        ports.delete_port(ctx, port, own=True)
    bump(ctx, router)
    subnets = [fixed_ip.subnet_id for fixed_ip in gone]
    return Interface(router, port, [subnet_id] if subnet_id else subnets)


def _readdress(ctx: Context, port: Port, fixed_ips: list[FixedIp]) -> Port:
    new = msgspec.structs.replace(port, fixed_ips=fixed_ips)
    return ports.update_port(ctx, port, Draft(new, frozenset({"fixed_ips"})), own=True)


def _make_port(ctx: Context, router: Router, subnet_id: str) -> tuple[Port, list[Subnet]]:
    subnet = need(ctx, subnet_query.SUBNETS, subnet_id)
    if subnet.gateway_ip is None:
        raise BadRequest(
            "BadRequest", f"Bad router request: Subnet {subnet_id} for router interface must have a gateway IP."
        )
    network = need(ctx, network_query.NETWORKS, subnet.network_id)
    _check_owner(ctx, f"subnet {subnet.id}", network.project_id)
    _check_apart(ctx, router, [subnet])
    _check_advertised_here(subnet)
    fixed_ips = [FixedIp(subnet.id, subnet.gateway_ip)]
    there = _ipv6_interface(ctx, router, network.id) if subnet.ip_version == 6 else None
    if there is not None:
        return _readdress(ctx, there, [*there.fixed_ips, *fixed_ips]), [subnet]
    host = router_hosts.host_for(ctx, router, network.id, fixed_ips)
    port = ports.own_port(
        ctx,
        network,
        owner=router_modes.interface_owner(router),
        device_id=router.id,
        project_id=router.project_id,
        host=host,
        fixed_ips=fixed_ips,
    )
    return port, [subnet]


def _check_advertised_here(subnet: Subnet) -> None:
    if subnet.ip_version == 6 and subnet.ipv6_address_mode and not subnet.ipv6_ra_mode:
        raise BadRequest(
            "BadRequest",
            f"Bad router request: IPv6 subnet {subnet.id} configured to receive RAs from an external router cannot be "
            "added to Neutron Router.",
        )


def _ipv6_interface(ctx: Context, router: Router, network_id: str) -> Port | None:
    """The router's interface with IPv6 on a network."""
    interfaces = port_query.of_device(ctx.tx, router.id, INTERFACES)
    mine = (port for port in interfaces if port.network_id == network_id)
    return next((port for port in mine if any(":" in fixed_ip.ip_address for fixed_ip in port.fixed_ips)), None)


def _adopt_port(ctx: Context, router: Router, port_id: str) -> tuple[Port, list[Subnet]]:
    port = need(ctx, port_query.PORTS, port_id)
    _check_owner(ctx, f"port {port.id}", port.project_id)
    if port.device_id and (port.device_id != router.id or port.device_owner):
        raise Conflict(
            "PortInUse",
            f"Unable to complete operation on port {port.id} for network {port.network_id}. Port already has an "
            f"attached device {port.device_id}.",
        )
    if not port.fixed_ips:
        raise BadRequest(
            "BadRequest", f"Bad router request: Router port must have at least one fixed IP; port {port.id} has none."
        )
    subnets = list(subnet_query.SUBNETS.get_many(ctx.tx, [f.subnet_id for f in port.fixed_ips]).values())
    if len([subnet for subnet in subnets if subnet.ip_version == 4]) > 1:
        raise BadRequest("BadRequest", "Bad router request: Cannot have multiple IPv4 subnets on router port.")
    if any(subnet.ip_version == 6 for subnet in subnets):
        _check_only_ipv6(ctx, router, port)
    _check_apart(ctx, router, subnets)
    new = msgspec.structs.replace(
        port,
        device_id=router.id,
        device_owner=router_modes.interface_owner(router),
        binding_host_id=router_hosts.host_for(ctx, router, port.network_id, port.fixed_ips),
        port_security_enabled=False,
        security_groups=[],
        allowed_address_pairs=[],
    )
    names = frozenset({"device_id", "device_owner", "binding_host_id", "security_groups"})
    return ports.update_port(ctx, port, Draft(new, names), own=True), subnets


def _check_only_ipv6(ctx: Context, router: Router, port: Port) -> None:
    there = _ipv6_interface(ctx, router, port.network_id)
    if there is not None:
        raise BadRequest(
            "BadRequest",
            f"Bad router request: Router already contains IPv6 port {there.id} belonging to network id "
            f"{port.network_id}. Only one IPv6 port from the same network subnet can be connected to a router.",
        )


def _check_owner(ctx: Context, what: str, project_id: str) -> None:
    """A network's gateway address is for its owner to give, and a port is its project's: seeing them is not enough."""
    if not ctx.caller.is_admin and project_id != ctx.caller.project_id:
        raise BadRequest(
            "BadRequest",
            f"Bad router request: Cannot add interface to router because {what} is not owned by project making the "
            "request.",
        )


def _check_apart(ctx: Context, router: Router, subnets: Sequence[Subnet]) -> None:
    """A router's subnets do not overlap, and it has one interface to each."""
    own = port_query.of_device(ctx.tx, router.id, [*INTERFACES, ROUTER_GATEWAY])
    known = subnet_query.SUBNETS.get_many(ctx.tx, [f.subnet_id for port in own for f in port.fixed_ips])
    for subnet in subnets:
        if subnet.id in known:
            raise BadRequest("BadRequest", f"Bad router request: Router already has a port on subnet {subnet.id}.")
        for other in known.values():
            if ipaddress.ip_network(subnet.cidr).overlaps(ipaddress.ip_network(other.cidr)):
                raise BadRequest(
                    "BadRequest",
                    f"Bad router request: Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr {other.cidr} "
                    f"of subnet {other.id}.",
                )


def _find_interface(ctx: Context, router: Router, subnet_id: str, port_id: str) -> Port:
    interfaces = port_query.of_device(ctx.tx, router.id, INTERFACES)
    if port_id:
        port = next((port for port in interfaces if port.id == port_id), None)
        if port is None:
            raise NotFound(
                "RouterInterfaceNotFound", f"Router {router.id} does not have an interface with id {port_id}"
            )
        if subnet_id and subnet_id not in {fixed_ip.subnet_id for fixed_ip in port.fixed_ips}:
            raise Conflict(
                "SubnetMismatchForPort", f"Subnet on port {port_id} does not match the requested subnet {subnet_id}."
            )
        return port
    need(ctx, subnet_query.SUBNETS, subnet_id)
    for port in interfaces:
        if any(fixed_ip.subnet_id == subnet_id for fixed_ip in port.fixed_ips):
            return port
    raise NotFound("RouterInterfaceNotFoundForSubnet", f"Router {router.id} has no interface on subnet {subnet_id}.")


def _check_interface_unused(ctx: Context, router: Router, gone: Sequence[FixedIp]) -> None:
    subnets = subnet_query.SUBNETS.get_many(ctx.tx, [fixed_ip.subnet_id for fixed_ip in gone]).values()
    blocks = [ipaddress.ip_network(subnet.cidr) for subnet in subnets]
    for floating_ip in floating_ip_query.of_router(ctx.tx, router.id):
        reached = {floating_ip.fixed_ip_address, *(f["internal_ip_address"] for f in floating_ip.port_forwardings)}
        if any(ipaddress.ip_address(each) in block for each in reached - {None} for block in blocks):
            raise Conflict(
                "RouterInterfaceInUseByFloatingIP",
                f"Router interface for subnet {gone[0].subnet_id} on router {router.id} cannot be deleted, "
                "as it is required by one or more floating IPs.",
            )
    for route in router.routes:
        if any(ipaddress.ip_address(route.nexthop) in block for block in blocks):
            raise Conflict(
                "RouterInterfaceInUseByRoute",
                f"Router interface for subnet {gone[0].subnet_id} on router {router.id} cannot be deleted, "
                "as it is required by one or more routes.",
            )


def bump(ctx: Context, router: Router) -> None:
    """The router's ports changed: so did the router."""
    stored = q.ROUTERS.get(ctx.tx, router.id)
    if stored is None:
        raise not_found(Router, router.id)
    new = ctx.changed(stored)
    q.ROUTERS.update(ctx.tx, stored, new)
    router_news(ctx.tx, new)
