"""DHCP: which host serves a network, and the port that its server has there.

A network with a subnet that wants DHCP is served by one host; the server's port has an address of each such
subnet.  `refresh` brings that in line after a change of the subnets, and when hosts come.
"""

from __future__ import annotations

import time
import uuid

import msgspec

from heddle.control import allocation, readdressing
from heddle.control.binding import reaches
from heddle.control.context import Context
from heddle.control.news import assignment_news, port_news
from heddle.control.ports import delete_port, own_port
from heddle.errors import Conflict
from heddle.model.network import Network
from heddle.model.port import DHCP, Port
from heddle.model.subnet import Subnet
from heddle.model.values import FixedIp
from heddle.store.query import addresses, hosts
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import subnets as subnet_query

ROLE = "dhcp"


def refresh(ctx: Context, network: Network) -> None:
    """Give the network the DHCP server that its subnets want, or take it away."""
    subnets = [subnet for subnet in subnet_query.of_network(ctx.tx, network.id) if _wants_server(subnet)]
    ports = port_query.interfaces_on_network(ctx.tx, network.id, DHCP)
    if not subnets:
        for port in ports:
            delete_port(ctx, port, own=True)
        _unassign(ctx, network)
    elif not ports:
        _serve(ctx, network, subnets)
    else:
        for port in ports:
            _readdress(ctx, network, port, subnets)


def _wants_server(subnet: Subnet) -> bool:
    return subnet.enable_dhcp and subnet.ipv6_address_mode != "slaac"


def _serve(ctx: Context, network: Network, subnets: list[Subnet]) -> None:
    host = next((host for host, _ in hosts.serving(ctx.tx, ROLE, int(time.time())) if reaches(host, network)), None)
    if host is None:
        return
    fixed_ips = [FixedIp(subnet.id) for subnet in subnets if addresses.FREE.has_free(ctx.tx, subnet.id)]
    if not fixed_ips:
        return
    device = f"dhcp{uuid.uuid5(uuid.NAMESPACE_DNS, host.name)}-{network.id}"
    try:
        own_port(
            ctx,
            network,
            owner=DHCP,
            device_id=device,
            project_id=network.project_id,
            host=host.name,
            fixed_ips=fixed_ips,
        )
    except Conflict:
        return
    gone = set(hosts.unassign(ctx.tx, ROLE, network.id)) - {host.name}
    hosts.assign(ctx.tx, ROLE, network.id, host.name)
    assignment_news(ctx.tx, ROLE, network.id, [host.name], gone)


def delete_any_port(ctx: Context, port: Port) -> None:
    """Delete a port as a user asks; a DHCP server gets another one while its network wants it.

    Raises `Conflict` like `delete_port`.
    """
    delete_port(ctx, port)
    network = network_query.NETWORKS.get(ctx.tx, port.network_id) if port.device_owner == DHCP else None
    if network is not None:
        refresh(ctx, network)


def move(ctx: Context, network_id: str) -> None:
    """The network's host serves it no longer: give it another one."""
    network = network_query.NETWORKS.get(ctx.tx, network_id)
    if network is not None:
        for port in port_query.interfaces_on_network(ctx.tx, network_id, DHCP):
            delete_port(ctx, port, own=True)
        refresh(ctx, network)


def _unassign(ctx: Context, network: Network) -> None:
    gone = hosts.unassign(ctx.tx, ROLE, network.id)
    if gone:
        assignment_news(ctx.tx, ROLE, network.id, (), gone)


def _readdress(ctx: Context, network: Network, port: Port, subnets: list[Subnet]) -> None:
    """Give the server's port an address of each subnet."""
    served = {fixed_ip.subnet_id for fixed_ip in port.fixed_ips}
    if served == {subnet.id for subnet in subnets}:
        return
    every = subnet_query.of_network(ctx.tx, network.id)
    known = {fixed_ip.subnet_id: fixed_ip for fixed_ip in port.fixed_ips}
    wanted = [known.get(subnet.id, FixedIp(subnet.id)) for subnet in subnets]
    wanted = [item for item in wanted if item.ip_address or addresses.FREE.has_free(ctx.tx, item.subnet_id)]
    fixed_ips = readdressing.reallocate(ctx, network, every, port, wanted)
    new = msgspec.structs.replace(
        port, fixed_ips=fixed_ips, revision_number=port.revision_number + 1, updated_at=ctx.now
    )
    port_query.PORTS.update(ctx.tx, port, new)
    allocation.store_allocations(ctx, [new])
    port_news(ctx.tx, new, port)
