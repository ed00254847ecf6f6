"""On which host a floating IP is translated: that of its guest where it can be, else that of its router.

It is the guest's where the router is distributed, that host has Open vSwitch and reaches the physical network of the
external network, and nothing is asked that only the router's own host does:

    the router      translates (`enable_snat`), is not highly available, and no metering label counts at it
    the floating IP has no QoS policy, nor has the external network; it forwards no ports
    the guest       is on a network of the router where all ports meet, and in another address scope than the outside

The place is kept with the floating IP, so that both hosts are told the same at the same moment, and is looked at anew
whenever one of these may have changed.  A host that translates for a router is on the external network by a port of its
own, which has a MAC and no address.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

import msgspec

from heddle.control import ports
from heddle.control.binding import reaches
from heddle.control.context import Context
from heddle.control.news import floating_ip_news
from heddle.model.floating_ip import FloatingIp
from heddle.model.network import Network
from heddle.model.port import DISTRIBUTED_INTERFACE, FLOATING_GATEWAY, Port
from heddle.model.router import Router
from heddle.store.query import floating_ips as q
from heddle.store.query import hosts, metering, subnet_pools
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import routers as router_query
from heddle.store.query import segments as segment_query
from heddle.store.query import subnets as subnet_query

SWITCH, CAPABLE = "switch", "translates_floating_ips"


def follow(ctx: Context, port: Port, old: Port) -> None:
    """The port, which is other than `old`, may have come to another host."""
    if (port.binding_host_id, port.binding_vif_type) != (old.binding_host_id, old.binding_vif_type):
        settle(ctx, q.of_port(ctx.tx, port.id))


def of_router(ctx: Context, router_id: str) -> None:
    """The router is other than before, or on another host."""
    settle(ctx, q.of_router(ctx.tx, router_id))


def of_network(ctx: Context, network: Network, old: Network) -> None:
    """The external network, or that of guests, is other than `old`."""
    if any(getattr(network, name) != getattr(old, name) for name in ("qos_policy_id", "pvlan", "subnet_isolation")):
        settle(ctx, [*q.of_network(ctx.tx, network.id), *q.to_network(ctx.tx, network.id)])


def of_host(ctx: Context, host: str) -> None:
    """A host is new, or reaches other networks than before."""
    settle(ctx, q.of_distributed(ctx.tx, host))


def of_project(ctx: Context, project_id: str) -> None:
    """What the routers of a project count is other than before; "" for all projects."""
    for router_id in q.distributed_routers(ctx.tx, project_id):
        of_router(ctx, router_id)


def settle(ctx: Context, floating_ips: Iterable[FloatingIp], left: str | None = None) -> None:
    """Give floating IPs their place; `left`: a router that has one of them no longer."""
    routers = {left} if left else set()
    for item in floating_ips:
        place = _place(ctx, item)
        if place == item.host:
            continue
        if item.router_id:
            router_query.ROUTERS.lock(ctx.tx, item.router_id)
            routers.add(item.router_id)
        if place:
            _join(ctx, item, place)
        new = msgspec.structs.replace(item, host=place, status="DOWN")
        q.FLOATING_IPS.update(ctx.tx, item, new)
        if item.router_id:
            floating_ip_news(ctx.tx, new, item)
    for router_id in sorted(routers):
        _leave(ctx, router_id)


def _place(ctx: Context, item: FloatingIp) -> str:
    """The host of the guest where that translates, else ""."""
    if not item.port_id or not item.router_id or item.qos_policy_id:
        return ""
    router = router_query.ROUTERS.get(ctx.tx, item.router_id, bare=True)
    if router is None or not router.distributed or router.ha or not router.enable_snat:
        return ""
    port = port_query.PORTS.get(ctx.tx, item.port_id)
    if port is None or port.binding_vif_type != "ovs" or port.binding_host_id in ("", router.host):
        return ""
    fit = _joined(ctx, router, port, item) and not _counted(ctx, router) and _able(ctx, port.binding_host_id, item)
    return port.binding_host_id if fit else ""


def _joined(ctx: Context, router: Router, port: Port, item: FloatingIp) -> bool:
    """Whether the router is on the guest's network, all meet there, and it is translated between there and outside."""
    network = network_query.NETWORKS.get(ctx.tx, port.network_id, bare=True)
    subnet_id = next((each.subnet_id for each in port.fixed_ips if each.ip_address == item.fixed_ip_address), "")
    interfaces = port_query.of_device(ctx.tx, router.id, [DISTRIBUTED_INTERFACE])
    joined = any(each.subnet_id == subnet_id for interface in interfaces for each in interface.fixed_ips)
    if network is None or network.pvlan or network.subnet_isolation or not joined:
        return False
    inside = subnet_query.SUBNETS.get(ctx.tx, subnet_id)
    address = ip_address(item.floating_ip_address or "")
    outside = subnet_query.of_network(ctx.tx, item.floating_network_id)
    pools = {each.subnetpool_id for each in outside if each.subnetpool_id and address in ip_network(each.cidr)}
    own = (inside.subnetpool_id or "") if inside else ""
    scopes = subnet_pools.scopes(ctx.tx, {*pools, own} - {""})
    return own not in scopes or scopes[own] not in {scopes.get(pool) for pool in pools}


def _counted(ctx: Context, router: Router) -> bool:
    return metering.counts_at(ctx.tx, router.project_id)


def _able(ctx: Context, name: str, item: FloatingIp) -> bool:
    """Whether a host reaches the outside, and its agent knows what to do there."""
    network = network_query.NETWORKS.get(ctx.tx, item.floating_network_id, bare=True)
    segments = segment_query.of_network(ctx.tx, item.floating_network_id)
    host, agent = hosts.get(ctx.tx, name), hosts.agents_of(ctx.tx, name).get(SWITCH)
    if network is None or network.qos_policy_id or host is None or agent is None or len(segments) != 1:
        return False
    return bool(segments[0].physical_network and reaches(host, segments[0]) and agent.configurations.get(CAPABLE))


def _join(ctx: Context, item: FloatingIp, host: str) -> None:
    """The host has a port on the external network for the router."""
    there = port_query.of_device(ctx.tx, item.router_id or "", [FLOATING_GATEWAY])
    network = network_query.NETWORKS.get(ctx.tx, item.floating_network_id)
    if network is not None and all(port.binding_host_id != host for port in there):
        owner, router_id = FLOATING_GATEWAY, item.router_id or ""
        ports.own_port(ctx, network, owner=owner, device_id=router_id, project_id="", host=host, fixed_ips=[])


def _leave(ctx: Context, router_id: str) -> None:
    """Hosts that translate nothing for the router any more have no such port."""
    places = {item.host for item in q.of_router(ctx.tx, router_id)}
    for port in port_query.of_device(ctx.tx, router_id, [FLOATING_GATEWAY]):
        if port.binding_host_id not in places:
            ports.delete_port(ctx, port, own=True)
