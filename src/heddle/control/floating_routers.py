"""Which router carries a floating IP: it reaches the port, and its gateway is where the address is."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from heddle.control import routed
from heddle.control.context import Context
from heddle.control.lookup import need
from heddle.errors import BadRequest, Conflict, NotFound
from heddle.model.floating_ip import FloatingIp
from heddle.model.port import DISTRIBUTED_INTERFACE, INTERFACES, Port
from heddle.model.router import Router
from heddle.model.values import FixedIp
from heddle.store.query import ports as port_query
from heddle.store.query import routers as router_query
from heddle.store.query import subnets as subnet_query


def check_router(ctx: Context, floating_ip: FloatingIp, router_id: str, left: str = "") -> None:
    """A router may be named that reaches the port by way of others; `left` is the one that it had.

    Raises `NotFound`, `Conflict`.
    """
    if left:
        need(ctx, router_query.ROUTERS, router_id)
        router_query.lock_many(ctx.tx, {router_id, left})
    need(ctx, router_query.ROUTERS, router_id, lock=True)
    found = router_query.with_gateway_on(ctx.tx, floating_ip.floating_network_id, [router_id])
    if not found:
        raise Conflict(
            "RouterWithoutGatewayForFloatingIP",
            f"Router {router_id} has no gateway on external network {floating_ip.floating_network_id}. Therefore, it "
            f"cannot carry floating IP {floating_ip.floating_ip_address}.",
        )
    _where_it_works(ctx, floating_ip, found)


def router_of(ctx: Context, floating_ip: FloatingIp, port: Port, fixed_ip: FixedIp, left: str = "") -> str:
    """The router between the external network and a port's subnet; that with the subnet's gateway address first.

    It keeps its gateway and its interface until the transaction ends.  Distributed ones, of which it will be decided
    where they translate, and the one that it had (`left`), are locked before they are held, and in one order.
    Raises `NotFound` (ExternalGatewayForFloatingIPNotFound).
    """
    interfaces = _interfaces(ctx, port, fixed_ip)
    if not ctx.tx.alone:
        distributed = {id for id, each in interfaces.items() if each.device_owner == DISTRIBUTED_INTERFACE}
        router_query.lock_many(ctx.tx, distributed | ({left} if left else set()))
    found = router_query.with_gateway_on(ctx.tx, floating_ip.floating_network_id, list(interfaces))
    if not ctx.tx.alone and found:
        # Who parted one of them meanwhile was waited for.
        interfaces = _interfaces(ctx, port, fixed_ip)
        found = [router for router in found if router.id in interfaces]
    if not found:
        raise NotFound(
            "ExternalGatewayForFloatingIPNotFound",
            f"External network {floating_ip.floating_network_id} is not reachable from subnet {fixed_ip.subnet_id}. "
            f"Therefore, cannot associate Port {port.id} with a Floating IP.",
        )
    found = _where_it_works(ctx, floating_ip, found)
    subnet = subnet_query.SUBNETS.get(ctx.tx, fixed_ip.subnet_id)
    gateway = subnet.gateway_ip if subnet else None
    for router in found:
        if any(f.ip_address == gateway for f in interfaces[router.id].fixed_ips):
            return router.id
    return found[0].id


def _interfaces(ctx: Context, port: Port, fixed_ip: FixedIp) -> dict[str, Port]:
    """The interface of each router that joins the subnet of a port's address."""
    found = port_query.interfaces_on_network(ctx.tx, port.network_id, *INTERFACES)
    return {each.device_id: each for each in found if any(f.subnet_id == fixed_ip.subnet_id for f in each.fixed_ips)}


def _where_it_works(ctx: Context, floating_ip: FloatingIp, routers: Sequence[Router]) -> list[Router]:
    """Those of the routers whose gateway is on the segment of the floating IP, if its address is on one.

    Raises `BadRequest` when that is none of them.
    """
    subnets = subnet_query.of_network(ctx.tx, floating_ip.floating_network_id)
    if not routed.is_routed(subnets):
        return list(routers)
    address = ipaddress.ip_address(floating_ip.floating_ip_address or "")
    mine = {subnet.segment_id for subnet in subnets if address in ipaddress.ip_network(subnet.cidr)}
    segment_of = {subnet.id: subnet.segment_id for subnet in subnets}

    def reaches(router: Router) -> bool:
        gateway = router.external_gateway_info
        return gateway is not None and any(
            segment_of[fixed_ip.subnet_id] in mine for fixed_ip in gateway.external_fixed_ips or ()
        )

    found = [router for router in routers if None in mine or reaches(router)]
    if not found:
        raise BadRequest(
            "BadRequest",
            f"Bad floatingip request: {floating_ip.floating_ip_address} is on another segment of the external network "
            f"{floating_ip.floating_network_id} than the gateway of router {routers[0].id}: it would not work there. "
            "Take a floating IP of the subnet of that gateway.",
        )
    return found
