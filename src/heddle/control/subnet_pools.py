"""Subnet pools: their prefixes, what may be taken from them, the address scope in which they are unique.

What is in no subnet is kept as free runs (`subnetpool_ranges`), so taking a block reads and writes what belongs to it,
however many subnets the pool has.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import msgspec

from heddle.control import prefixes, quotas, sharing
from heddle.control.context import Context
from heddle.control.lookup import need
from heddle.control.news import subnet_news
from heddle.errors import BadRequest, Conflict
from heddle.model.access import SUBNET_POOL_SHARED
from heddle.model.resource import Draft
from heddle.model.subnet_pool import SubnetPool
from heddle.network_types.base import refuse
from heddle.store.query import address_scopes as scope_query
from heddle.store.query import defaults
from heddle.store.query import subnet_pools as q
from heddle.store.query import subnets as subnet_query

SHORTEST = {4: 8, 6: 64}


def create_subnet_pools(ctx: Context, drafts: Sequence[Draft[SubnetPool]]) -> list[SubnetPool]:
    """Raises `BadRequest`, `NotFound`, `Conflict` (OverQuota, an address in common within a scope)."""
    return [_create(ctx, draft) for draft in drafts]


def _create(ctx: Context, draft: Draft[SubnetPool]) -> SubnetPool:
    quotas.take(ctx, draft.value.project_id, "subnetpool")
    pool = ctx.made(draft.value)
    pool.ip_version = _version(pool.prefixes)
    runs = prefixes.runs_of(pool.prefixes)
    pool.prefixes = prefixes.as_prefixes(runs, pool.ip_version)
    _fill_in_lengths(pool, draft.given)
    _check_scope(ctx, pool)
    if pool.is_default:
        _become_default(ctx, pool)
    q.SUBNET_POOLS.insert(ctx.tx, [pool])
    q.FREE.set(ctx.tx, pool.id, runs)
    if pool.shared:
        sharing.open_to_all(ctx, SUBNET_POOL_SHARED, pool)
    return pool


def update_subnet_pool(ctx: Context, old: SubnetPool, draft: Draft[SubnetPool]) -> SubnetPool:
    """Raises `BadRequest` for prefixes that lack what there was, `Conflict` like `create_subnet_pools`."""
    check_changeable(ctx, old)
    new, given = draft.value, draft.given
    if "prefixes" in given:
        _check_version(old, new.prefixes)
        if prefixes.less(prefixes.runs_of(old.prefixes), prefixes.runs_of(new.prefixes)):
            raise _illegal("Existing prefixes must be a subset of the new prefixes")
    _check_lengths(new)
    if new.is_default and not old.is_default:
        _become_default(ctx, new)
    elif old.is_default and not new.is_default:
        defaults.release(ctx.tx, default_name(old.ip_version), old.id)
    if new.address_scope_id != old.address_scope_id:
        _check_scope(ctx, new)
        if subnet_query.beside_pool(ctx.tx, old.id, old.ip_version):
            raise scopes_differ()
        for subnet in subnet_query.of_pool(ctx.tx, old.id):
            subnet_news(ctx.tx, subnet)
    return save(ctx, old, new)


def delete_subnet_pool(ctx: Context, pool: SubnetPool) -> None:
    """Raises `BadRequest` (SubnetPoolDeleteError) while subnets have blocks of it."""
    if subnet_query.any_of_pool(ctx.tx, pool.id):
        raise BadRequest("SubnetPoolDeleteError", "Unable to delete subnet pool: Subnet pool has existing allocations.")
    if pool.is_default:
        defaults.release(ctx.tx, default_name(pool.ip_version), pool.id)
    sharing.object_gone(ctx, pool)
    q.FREE.drop(ctx.tx, pool.id)
    q.SUBNET_POOLS.delete(ctx.tx, pool.id)
    quotas.give_back(ctx, pool.project_id, "subnetpool")


def add_prefixes(ctx: Context, pool: SubnetPool, more: Sequence[str]) -> SubnetPool:
    """Raises `BadRequest`; `Conflict` for an address that another pool of the scope has."""
    check_changeable(ctx, pool)
    _check_version(pool, more)
    return save(ctx, pool, msgspec.structs.replace(pool, prefixes=[*pool.prefixes, *more]))


def remove_prefixes(ctx: Context, pool: SubnetPool, gone: Sequence[str]) -> SubnetPool:
    """Raises `BadRequest` when a subnet has an address of what is removed, or nothing would be left."""
    check_changeable(ctx, pool)
    _check_version(pool, gone)
    whole = prefixes.runs_of(pool.prefixes)
    left = prefixes.less(whole, prefixes.runs_of(gone))
    for low, high in prefixes.less(whole, left):
        if not q.FREE.take(ctx.tx, pool.id, low, high):
            (block, *_) = prefixes.as_prefixes([(low, high)], pool.ip_version)
            raise _illegal(f"A prefix cannot be removed from the pool while subnets are allocated from it: {block}")
    if not left:
        raise _illegal("A pool must keep at least one prefix")
    new = msgspec.structs.replace(pool, prefixes=prefixes.as_prefixes(left, pool.ip_version))
    return _write(ctx, pool, new)


def save(ctx: Context, old: SubnetPool, new: SubnetPool) -> SubnetPool:
    """Write a pool whose prefixes may have grown.  Raises `Conflict` for an address that another of its scope has."""
    have, wanted = prefixes.runs_of(old.prefixes), prefixes.runs_of(new.prefixes)
    new = msgspec.structs.replace(new, prefixes=prefixes.as_prefixes(wanted, new.ip_version))
    more = prefixes.less(wanted, have)
    if more and new.address_scope_id == old.address_scope_id:
        _check_scope(ctx, new)
    for low, high in more:
        q.FREE.give_back(ctx.tx, new.id, low, high)
    return _write(ctx, old, new)


def _write(ctx: Context, old: SubnetPool, new: SubnetPool) -> SubnetPool:
    new = ctx.changed(old, new)
    q.SUBNET_POOLS.update(ctx.tx, old, new)
    return new


def default_name(version: int) -> str:
    """The name under which the cloud's default pool of an IP version is known."""
    return f"subnetpool:{version}"


def _become_default(ctx: Context, pool: SubnetPool) -> None:
    if not defaults.claim(ctx.tx, default_name(pool.ip_version), pool.id):
        raise refuse(
            f"A default subnetpool for this IP family (IPv{pool.ip_version}) has already been set. Only one default "
            "may exist per IP family"
        )


# What a pool may be


def _version(blocks: Sequence[str]) -> int:
    if not blocks:
        raise BadRequest("EmptySubnetPoolPrefixList", "Empty subnet pool prefix list.")
    versions = {ipaddress.ip_network(block).version for block in blocks}
    if len(versions) > 1:
        raise BadRequest("PrefixVersionMismatch", "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.")
    return versions.pop()


def _check_version(pool: SubnetPool, blocks: Sequence[str]) -> None:
    if _version(blocks) != pool.ip_version:
        raise BadRequest(
            "PrefixVersionMismatch",
            f"Cannot mix IPv4 and IPv6 prefixes in a subnet pool: {blocks[0]} is not of IPv{pool.ip_version}.",
        )


def _fill_in_lengths(pool: SubnetPool, given: frozenset[str]) -> None:
    if "min_prefixlen" not in given:
        pool.min_prefixlen = SHORTEST[pool.ip_version]
    if "max_prefixlen" not in given:
        pool.max_prefixlen = prefixes.BITS[pool.ip_version]
    if "default_prefixlen" not in given:
        pool.default_prefixlen = pool.min_prefixlen
    _check_lengths(pool)


def _check_lengths(pool: SubnetPool) -> None:
    bits = prefixes.BITS[pool.ip_version]
    low, high, default = pool.min_prefixlen, pool.max_prefixlen, pool.default_prefixlen
    checks = (
        (high <= bits, "max_prefixlen", high, "ip_version_max", bits),
        (low <= high, "min_prefixlen", low, "max_prefixlen", high),
        (low <= default, "default_prefixlen", default, "min_prefixlen", low),
        (default <= high, "default_prefixlen", default, "max_prefixlen", high),
    )
    for right, name, length, base, limit in checks:
        if not right:
            raise BadRequest(
                "IllegalSubnetPoolPrefixBounds", f"Illegal prefix bounds: {name}={length}, {base}={limit}."
            )


def _illegal(reason: str) -> BadRequest:
    return BadRequest("IllegalSubnetPoolPrefixUpdate", f"Illegal update to prefixes: {reason}.")


# Address scopes


def check_changeable(ctx: Context, pool: SubnetPool) -> None:
    """A pool in a scope is changed by the scope's owner alone: what others hold unique follows from it."""
    if pool.address_scope_id is None or ctx.caller.is_admin:
        return
    scope = scope_query.ADDRESS_SCOPES.get(ctx.tx, pool.address_scope_id)
    if scope is not None and scope.project_id != ctx.caller.project_id:
        raise BadRequest(
            "IllegalSubnetPoolUpdate",
            f"Illegal subnetpool update : subnetpool {pool.id} cannot be updated when associated with shared address "
            f"scope {scope.id}.",
        )


def _check_scope(ctx: Context, pool: SubnetPool) -> None:
    """A scope that the caller sees, of the same IP version, none of whose pools has an address of this one."""
    if pool.address_scope_id is None:
        return
    scope = need(ctx, scope_query.ADDRESS_SCOPES, pool.address_scope_id, lock=True)
    if scope.ip_version != pool.ip_version:
        raise BadRequest(
            "IllegalSubnetPoolIpVersionAssociationToAddressScope",
            f"Illegal subnetpool association: subnetpool {pool.id} cannot associate with address scope {scope.id} "
            f"because subnetpool ip_version is not {scope.ip_version}.",
        )
    for other in q.of_scope(ctx.tx, scope.id):
        if other.id != pool.id and prefixes.overlap(other.prefixes, pool.prefixes):
            raise Conflict(
                "AddressScopePrefixConflict",
                "Failed to associate address scope: subnetpools within an address scope must have unique prefixes: "
                f"subnetpool {other.id} has addresses of subnetpool {pool.id}.",
            )


def scopes_differ() -> BadRequest:
    return BadRequest(
        "NetworkAddressScopeAffinityError",
        "Subnets of the same address family hosted on the same network must all participate in the same address scope.",
    )
