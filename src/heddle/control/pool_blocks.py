"""The block of a subnet, taken from a subnet pool and given back to it.

Subnets of one network and IP version come from one pool, or from pools of one address scope, or from none: which
addresses are routed without translation is a property of the whole network.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from heddle.control import prefixes
from heddle.control.context import Context
from heddle.control.ipam import IpNetwork
from heddle.control.lookup import need
from heddle.control.subnet_pools import default_name, scopes_differ
from heddle.errors import BadRequest, Conflict
from heddle.model.subnet import PREFIX_DELEGATION, Subnet
from heddle.model.subnet_pool import SubnetPool
from heddle.network_types.base import refuse
from heddle.store.query import defaults
from heddle.store.query import subnet_pools as q
from heddle.store.query import subnets as subnet_query

# In what a pool's quota is counted: addresses of IPv4, /64 of IPv6.
_UNIT = {4: 1, 6: 1 << 64}


def pool_of(ctx: Context, subnet: Subnet) -> SubnetPool | None:
    """The pool that a request for a subnet names, or the cloud's default one, locked.

    Raises `BadRequest`, `NotFound`.
    """
    version = subnet.ip_version
    if subnet.subnetpool_id == PREFIX_DELEGATION:
        raise refuse(f"subnetpool_id '{PREFIX_DELEGATION}' cannot be used: this cloud has no prefix delegation")
    if not subnet.use_default_subnetpool:
        if not subnet.subnetpool_id:
            return None
        named = need(ctx, q.SUBNET_POOLS, subnet.subnetpool_id, lock=True)
        if named.ip_version != version:
            raise _bad(f"Cannot allocate IPv{version} subnet from IPv{named.ip_version} subnet pool.")
        return named
    if subnet.subnetpool_id:
        raise _bad("subnetpool_id and use_default_subnetpool cannot both be specified.")
    pool = default_pool(ctx, version)
    if pool is None:
        raise _bad(f"No default subnetpool found for IPv{version}.")
    return need(ctx, q.SUBNET_POOLS, pool.id, lock=True)


def default_pool(ctx: Context, version: int) -> SubnetPool | None:
    """The cloud's default pool of an IP version, if there is one that the caller may use."""
    id = defaults.holder(ctx.tx, default_name(version))
    return q.SUBNET_POOLS.get(ctx.tx, id, ctx.visible(SubnetPool)) if id else None


def check_affinity(ctx: Context, version: int, pool: SubnetPool | None, others: Sequence[Subnet]) -> None:
    """`others` are the subnets that the network has.  Raises `BadRequest` where a further one does not go with them."""
    pools = [subnet.subnetpool_id for subnet in others if subnet.ip_version == version]
    known = q.SUBNET_POOLS.get_many(ctx.tx, [id for id in pools if id])
    scope = next((found.address_scope_id for found in known.values() if found.address_scope_id), None)
    if pool is not None and scope is not None:
        if pool.address_scope_id != scope:
            raise scopes_differ()
    elif any(id != (pool.id if pool else None) for id in pools):
        raise BadRequest(
            "NetworkSubnetPoolAffinityError",
            "Subnets hosted on the same network must be allocated from the same subnet pool.",
        )


def take(ctx: Context, pool: SubnetPool, subnet: Subnet, given: frozenset[str]) -> IpNetwork:
    """Take the block that a subnet asks for by CIDR, by length, or not at all (the pool's default length).

    Raises `BadRequest` for a length outside the pool's bounds, `Conflict` when it is not free or over the quota.
    """
    wanted = ipaddress.ip_network(subnet.cidr) if "cidr" in given else None
    length = pool.default_prefixlen
    if wanted is not None:
        length = wanted.prefixlen
        if wanted.version != pool.ip_version:
            raise refuse(f"cidr '{wanted}' does not match the ip_version '{pool.ip_version}'")
    elif subnet.prefixlen is not None:
        length = subnet.prefixlen
    _check_length(pool, length)
    block = wanted or prefixes.first_fit(q.FREE.runs(ctx.tx, pool.id), length, pool.ip_version)
    if block is None:
        raise _full(f"Insufficient prefix space to allocate subnet size /{length} from subnet pool {pool.id}")
    _check_quota(ctx, pool, subnet.project_id, block)
    if not q.FREE.take(ctx.tx, pool.id, *ends(block)):
        raise _full(f"Cannot allocate requested subnet {block} from the available set of prefixes of {pool.id}")
    return block


def give_back(ctx: Context, subnet: Subnet) -> None:
    """The block of a subnet that goes away, or leaves its pool, is free again."""
    if subnet.subnetpool_id:
        q.FREE.give_back(ctx.tx, subnet.subnetpool_id, *ends(ipaddress.ip_network(subnet.cidr)))


def ends(block: IpNetwork) -> tuple[int, int]:
    return int(block.network_address), int(block.broadcast_address)


def _check_length(pool: SubnetPool, length: int) -> None:
    if length < pool.min_prefixlen:
        raise BadRequest(
            "MinPrefixSubnetAllocationError",
            f"Unable to allocate subnet with prefix length {length}, minimum allowed prefix is {pool.min_prefixlen}.",
        )
    if length > pool.max_prefixlen:
        raise BadRequest(
            "MaxPrefixSubnetAllocationError",
            f"Unable to allocate subnet with prefix length {length}, maximum allowed prefix is {pool.max_prefixlen}.",
        )


def _check_quota(ctx: Context, pool: SubnetPool, project_id: str, block: IpNetwork) -> None:
    if pool.default_quota is None:
        return
    taken = [ipaddress.ip_network(cidr) for cidr in subnet_query.blocks_of_project(ctx.tx, pool.id, project_id)]
    used = sum(one.num_addresses for one in (*taken, block))
    if used > pool.default_quota * _UNIT[pool.ip_version]:
        raise Conflict("SubnetPoolQuotaExceeded", "Per-project subnet pool prefix quota exceeded.")


def _full(reason: str) -> Conflict:
    return Conflict("SubnetAllocationError", f"Failed to allocate subnet: {reason}.")


def _bad(reason: str) -> BadRequest:
    return BadRequest("BadRequest", f"Bad subnets request: {reason}")
