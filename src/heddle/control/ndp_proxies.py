"""NDP proxies: guests whose IPv6 addresses a router answers for on the external network.

Addresses inside and outside are of one address scope, so that they are routed and not translated.
"""

from __future__ import annotations

from collections.abc import Sequence

from heddle.control.context import Context
from heddle.control.lookup import need
from heddle.control.news import router_news
from heddle.errors import BadRequest, Conflict
from heddle.model.ndp_proxy import NdpProxy
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.resource import Draft
from heddle.model.router import Router
from heddle.model.values import FixedIp
from heddle.store.query import ndp_proxies as q
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import routers as router_query
from heddle.store.query import subnets as subnet_query


def create_ndp_proxies(ctx: Context, drafts: Sequence[Draft[NdpProxy]]) -> list[NdpProxy]:
    """Raises `BadRequest`, `NotFound`, `Conflict` where the router cannot answer for the port."""
    return [_create(ctx, draft.value) for draft in drafts]


def _create(ctx: Context, wanted: NdpProxy) -> NdpProxy:
    port = need(ctx, port_query.PORTS, wanted.port_id, hold=True)
    router = need(ctx, router_query.ROUTERS, wanted.router_id, lock=True)
    interfaces = [
        interface
        for interface in port_query.of_device(ctx.tx, router.id)
        if interface.network_id == port.network_id and interface.id != router.gateway_port_id
    ]
    if not interfaces:
        raise _unreachable(router, port)
    gateway = router.external_gateway_info
    if not router.enable_ndp_proxy or gateway is None:
        raise Conflict(
            "RouterNDPProxyNotEnable",
            f"The enable_ndp_proxy parameter of router {router.id} must be set as True while create ndp proxy entry "
            "on it.",
        )
    proxy = ctx.made(wanted, ip_address=_address(router, port, interfaces, wanted.ip_address))
    _check_scopes(ctx, gateway.network_id, port.network_id)
    q.NDP_PROXIES.insert(ctx.tx, [proxy])
    router_news(ctx.tx, router)
    return proxy


def _address(router: Router, port: Port, interfaces: Sequence[Port], wanted: str | None) -> str:
    """The port's address that the router reaches, the one that is wanted where one is."""
    own = _ipv6(port.fixed_ips)
    if not own:
        raise BadRequest(
            "BadRequest",
            f"Bad ndp_proxy request: Requested port {port.id} must allocate one IPv6 address at least.",
        )
    reached = {fixed_ip.subnet_id for interface in interfaces for fixed_ip in _ipv6(interface.fixed_ips)}
    for fixed_ip in own:
        if fixed_ip.subnet_id in reached and wanted in (None, fixed_ip.ip_address):
            return fixed_ip.ip_address
    if wanted is None:
        raise _unreachable(router, port)
    known = any(fixed_ip.ip_address == wanted for fixed_ip in own)
    reason = f"cannot reach the router {router.id}" if known else f"not belong to the port {port.id}"
    raise BadRequest("InvalidAddress", f"The address {wanted} is invalid, reason: This address {reason}.")


def _ipv6(fixed_ips: Sequence[FixedIp]) -> list[FixedIp]:
    return [fixed_ip for fixed_ip in fixed_ips if ":" in fixed_ip.ip_address]


def _unreachable(router: Router, port: Port) -> Conflict:
    return Conflict("PortUnreachableRouter", f"The port {port.id} cannot reach the router {router.id} by IPv6 subnet.")


def _check_scopes(ctx: Context, outside: str, inside: str) -> None:
    found = network_query.NETWORKS.get_many(ctx.tx, [outside, inside])
    scopes = [found[id].ipv6_address_scope for id in (outside, inside)]
    if scopes[0] != scopes[1]:
        raise Conflict(
            "AddressScopeConflict",
            f"The IPv6 address scope {scopes[0]} of external network conflict with internal network's IPv6 address "
            f"scope {scopes[1]}.",
        )


def update_ndp_proxy(ctx: Context, old: NdpProxy, draft: Draft[NdpProxy]) -> NdpProxy:
    new = ctx.changed(old, draft.value)
    q.NDP_PROXIES.update(ctx.tx, old, new)
    return new


def delete_ndp_proxy(ctx: Context, proxy: NdpProxy) -> None:
    router = router_query.ROUTERS.lock(ctx.tx, proxy.router_id)
    q.NDP_PROXIES.delete(ctx.tx, proxy.id)
    if router is not None:
        router_news(ctx.tx, router)


# What a router must be, and what it must keep


def settle(ctx: Context, router: Router, old: Router | None, *, asked: bool) -> None:
    """Whether a router, with its gateway as it will be, may answer; `asked`: a request says whether it is to.

    Raises `Conflict` where it cannot; one that was not asked for, and whose gateway went, stops instead.
    """
    if router.enable_ndp_proxy is None or not asked:
        router.enable_ndp_proxy = bool(old is not None and old.enable_ndp_proxy)
        asked = False
    if not router.enable_ndp_proxy or (not asked and old is not None and old.gateway_port_id == router.gateway_port_id):
        return
    reason = _obstacle(ctx, router)
    if reason and asked:
        raise Conflict("RouterGatewayNotValid", f"Can not enable ndp proxy no router {router.id}, {reason}.")
    router.enable_ndp_proxy = not reason


def _obstacle(ctx: Context, router: Router) -> str:
    """Why a router's gateway does not serve, "" when it does."""
    port = port_query.PORTS.get(ctx.tx, router.gateway_port_id) if router.gateway_port_id else None
    if port is None:
        return "The router has no external gateway"
    network = network_query.NETWORKS.get(ctx.tx, port.network_id)
    if network is None or not _serves(ctx, network):
        return (
            f"The external network {port.network_id} don't support IPv6 ndp proxy, the network has no IPv6 subnets or "
            "has no IPv6 address scope"
        )
    return "" if _ipv6(port.fixed_ips) else "The external gateway port has no IPv6 address"


def _serves(ctx: Context, network: Network) -> bool:
    subnets = subnet_query.of_network(ctx.tx, network.id)
    return bool(network.ipv6_address_scope) and any(subnet.ip_version == 6 for subnet in subnets)


def check_gateway_goes(ctx: Context, router: Router) -> None:
    """Raises `Conflict` while a router answers for guests through its gateway."""
    if q.of_router(ctx.tx, router.id):
        raise Conflict(
            "RouterGatewayInUseByNDPProxy",
            f"Unable to unset external gateway of router {router.id}, There are one or more ndp proxies still in use "
            "on the router.",
        )


def check_gateway_addresses(router: Router, port: Port) -> None:
    """A router that answers for IPv6 addresses keeps one of its own outside.  Raises `Conflict`."""
    if router.enable_ndp_proxy and not _ipv6(port.fixed_ips):
        raise Conflict(
            "RouterIPv6GatewayInUse",
            f"Can't remove the IPv6 subnet from external gateway of router {router.id}, the IPv6 subnet in use by the "
            "router's ndp proxy.",
        )


def check_interface_goes(ctx: Context, router: Router, interface: Port) -> None:
    """Raises `Conflict` while a router answers for guests on the interface's subnets."""
    reached = {fixed_ip.subnet_id for fixed_ip in _ipv6(interface.fixed_ips)}
    proxies = q.of_router(ctx.tx, router.id) if reached else []
    ports = port_query.PORTS.get_many(ctx.tx, [proxy.port_id for proxy in proxies])
    for proxy in proxies:
        for fixed_ip in ports[proxy.port_id].fixed_ips:
            if fixed_ip.ip_address == proxy.ip_address and fixed_ip.subnet_id in reached:
                raise Conflict(
                    "RouterInterfaceInUseByNDPProxy",
                    f"Unable to remove subnet {fixed_ip.subnet_id} from router {router.id}, There are one or more ndp "
                    "proxies still in use on the subnet.",
                )
