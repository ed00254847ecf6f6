"""Subnets that exist already come into a subnet pool: it gets their blocks as prefixes where it lacks them."""

from __future__ import annotations

import ipaddress

import msgspec

from heddle.control import pool_blocks, subnet_pools, subnets
from heddle.control.context import Context
from heddle.control.news import subnet_news
from heddle.errors import BadRequest, Forbidden
from heddle.model.network import Network
from heddle.model.subnet import Subnet
from heddle.model.subnet_pool import SubnetPool
from heddle.store.query import subnet_pools as q
from heddle.store.query import subnets as subnet_query


def onboard_network_subnets(ctx: Context, pool: SubnetPool, network: Network) -> list[Subnet]:
    """All subnets of a network, of the pool's IP version, are of the pool from now on; network and pool are locked.

    Raises `Forbidden` for another's network, `BadRequest` where a block is of another subnet of the pool, `Conflict`
    where it is of another pool in the address scope.
    """
    if not ctx.caller.is_admin and network.project_id != ctx.caller.project_id:
        raise Forbidden("PolicyNotAuthorized", f"network {network.id} is not owned by the project making the request")
    subnet_pools.check_changeable(ctx, pool)
    found = [each for each in subnet_query.of_network(ctx.tx, network.id) if each.ip_version == pool.ip_version]
    moving = [subnet for subnet in found if subnet.subnetpool_id != pool.id]
    if not moving:
        return found
    more = [*pool.prefixes, *(subnet.cidr for subnet in moving)]
    subnet_pools.save(ctx, pool, msgspec.structs.replace(pool, prefixes=more))
    for subnet in moving:
        _move(ctx, pool, subnet)
    subnets.bump(ctx, network)
    return found


def _move(ctx: Context, pool: SubnetPool, subnet: Subnet) -> None:
    if not q.FREE.take(ctx.tx, pool.id, *pool_blocks.ends(ipaddress.ip_network(subnet.cidr))):
        raise BadRequest(
            "IllegalSubnetPoolUpdate",
            f"Illegal subnetpool update : {subnet.cidr} of subnet {subnet.id} overlaps with a subnet that is allocated "
            f"from subnetpool {pool.id}.",
        )
    pool_blocks.give_back(ctx, subnet)
    revision = subnet.revision_number + 1
    new = msgspec.structs.replace(subnet, subnetpool_id=pool.id, revision_number=revision, updated_at=ctx.now)
    subnet_query.SUBNETS.update(ctx.tx, subnet, new)
    subnet_news(ctx.tx, new)
