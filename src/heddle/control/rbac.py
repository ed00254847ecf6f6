"""RBAC policies: created by the owner of an object or the administrator, kept while somebody needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from heddle.control import quotas, sharing
from heddle.control.context import Context, new_id
from heddle.control.lookup import need
from heddle.control.news import network_news
from heddle.control.shareable import KINDS, Kind
from heddle.errors import BadRequest, Conflict
from heddle.model.access import ACCESS_AS_EXTERNAL, EVERYBODY
from heddle.model.network import Network
from heddle.model.rbac import RbacPolicy
from heddle.model.resource import Draft, Resource
from heddle.store.query import rbac as q


def create_rbac_policies(ctx: Context, drafts: Sequence[Draft[RbacPolicy]]) -> list[RbacPolicy]:
    """Raises `BadRequest`, `NotFound`, `Conflict` (OverQuota, DuplicateRbacPolicy)."""
    return [_create(ctx, draft.value) for draft in drafts]


def _create(ctx: Context, value: RbacPolicy) -> RbacPolicy:
    quotas.take(ctx, value.project_id, "rbac_policy")
    kind = KINDS[value.object_type]
    if value.action not in kind.users:
        raise _invalid(
            f"action '{value.action}' is not one for an object of type {value.object_type}: {', '.join(kind.users)}"
        )
    item = need(ctx, kind.records, value.object_id, lock=True)
    _check_owner(ctx, item)
    kind.check(ctx, item, value.target_tenant)
    entry = msgspec.structs.replace(value, id=new_id())
    _check_new(ctx, entry)
    q.RBAC_POLICIES.insert(ctx.tx, [entry])
    _changed(ctx, kind, item, entry)
    return entry


def update_rbac_policy(ctx: Context, old: RbacPolicy, draft: Draft[RbacPolicy]) -> RbacPolicy:
    """Raises `BadRequest`, `Conflict` (DuplicateRbacPolicy, RbacPolicyInUse)."""
    new = draft.value
    kind, item = _object_of(ctx, old)
    _check_owner(ctx, item)
    if new.target_tenant == old.target_tenant:
        return new
    kind.check(ctx, item, new.target_tenant)
    _check_new(ctx, new)
    _check_unused(ctx, item, old, new.target_tenant)
    q.RBAC_POLICIES.update(ctx.tx, old, new)
    _changed(ctx, kind, item, new)
    return new


def delete_rbac_policy(ctx: Context, entry: RbacPolicy) -> None:
    """Raises `Conflict` (RbacPolicyInUse) while a project needs it."""
    kind, item = _object_of(ctx, entry)
    _check_unused(ctx, item, entry)
    sharing.remove(ctx, [entry])
    _changed(ctx, kind, item, entry)


def _object_of(ctx: Context, entry: RbacPolicy) -> tuple[Kind, Any]:
    """The object, which nobody changes or begins to use until the transaction ends."""
    kind = KINDS[entry.object_type]
    item = kind.records.lock(ctx.tx, entry.object_id)
    assert item is not None
    return kind, item


def _check_owner(ctx: Context, item: Resource) -> None:
    if not ctx.caller.is_admin and item.project_id != ctx.caller.project_id:
        raise _invalid(
            f"only the administrator can manipulate policies on objects of others: {item.member} {item.id} is not "
            f"the project's own"
        )


def _check_new(ctx: Context, entry: RbacPolicy) -> None:
    for other in q.of_object(ctx.tx, entry.object_id, entry.action):
        if other.target_tenant == entry.target_tenant and other.id != entry.id:
            raise Conflict(
                "DuplicateRbacPolicy",
                f"An RBAC policy already exists with those values: {entry.action} of {entry.object_type} "
                f"{entry.object_id} for '{entry.target_tenant}' is {other.id}.",
            )


def _check_unused(ctx: Context, item: Resource, entry: RbacPolicy, new_target: str = "") -> None:
    is_default = isinstance(item, Network) and item.is_default
    if is_default and (entry.action, entry.target_tenant) == (ACCESS_AS_EXTERNAL, EVERYBODY):
        raise Conflict(
            "RbacPolicyInUse",
            f"RBAC policy on object {item.id} cannot be removed because other objects depend on it.\n"
            "Details: the default external network is one for everybody",
        )
    projects = sharing.losing(ctx, item, entry, new_target)
    if projects:
        raise in_use(item, projects)


def in_use(item: Resource, projects: set[str]) -> Conflict:
    """The refusal to take from projects an object that they use."""
    return Conflict(
        "RbacPolicyInUse",
        f"RBAC policy on object {item.id} cannot be removed because other objects depend on it.\n"
        f"Details: {item.member} {item.id} is in use by {', '.join(f'project_id={id}' for id in sorted(projects))}",
    )


def _changed(ctx: Context, kind: Kind, item: Any, entry: RbacPolicy) -> None:
    """Who may use an object is a property of it."""
    if hasattr(item, "revision_number"):
        new = ctx.changed(item)
        kind.records.update(ctx.tx, item, new)
    if entry.action == ACCESS_AS_EXTERNAL:
        network_news(ctx.tx, item)


def _invalid(reason: str) -> BadRequest:
    return BadRequest("InvalidInput", f"Invalid input for operation: {reason}.")
