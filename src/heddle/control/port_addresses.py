"""The addresses of one port: when it is made, when others are asked for, and when it comes to a host."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heddle.control import allocation, associations, ipam, readdressing, routed
from heddle.control.allocation import Allocator
from heddle.control.context import Context
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.values import FixedIp
from heddle.store.query import subnets as subnet_query


def reserve(allocator: Allocator, owners: Sequence[str]) -> None:
    """Take ahead what ports that ask for nothing will need; on a routed network their hosts decide."""
    if not routed.is_routed(allocator.subnets):
        allocator.reserve(owners)


def allocate(port: Port, allocator: Allocator, wanted: Sequence[FixedIp] | None) -> None:
    """Give a port its addresses, if it is known where they would work; `wanted` None: it asks for nothing.

    Raises `BadRequest`, `Conflict`.
    """
    subnets, host = allocator.subnets, port.binding_host_id
    if wanted is None and not host and routed.is_routed(subnets):
        subnets = [subnet for subnet in routed.everywhere(subnets) if ipam.suits(subnet, port.device_owner)]
        if not subnets:
            port.fixed_ips, port.ip_allocation = [], "deferred"
            return
    if host and wanted != []:
        subnets = routed.within_reach(allocator.ctx, port.network_id, subnets, host)
    port.fixed_ips = allocator.among(subnets).allocate(port, wanted)
    routed.check_one_segment(subnets, port.fixed_ips)
    port.ip_allocation = "immediate" if port.fixed_ips or wanted is None else "none"


def settle(ctx: Context, network: Network, old: Port, new: Port, *, asked: bool) -> None:
    """Bring the addresses of a port in line with a change of them (`asked`) or of its host.

    Raises `BadRequest`, `Conflict`.
    """
    new.binding_host_id = new.binding_host_id or ""
    if asked and new.fixed_ips != old.fixed_ips:
        _change(ctx, network, old, new)
    elif new.binding_host_id not in ("", old.binding_host_id):
        _come_to_host(ctx, network, old, new)


def _come_to_host(ctx: Context, network: Network, old: Port, new: Port) -> None:
    """A port keeps its addresses on its new host; one whose addresses were deferred gets them there."""
    if not old.fixed_ips and old.ip_allocation != "deferred":
        return
    subnets = subnet_query.of_network(ctx.tx, network.id)
    if old.fixed_ips:
        routed.check_host(old, new.binding_host_id, routed.within_reach(ctx, network.id, subnets, new.binding_host_id))
        return
    allocate(new, Allocator(ctx, network, subnets), None)
    allocation.store_allocations(ctx, [new])


def _change(ctx: Context, network: Network, old: Port, new: Port) -> None:
    subnets = subnet_query.of_network(ctx.tx, network.id)
    wanted, host = new.fixed_ips, new.binding_host_id
    here = routed.within_reach(ctx, network.id, subnets, host) if host and wanted else subnets
    new.fixed_ips = readdressing.reallocate(
        ctx, network, subnets, msgspec.structs.replace(new, fixed_ips=old.fixed_ips), wanted, here
    )
    routed.check_one_segment(subnets, new.fixed_ips)
    routed.check_host(new, host, here)
    new.ip_allocation = "immediate" if new.fixed_ips else "none"
    allocation.store_allocations(ctx, [new])
    gone = {fixed_ip.ip_address for fixed_ip in old.fixed_ips} - {fixed_ip.ip_address for fixed_ip in new.fixed_ips}
    associations.addresses_gone(ctx, new, gone)
