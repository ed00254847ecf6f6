"""Address scopes: whose subnet pools have no address in common."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heddle.control import sharing
from heddle.control.context import Context, new_id
from heddle.errors import BadRequest, Conflict
from heddle.model.access import ADDRESS_SCOPE_SHARED
from heddle.model.address_scope import AddressScope
from heddle.model.resource import Draft
from heddle.store.query import address_scopes as q
from heddle.store.query import subnet_pools as pool_query


def create_address_scopes(ctx: Context, drafts: Sequence[Draft[AddressScope]]) -> list[AddressScope]:
    scopes = [msgspec.structs.replace(draft.value, id=new_id()) for draft in drafts]
    q.ADDRESS_SCOPES.insert(ctx.tx, scopes)
    for scope in scopes:
        if scope.shared:
            sharing.open_to_all(ctx, ADDRESS_SCOPE_SHARED, scope)
    return scopes


def update_address_scope(ctx: Context, old: AddressScope, draft: Draft[AddressScope]) -> AddressScope:
    """Raises `BadRequest` when a shared scope shall not be shared any more."""
    new = draft.value
    if "shared" in draft.given:
        entry = sharing.entry_for_all(ctx, ADDRESS_SCOPE_SHARED, old)
        if entry is None and new.shared:
            sharing.open_to_all(ctx, ADDRESS_SCOPE_SHARED, old)
        elif entry is not None and not new.shared:
            raise _stays_shared(old)
    q.ADDRESS_SCOPES.update(ctx.tx, old, new)
    return q.ADDRESS_SCOPES.get(ctx.tx, new.id) or new


def delete_address_scope(ctx: Context, scope: AddressScope) -> None:
    """Raises `Conflict` (AddressScopeInUse) while it has subnet pools."""
    if pool_query.any_in_scope(ctx.tx, scope.id):
        raise Conflict(
            "AddressScopeInUse",
            f"Unable to complete operation on address scope {scope.id}. There are one or more subnet pools in use on "
            "the address scope.",
        )
    sharing.object_gone(ctx, scope)
    q.ADDRESS_SCOPES.delete(ctx.tx, scope.id)


def _stays_shared(scope: AddressScope) -> BadRequest:
    return BadRequest(
        "AddressScopeUpdateError",
        f"Unable to update address scope {scope.id} : Shared address scope can't be unshared.",
    )
