"""Which router carries a floating IP: it reaches the port, and its gateway is where the address is."""

from __future__ import annotations

from heddle.control.context import Context
from heddle.control.lookup import need
from heddle.errors import Conflict, NotFound
from heddle.model.floating_ip import FloatingIp
from heddle.model.port import ROUTER_INTERFACE, Port
from heddle.model.values import FixedIp
from heddle.store.query import ports as port_query
from heddle.store.query import routers as router_query
from heddle.store.query import subnets as subnet_query


def check_router(ctx: Context, floating_ip: FloatingIp, router_id: str) -> None:
    """A router may be named that reaches the port by way of others.  Raises `NotFound`, `Conflict`."""
    need(ctx, router_query.ROUTERS, router_id, lock=True)
    if not router_query.with_gateway_on(ctx.tx, floating_ip.floating_network_id, [router_id]):
        raise Conflict(
            "RouterWithoutGatewayForFloatingIP",
            f"Router {router_id} has no gateway on external network {floating_ip.floating_network_id}. Therefore, it "
            f"cannot carry floating IP {floating_ip.floating_ip_address}.",
        )


def router_of(ctx: Context, floating_ip: FloatingIp, port: Port, fixed_ip: FixedIp) -> str:
    """The router between the external network and a port's subnet; that with the subnet's gateway address first.

    Raises `NotFound` (ExternalGatewayForFloatingIPNotFound).
    """
    interfaces = [
        interface
        for interface in port_query.interfaces_on_network(ctx.tx, port.network_id, ROUTER_INTERFACE)
        if any(f.subnet_id == fixed_ip.subnet_id for f in interface.fixed_ips)
    ]
    found = router_query.with_gateway_on(ctx.tx, floating_ip.floating_network_id, [i.device_id for i in interfaces])
    if not found:
        raise NotFound(
            "ExternalGatewayForFloatingIPNotFound",
            f"External network {floating_ip.floating_network_id} is not reachable from subnet {fixed_ip.subnet_id}. "
            f"Therefore, cannot associate Port {port.id} with a Floating IP.",
        )
    subnet = subnet_query.SUBNETS.get(ctx.tx, fixed_ip.subnet_id)
    gateway = subnet.gateway_ip if subnet else None
    for interface in interfaces:
        if any(f.ip_address == gateway for f in interface.fixed_ips):
            for router in found:
                if router.id == interface.device_id:
                    return router.id
    return found[0].id
