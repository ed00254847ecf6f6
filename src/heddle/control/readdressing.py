"""Other addresses for a port that has some: those that it keeps stay, the others are given back or taken."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import msgspec

from heddle.control import ipam, routed
from heddle.control.allocation import NO_AUTO, Allocator
from heddle.control.context import Context
from heddle.control.news import port_news
from heddle.model.network import Network
from heddle.model.port import DHCP, Port
from heddle.model.subnet import Subnet
from heddle.model.values import FixedIp
from heddle.network_types.base import refuse
from heddle.store.query import addresses
from heddle.store.query import ports as port_query
from heddle.store.query.addresses import Allocation


def release(ctx: Context, fixed_ips: Sequence[FixedIp], subnets: Sequence[Subnet]) -> None:
    """Give addresses back."""
    by_id = {subnet.id: subnet for subnet in subnets}
    for fixed_ip in fixed_ips:
        addresses.delete_allocation(ctx.tx, fixed_ip.subnet_id, fixed_ip.ip_address)
        number = int(ipaddress.ip_address(fixed_ip.ip_address))
        subnet = by_id.get(fixed_ip.subnet_id)
        if subnet and any(first <= number <= last for first, last in ipam.pool_runs(subnet.allocation_pools)):
            addresses.FREE.give_back(ctx.tx, subnet.id, number)


def reallocate(
    ctx: Context,
    network: Network,
    subnets: Sequence[Subnet],
    port: Port,
    wanted: Sequence[FixedIp],
    here: Sequence[Subnet] | None = None,
) -> list[FixedIp]:
    """Change a port's addresses to those wanted; those that it has and still wants stay.  Returns the new ones.

    `here`: those of the network's subnets from which it may have new ones.
    """
    left = list(port.fixed_ips)
    kept: list[FixedIp | None] = []
    for item in wanted:
        match = next((f for f in left if _satisfies(f, item)), None)
        if match is not None:
            left.remove(match)
        kept.append(match)
    keeps = port.device_owner not in NO_AUTO
    automatic = {subnet.id for subnet in subnets if keeps and ipam.is_auto_address(subnet)}
    stay = [] if wanted == [] else [f for f in left if f.subnet_id in automatic]
    release(ctx, [f for f in left if f not in stay], subnets)
    allocator = Allocator(ctx, network, subnets if here is None else here)
    ask = [item for item, match in zip(wanted, kept, strict=True) if match is None]
    probe = msgspec.structs.replace(port)
    fresh = iter([allocator.take_wanted(probe, item) for item in ask])
    fixed_ips = [match if match is not None else next(fresh) for match in kept] + stay
    if len(fixed_ips) > ctx.settings.network.max_fixed_ips_per_port and port.device_owner != DHCP:
        raise refuse("Exceeded maximum amount of fixed ips per port")
    for fixed_ip in (f for f in port.fixed_ips if f in fixed_ips):
        addresses.delete_allocation(ctx.tx, fixed_ip.subnet_id, fixed_ip.ip_address)
    return fixed_ips


def _satisfies(have: FixedIp, wanted: FixedIp) -> bool:
    return wanted.subnet_id in ("", have.subnet_id) and wanted.ip_address in ("", have.ip_address)


def _save(ctx: Context, old: Port, fixed_ips: list[FixedIp]) -> None:
    new = ctx.changed(old, fixed_ips=fixed_ips)
    port_query.PORTS.update(ctx.tx, old, new)
    port_news(ctx.tx, new, old)


def add_auto_addresses(ctx: Context, network: Network, subnet: Subnet) -> None:
    """A subnet whose hosts make their own addresses is new: the ports that are there have one now."""
    ports = port_query.of_network(ctx.tx, network.id)
    for port in routed.on_the_segment(ctx, subnet, ports) if subnet.segment_id else ports:
        if port.device_owner in (*NO_AUTO, DHCP):
            continue
        fixed_ip = FixedIp(subnet.id, ipam.eui64_address(subnet.cidr, port.mac_address))
        row = Allocation(subnet.id, fixed_ip.ip_address, port.id, network.id, len(port.fixed_ips))
        addresses.insert_allocations(ctx.tx, [row])
        _save(ctx, port, [*port.fixed_ips, fixed_ip])


def drop_subnet(ctx: Context, port: Port, subnet: Subnet) -> None:
    """Take a subnet's addresses from a port."""
    gone = [fixed_ip for fixed_ip in port.fixed_ips if fixed_ip.subnet_id == subnet.id]
    for fixed_ip in gone:
        addresses.delete_allocation(ctx.tx, subnet.id, fixed_ip.ip_address)
    _save(ctx, port, [fixed_ip for fixed_ip in port.fixed_ips if fixed_ip not in gone])
