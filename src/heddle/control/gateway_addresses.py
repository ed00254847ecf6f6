"""The addresses of routers on their external network, when a subnet comes to that network.

A gateway that has no address of the subnet's IP version gets one, so that a network of one version becomes one of both
for the routers that are there.  Where the subnet has none left, the gateway stays as it is.
"""

from __future__ import annotations

import logging

import msgspec

from heddle.control import ipam, routed, router_interfaces
from heddle.control.context import Context
from heddle.control.ports import update_port
from heddle.errors import Conflict
from heddle.model.network import Network
from heddle.model.port import ROUTER_GATEWAY, Port
from heddle.model.resource import Draft
from heddle.model.subnet import Subnet
from heddle.model.values import FixedIp
from heddle.store.query import ports as port_query
from heddle.store.query import routers as router_query
from heddle.store.query import subnets as subnet_query

log = logging.getLogger(__name__)


def extend(ctx: Context, network: Network, subnet: Subnet) -> None:
    """Give the gateways on the network an address of the new subnet, where they have none of its version."""
    if not network.router_external or not ipam.suits(subnet, ROUTER_GATEWAY):
        return
    known = {each.id: each for each in subnet_query.of_network(ctx.tx, network.id)}
    ports = [port for port in port_query.of_network(ctx.tx, network.id) if port.device_owner == ROUTER_GATEWAY]
    most = ctx.settings.network.max_fixed_ips_per_port
    for port in routed.on_the_segment(ctx, subnet, ports) if subnet.segment_id else ports:
        own = [known[fixed_ip.subnet_id] for fixed_ip in port.fixed_ips if fixed_ip.subnet_id in known]
        versions = [each.ip_version for each in own if not ipam.is_auto_address(each)]
        if len(versions) < 2 and subnet.ip_version not in versions and len(port.fixed_ips) < most:
            _extend(ctx, port, subnet)


def _extend(ctx: Context, port: Port, subnet: Subnet) -> None:
    new = msgspec.structs.replace(port, fixed_ips=[*port.fixed_ips, FixedIp(subnet.id, "")])
    try:
        update_port(ctx, port, Draft(new, frozenset({"fixed_ips"})), own=True)
    except Conflict as error:
        log.warning("router=%s gets no address of subnet=%s: %s", port.device_id, subnet.id, error)
        return
    router = router_query.ROUTERS.get(ctx.tx, port.device_id)
    if router is not None:
        router_interfaces.bump(ctx, router)
