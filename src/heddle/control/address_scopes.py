"""Address scopes: whose subnet pools have no address in common."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heddle.control.context import Context, new_id
from heddle.errors import BadRequest, Conflict
from heddle.model.address_scope import AddressScope
from heddle.model.resource import Draft
from heddle.store.query import address_scopes as q
from heddle.store.query import subnet_pools as pool_query


def create_address_scopes(ctx: Context, drafts: Sequence[Draft[AddressScope]]) -> list[AddressScope]:
    scopes = [msgspec.structs.replace(draft.value, id=new_id()) for draft in drafts]
    q.ADDRESS_SCOPES.insert(ctx.tx, scopes)
    return scopes


def update_address_scope(ctx: Context, old: AddressScope, draft: Draft[AddressScope]) -> AddressScope:
    """Raises `BadRequest` when a shared scope shall not be shared any more."""
    new = draft.value
    if old.shared and not new.shared:
        raise BadRequest(
            "AddressScopeUpdateError",
            f"Unable to update address scope {old.id} : Shared address scope can't be unshared.",
        )
    q.ADDRESS_SCOPES.update(ctx.tx, old, new)
    return new


def delete_address_scope(ctx: Context, scope: AddressScope) -> None:
    """Raises `Conflict` (AddressScopeInUse) while it has subnet pools."""
    if pool_query.any_in_scope(ctx.tx, scope.id):
        raise Conflict(
            "AddressScopeInUse",
            f"Unable to complete operation on address scope {scope.id}. There are one or more subnet pools in use on "
            "the address scope.",
        )
    q.ADDRESS_SCOPES.delete(ctx.tx, scope.id)
