"""Objects that others may use: opened to everybody and closed again by their own verbs, and who would lose access.

`shared=True` of a network is an RBAC entry with everybody as its target, made and removed here.  Such entries count in
the quota of the object's project, whose limit they do not heed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from heddle.control import quotas
from heddle.control.context import Context, new_id
from heddle.control.shareable import KINDS
from heddle.model.access import ACCESS_AS_EXTERNAL, ACCESS_AS_SHARED, EVERYBODY, Access
from heddle.model.rbac import RbacPolicy
from heddle.model.resource import Resource
from heddle.store.query import rbac as q


def entry_for_all(ctx: Context, access: Access, item: Resource) -> RbacPolicy | None:
    """The entry that lets everybody use the object."""
    entries = q.of_object(ctx.tx, item.id, access.action)
    return next((entry for entry in entries if entry.target_tenant == EVERYBODY), None)


def open_to_all(ctx: Context, access: Access, item: Resource) -> None:
    """Let everybody use an object that not everybody may use yet."""
    entry = RbacPolicy(
        id=new_id(),
        project_id=item.project_id,
        object_type=access.object_type,
        object_id=item.id,
        action=access.action,
        target_tenant=EVERYBODY,
    )
    q.RBAC_POLICIES.insert(ctx.tx, [entry])
    quotas.note(ctx, entry.project_id, "rbac_policy")


def losing(ctx: Context, item: Any, entry: RbacPolicy, new_target: str = "") -> set[str]:
    """The projects that use an object and may not any more when an entry goes, or gets another target.

    By the reference's tests an entry for all that becomes one for a project counts as gone for that project too,
    unless it is about an external network.
    """
    if new_target == EVERYBODY:
        return set()
    if entry.action == ACCESS_AS_SHARED and entry.target_tenant == item.project_id:
        return set()
    others = {other.target_tenant for other in q.of_object(ctx.tx, item.id, entry.action) if other.id != entry.id}
    if EVERYBODY in others:
        return set()
    users = KINDS[entry.object_type].users[entry.action](ctx.tx, item)
    if entry.target_tenant != EVERYBODY:
        return users & {entry.target_tenant}
    if entry.action == ACCESS_AS_EXTERNAL:
        others.add(new_target)
    return users - others


def remove(ctx: Context, entries: Iterable[RbacPolicy]) -> None:
    for entry in entries:
        q.RBAC_POLICIES.delete(ctx.tx, entry.id)
        quotas.give_back(ctx, entry.project_id, "rbac_policy")


def object_gone(ctx: Context, item: Resource) -> None:
    """The entries of an object go with it."""
    remove(ctx, q.of_object(ctx.tx, item.id))
