"""Routers: made, changed and deleted; a gateway to the outside, extra routes."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import msgspec

from heddle.control import (
    floating_places,
    ha_networks,
    ndp_proxies,
    ports,
    qos,
    quotas,
    router_hosts,
    router_modes,
    router_places,
    zones,
)
from heddle.control.context import Context
from heddle.control.lookup import need
from heddle.control.news import router_news
from heddle.errors import BadRequest, Conflict
from heddle.model.network import Network
from heddle.model.port import INTERFACES, ROUTER_GATEWAY
from heddle.model.resource import Draft
from heddle.model.router import Router
from heddle.model.values import FixedIp, GatewayInfo, HostRoute
from heddle.store.query import conntrack_helpers as helper_query
from heddle.store.query import floating_ips as floating_ip_query
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import routers as q
from heddle.store.query import subnets as subnet_query


def create_routers(ctx: Context, drafts: Sequence[Draft[Router]]) -> list[Router]:
    """Create routers, all or none.  Raises `BadRequest`, `NotFound`, `Conflict`."""
    created = []
    for draft in drafts:
        quotas.take(ctx, draft.value.project_id, "router")
        router = ctx.made(draft.value)
        router_modes.choose(ctx, router)
        answers, router.enable_ndp_proxy = router.enable_ndp_proxy, False
        zones.check_hints(ctx, router_places.ROLE, router.availability_zone_hints)
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
        router_hosts.convert(ctx, new)
    if new.distributed != old.distributed:
        router_modes.convert_interfaces(ctx, new)
    router_news(ctx.tx, new)
    if any(getattr(new, name) != getattr(old, name) for name in ("distributed", "ha", "enable_snat")):
        floating_places.of_router(ctx, new.id)
    return _again(ctx, new)


def delete_router(ctx: Context, router: Router) -> None:
    """Raises `Conflict` (RouterInUse) while it has interfaces."""
    if port_query.of_device(ctx.tx, router.id, INTERFACES):
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
    inside = port_query.of_device(ctx.tx, router.id, INTERFACES)
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
    own = port_query.of_device(ctx.tx, router.id, [*INTERFACES, ROUTER_GATEWAY])
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


def _again(ctx: Context, router: Router) -> Router:
    found = q.ROUTERS.get(ctx.tx, router.id)
    assert found is not None
    return found
