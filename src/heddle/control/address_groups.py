"""Address groups: what is in each, for the rules of security groups that name it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heddle.control import quotas, sharing
from heddle.control.context import Context
from heddle.control.news import address_news
from heddle.errors import BadRequest, Conflict, NotFound
from heddle.model.address_group import AddressGroup
from heddle.model.resource import Draft
from heddle.store.query import address_groups as q

MOST_AT_ONCE = 5000


def create_address_groups(ctx: Context, drafts: Sequence[Draft[AddressGroup]]) -> list[AddressGroup]:
    """Raises `BadRequest` for too many addresses, `Conflict` (OverQuota)."""
    _check_count(sum(len(draft.value.addresses) for draft in drafts))
    created = []
    for draft in drafts:
        quotas.take(ctx, draft.value.project_id, "address_group")
        group = ctx.made(draft.value)
        q.ADDRESS_GROUPS.insert(ctx.tx, [group])
        q.add(ctx.tx, group.id, group.addresses)
        address_news(ctx.tx, group.id, group.addresses)
        created.append(group)
    return created


def update_address_group(ctx: Context, old: AddressGroup, draft: Draft[AddressGroup]) -> AddressGroup:
    return _write(ctx, old, draft.value)


def delete_address_group(ctx: Context, group: AddressGroup) -> None:
    """Raises `Conflict` (AddressGroupInUse) while a rule names it."""
    if q.in_use(ctx.tx, group.id):
        raise Conflict(
            "AddressGroupInUse", f"Address group {group.id} is in use on one or more security group rules."
        )
    q.remove(ctx.tx, group.id, group.addresses)
    address_news(ctx.tx, group.id, (), group.addresses)
    sharing.object_gone(ctx, group)
    q.ADDRESS_GROUPS.delete(ctx.tx, group.id)
    quotas.give_back(ctx, group.project_id, "address_group")


def add_addresses(ctx: Context, group: AddressGroup, more: Sequence[str]) -> AddressGroup:
    """Raises `BadRequest` (AddressesAlreadyExist when one of them is in the group, or too many)."""
    _check_count(len(more))
    there = sorted(set(more) & set(group.addresses))
    if there:
        raise BadRequest(
            "AddressesAlreadyExist", f"Addresses {', '.join(there)} already exist in the address group {group.id}."
        )
    q.add(ctx.tx, group.id, more)
    address_news(ctx.tx, group.id, more)
    return _write(ctx, group, msgspec.structs.replace(group, addresses=sorted([*group.addresses, *more])))


def remove_addresses(ctx: Context, group: AddressGroup, gone: Sequence[str]) -> AddressGroup:
    """Raises `NotFound` (AddressesNotFound) when one of them is not in the group, `BadRequest` for too many."""
    _check_count(len(gone))
    strange = sorted(set(gone) - set(group.addresses))
    if strange:
        raise NotFound(
            "AddressesNotFound", f"Addresses {', '.join(strange)} not found in the address group {group.id}."
        )
    q.remove(ctx.tx, group.id, gone)
    address_news(ctx.tx, group.id, (), gone)
    left = sorted(set(group.addresses) - set(gone))
    return _write(ctx, group, msgspec.structs.replace(group, addresses=left))


def _check_count(count: int) -> None:
    """What one request may take of the time of all others."""
    if count > MOST_AT_ONCE:
        raise BadRequest(
            "InvalidInput",
            f"Invalid input for operation: {count} addresses are more than the {MOST_AT_ONCE} that one request can "
            "carry; several requests can.",
        )


def _write(ctx: Context, old: AddressGroup, new: AddressGroup) -> AddressGroup:
    new = ctx.changed(old, new)
    q.ADDRESS_GROUPS.update(ctx.tx, old, new)
    return new
