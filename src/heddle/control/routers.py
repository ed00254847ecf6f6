"""Routers: interfaces to subnets, a gateway to the outside, extra routes."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from heddle.control import ha_networks, ndp_proxies, ports, qos, quotas, router_hosts, router_modes, zones
from heddle.control.context import Context
from heddle.control.lookup import need, not_found
from heddle.control.news import router_news
from heddle.errors import BadRequest, Conflict, NotFound
from heddle.model.network import Network
from heddle.model.port import ROUTER_GATEWAY, ROUTER_INTERFACE, Port
from heddle.model.resource import Draft
from heddle.model.router import Router
from heddle.model.subnet import Subnet
from heddle.model.values import FixedIp, GatewayInfo, HostRoute
from heddle.store.query import conntrack_helpers as helper_query
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


def create_routers(ctx: Context, drafts: Sequence[Draft[Router]]) -> list[Router]:
    """Create routers, all or none.  Raises `BadRequest`, `NotFound`, `Conflict`."""
    created = []
    for draft in drafts:
        quotas.take(ctx, draft.value.project_id, "router")
        router = ctx.made(draft.value)
        router_modes.choose(ctx, router)
        answers, router.enable_ndp_proxy = router.enable_ndp_proxy, False
        zones.check_hints(ctx, router_hosts.ROLE, router.availability_zone_hints)
        router.qos_policy_id = _policy_of_gateway(ctx, router, router.external_gateway_info)
        q.ROUTERS.insert(ctx.tx, [router])
        if router.ha:
            ha_networks.ensure(ctx, router.project_id)
        if router.external_gateway_info is not None:
            _set_gateway(ctx, router, router.external_gateway_info)
        if answers:
            _answer(ctx, router)
        router_news(ctx.tx, router)
        created.append(_again(ctx, router))
    return created


def _answer(ctx: Context, router: Router) -> None:
    """A new router is to answer for guests on its external network.  Raises `Conflict` where it cannot."""
    stored = q.ROUTERS.get(ctx.tx, router.id, bare=True)
    assert stored is not None
    router.enable_ndp_proxy = True
    ndp_proxies.settle(ctx, router, None, asked=True)
    q.ROUTERS.update(ctx.tx, stored, router)


def update_router(ctx: Context, old: Router, draft: Draft[Router]) -> Router:
    """Raises `BadRequest`, `NotFound`, `Conflict` when floating IPs or routes need what is taken away."""
    new = ctx.changed(old, draft.value)
    router_modes.check_change(ctx, old, new)
    if "external_gateway_info" in draft.given:
        _change_gateway(ctx, old, new)
        if "routes" not in draft.given:
            _check_routes_stay(ctx, new)
    if "routes" in draft.given:
        _check_routes(ctx, new, new.routes)
    ndp_proxies.settle(ctx, new, old, asked="enable_ndp_proxy" in draft.given)
    stored = q.ROUTERS.get(ctx.tx, old.id)
    assert stored is not None
    q.ROUTERS.update(ctx.tx, stored, new)
    if new.ha != old.ha:
        (ha_networks.ensure if new.ha else ha_networks.release)(ctx, new.project_id)
    router_news(ctx.tx, new)
    return _again(ctx, new)


def delete_router(ctx: Context, router: Router) -> None:
    """Raises `Conflict` (RouterInUse) while it has interfaces."""
    if port_query.of_device(ctx.tx, router.id, [ROUTER_INTERFACE]):
        raise Conflict("RouterInUse", f"Router {router.id} still has ports")
    _check_gateway_goes(ctx, router)
    _drop_gateway(ctx, router)
    helper_query.drop(ctx.tx, router.id)
    router_hosts.forget(ctx, router)
    q.ROUTERS.delete(ctx.tx, router.id)
    if router.ha:
        ha_networks.release(ctx, router.project_id)
    quotas.give_back(ctx, router.project_id, "router")
    router_news(ctx.tx, router, gone=True)


# Interfaces


def add_interface(ctx: Context, router: Router, *, subnet_id: str = "", port_id: str = "") -> Interface:
    """Join a router to a subnet, with its gateway address or with a given port.  Raises `BadRequest`, `Conflict`."""
    q.ROUTERS.lock(ctx.tx, router.id)
    if port_id:
        port, subnets = _adopt_port(ctx, router, port_id)
    else:
        port, subnets = _make_port(ctx, router, subnet_id)
    _bump(ctx, router)
    return Interface(router, port, [subnet.id for subnet in subnets])


def remove_interface(ctx: Context, router: Router, *, subnet_id: str = "", port_id: str = "") -> Interface:
    """Raises `NotFound` for an interface that is not there, `Conflict` while floating IPs or routes need it."""
    port = _find_interface(ctx, router, subnet_id, port_id)
    subnets = [fixed_ip.subnet_id for fixed_ip in port.fixed_ips]
    _check_interface_unused(ctx, router, port)
    ndp_proxies.check_interface_goes(ctx, router, port)
    ports.delete_port(ctx, port, own=True)
    _bump(ctx, router)
    return Interface(router, port, [subnet_id] if subnet_id else subnets)


def _make_port(ctx: Context, router: Router, subnet_id: str) -> tuple[Port, list[Subnet]]:
    subnet = need(ctx, subnet_query.SUBNETS, subnet_id)
    if subnet.gateway_ip is None:
        raise BadRequest(
            "BadRequest", f"Bad router request: Subnet {subnet_id} for router interface must have a gateway IP."
        )
    network = need(ctx, network_query.NETWORKS, subnet.network_id)
    _check_owner(ctx, f"subnet {subnet.id}", network.project_id)
    _check_apart(ctx, router, [subnet])
    fixed_ips = [FixedIp(subnet.id, subnet.gateway_ip)]
    host = router_hosts.host_for(ctx, router, network.id, fixed_ips)
    port = ports.own_port(
        ctx,
        network,
        owner=ROUTER_INTERFACE,
        device_id=router.id,
        project_id=router.project_id,
        host=host,
        fixed_ips=fixed_ips,
    )
    return port, [subnet]


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
    _check_apart(ctx, router, subnets)
    new = msgspec.structs.replace(
        port,
        device_id=router.id,
        device_owner=ROUTER_INTERFACE,
        binding_host_id=router_hosts.host_for(ctx, router, port.network_id, port.fixed_ips),
        port_security_enabled=False,
        security_groups=[],
        allowed_address_pairs=[],
    )
    names = frozenset({"device_id", "device_owner", "binding_host_id", "security_groups"})
    return ports.update_port(ctx, port, Draft(new, names), own=True), subnets


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
    own = port_query.of_device(ctx.tx, router.id, [ROUTER_INTERFACE, ROUTER_GATEWAY])
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
    interfaces = port_query.of_device(ctx.tx, router.id, [ROUTER_INTERFACE])
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


def _check_interface_unused(ctx: Context, router: Router, port: Port) -> None:
    subnets = subnet_query.SUBNETS.get_many(ctx.tx, [fixed_ip.subnet_id for fixed_ip in port.fixed_ips]).values()
    blocks = [ipaddress.ip_network(subnet.cidr) for subnet in subnets]
    for floating_ip in floating_ip_query.of_router(ctx.tx, router.id):
        reached = {floating_ip.fixed_ip_address, *(f["internal_ip_address"] for f in floating_ip.port_forwardings)}
        if any(ipaddress.ip_address(each) in block for each in reached - {None} for block in blocks):
            raise Conflict(
                "RouterInterfaceInUseByFloatingIP",
                f"Router interface for subnet {port.fixed_ips[0].subnet_id} on router {router.id} cannot be deleted, "
                "as it is required by one or more floating IPs.",
            )
    for route in router.routes:
        if any(ipaddress.ip_address(route.nexthop) in block for block in blocks):
            raise Conflict(
                "RouterInterfaceInUseByRoute",
                f"Router interface for subnet {port.fixed_ips[0].subnet_id} on router {router.id} cannot be deleted, "
                "as it is required by one or more routes.",
            )


# The gateway


def _change_gateway(ctx: Context, old: Router, new: Router) -> None:
    wanted = new.external_gateway_info
    new.qos_policy_id = _policy_of_gateway(ctx, old, wanted)
    if wanted is None:
        if old.gateway_port_id:
            _check_gateway_goes(ctx, old)
        _drop_gateway(ctx, old)
        new.gateway_port_id, new.enable_snat = None, True
        return
    have = old.external_gateway_info
    if have is not None and have.network_id == wanted.network_id:
        _change_snat(new, wanted)
        if wanted.external_fixed_ips is not None:
            _readdress(ctx, old, wanted.external_fixed_ips)
        return
    if have is not None:
        _check_gateway_goes(ctx, old)
        _drop_gateway(ctx, old)
    _set_gateway(ctx, new, wanted)


def _change_snat(router: Router, wanted: GatewayInfo) -> None:
    router.enable_snat = router.enable_snat if wanted.enable_snat is None else wanted.enable_snat


def _policy_of_gateway(ctx: Context, router: Router, wanted: GatewayInfo | None) -> str | None:
    """The gateway's QoS policy: as asked, else the one that it has.  Raises `NotFound`, `Forbidden`."""
    if wanted is None:
        return None
    if wanted.qos_policy_id is msgspec.UNSET:
        return router.qos_policy_id
    qos.check_policy_change(ctx, router.qos_policy_id, wanted.qos_policy_id)
    return wanted.qos_policy_id


def _set_gateway(ctx: Context, router: Router, wanted: GatewayInfo) -> None:
    network = need(ctx, network_query.NETWORKS, wanted.network_id)
    if not network.router_external:
        raise BadRequest("BadRequest", f"Bad router request: Network {network.id} is not an external network.")
    _check_gateway_apart(ctx, router, network)
    router.enable_snat = wanted.enable_snat is not False
    stored = q.ROUTERS.get(ctx.tx, router.id)
    assert stored is not None
    host = router_hosts.host_for(ctx, router, network.id, wanted.external_fixed_ips)
    port = ports.own_port(
        ctx,
        network,
        owner=ROUTER_GATEWAY,
        device_id=router.id,
        project_id="",
        host=host,
        fixed_ips=wanted.external_fixed_ips,
    )
    router.gateway_port_id = port.id
    q.ROUTERS.update(ctx.tx, stored, router)


def _check_gateway_apart(ctx: Context, router: Router, network: Network) -> None:
    outside = subnet_query.of_network(ctx.tx, network.id)
    inside = port_query.of_device(ctx.tx, router.id, [ROUTER_INTERFACE])
    known = subnet_query.SUBNETS.get_many(ctx.tx, [f.subnet_id for port in inside for f in port.fixed_ips])
    for subnet in known.values():
        for other in outside:
            if ipaddress.ip_network(subnet.cidr).overlaps(ipaddress.ip_network(other.cidr)):
                raise BadRequest(
                    "BadRequest",
                    f"Bad router request: Cidr {other.cidr} of subnet {other.id} overlaps with cidr {subnet.cidr} of "
                    f"subnet {subnet.id}.",
                )


def _readdress(ctx: Context, router: Router, fixed_ips: Sequence[FixedIp]) -> None:
    port = port_query.PORTS.get(ctx.tx, router.gateway_port_id or "")
    if port is not None:
        new = msgspec.structs.replace(port, fixed_ips=list(fixed_ips))
        changed = ports.update_port(ctx, port, Draft(new, frozenset({"fixed_ips"})))
        ndp_proxies.check_gateway_addresses(router, changed)


def _drop_gateway(ctx: Context, router: Router) -> None:
    port = port_query.PORTS.get(ctx.tx, router.gateway_port_id) if router.gateway_port_id else None
    if port is None:
        return
    stored = q.ROUTERS.get(ctx.tx, router.id)
    assert stored is not None
    q.ROUTERS.update(ctx.tx, stored, msgspec.structs.replace(stored, gateway_port_id=None))
    ports.delete_port(ctx, port, own=True)


def _check_gateway_goes(ctx: Context, router: Router) -> None:
    if floating_ip_query.of_router(ctx.tx, router.id):
        raise Conflict(
            "RouterExternalGatewayInUseByFloatingIp",
            f"Gateway cannot be updated for router {router.id}, since a gateway to external network is required by "
            "one or more floating IPs.",
        )
    ndp_proxies.check_gateway_goes(ctx, router)


# Routes


def _check_routes(ctx: Context, router: Router, routes: Sequence[HostRoute]) -> None:
    """A route's next hop is on a subnet of the router and not its own address.  Raises `BadRequest`."""
    limit = ctx.settings.network.max_routes
    if len(routes) > limit:
        raise BadRequest(
            "RoutesExhausted",
            f"Unable to complete operation for {router.id}. The number of routes exceeds the maximum {limit}.",
        )
    own = port_query.of_device(ctx.tx, router.id, [ROUTER_INTERFACE, ROUTER_GATEWAY])
    mine = {fixed_ip.ip_address for port in own for fixed_ip in port.fixed_ips}
    known = subnet_query.SUBNETS.get_many(ctx.tx, [f.subnet_id for port in own for f in port.fixed_ips])
    blocks = [ipaddress.ip_network(subnet.cidr) for subnet in known.values()]
    for route in routes:
        nexthop = ipaddress.ip_address(route.nexthop)
        if not any(nexthop in block for block in blocks):
            reason = "the nexthop is not connected with router"
        elif route.nexthop in mine:
            reason = "the nexthop is used by router"
        elif ipaddress.ip_network(route.destination).version != nexthop.version:
            reason = "the nexthop is of another IP version than the destination"
        else:
            continue
        raise BadRequest(
            "InvalidRoutes", f"Invalid format for routes: {route.destination} via {route.nexthop}, {reason}"
        )


def _check_routes_stay(ctx: Context, router: Router) -> None:
    """The routes that a router has are still possible.  Raises `Conflict`."""
    try:
        _check_routes(ctx, router, router.routes)
    except BadRequest as error:
        message = f"Gateway cannot be updated for router {router.id}, since a route needs it: {error}"
        raise Conflict("RouterExternalGatewayInUseByRoute", message) from None


def _bump(ctx: Context, router: Router) -> None:
    stored = q.ROUTERS.get(ctx.tx, router.id)
    if stored is None:
        raise not_found(Router, router.id)
    new = ctx.changed(stored)
    q.ROUTERS.update(ctx.tx, stored, new)
    router_news(ctx.tx, new)


def _again(ctx: Context, router: Router) -> Router:
    found = q.ROUTERS.get(ctx.tx, router.id)
    assert found is not None
    return found
