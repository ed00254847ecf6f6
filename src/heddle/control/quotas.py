"""Quotas: how many objects of a kind a project may have, and how many it has.

Usage is counted in a row per project and resource, in the transaction that creates or deletes: the row is the
lock that keeps two requests from passing the limit together, and creating never counts what exists.
"""

from __future__ import annotations

import msgspec

from heddle.config import Quota
from heddle.control.context import Context
from heddle.errors import BadRequest, Conflict
from heddle.model.fields import Int, Invalid
from heddle.store.query import quotas as q

RESOURCES = Quota.__struct_fields__
UNLIMITED = -1


def take(ctx: Context, project_id: str, resource: str, count: int = 1) -> None:
    """Count new objects.  Raises `Conflict` (OverQuota) when they are more than the project may have."""
    if not q.take(ctx.tx, project_id, resource, count, getattr(ctx.settings.quota, resource)):
        raise Conflict("OverQuota", f"Quota exceeded for resources: ['{resource}'].")


def note(ctx: Context, project_id: str, resource: str, count: int = 1) -> None:
    """Count new objects that nobody asked for by themselves, whatever the limit."""
    q.add_usage(ctx.tx, project_id, resource, count, UNLIMITED)


def give_back(ctx: Context, project_id: str, resource: str, count: int = 1) -> None:
    q.add_usage(ctx.tx, project_id, resource, -count, UNLIMITED)


def defaults(ctx: Context) -> dict[str, int]:
    return dict(msgspec.structs.asdict(ctx.settings.quota))


def limits(ctx: Context, project_id: str) -> dict[str, int]:
    """The limits in force for a project."""
    return defaults(ctx) | q.limits(ctx.tx, project_id)


def details(ctx: Context, project_id: str) -> dict[str, dict[str, int]]:
    """For each resource its limit, what is used, and what is reserved (always 0: a request holds its lock)."""
    used = q.usage(ctx.tx, project_id)
    return {
        name: {"limit": limit, "used": used.get(name, 0), "reserved": 0}
        for name, limit in limits(ctx, project_id).items()
    }


def set_limits(ctx: Context, project_id: str, wanted: dict[str, object], *, force: bool = False) -> dict[str, int]:
    """Change limits of a project; `force`: also to less than it has already.  Raises `BadRequest`."""
    number = Int(UNLIMITED)
    parsed = {}
    for name, value in wanted.items():
        if name not in RESOURCES:
            raise BadRequest("HTTPBadRequest", f"Unrecognized attribute(s) '{name}': quotas are {', '.join(RESOURCES)}")
        try:
            parsed[name] = number.parse(value)
        except Invalid as reason:
            raise BadRequest("HTTPBadRequest", f"Invalid input for {name}. Reason: {reason}.") from None
    if not force:
        _check_used(ctx, project_id, parsed)
    q.set_limits(ctx.tx, project_id, parsed)
    return limits(ctx, project_id)


def _check_used(ctx: Context, project_id: str, wanted: dict[str, int]) -> None:
    used = q.usage(ctx.tx, project_id)
    for name, limit in wanted.items():
        if UNLIMITED < limit < used.get(name, 0):
            raise BadRequest(
                "HTTPBadRequest",
                f"Invalid input for {name}. Reason: the limit '{limit}' is less than the {used[name]} that the project "
                "has already; 'force' sets it nevertheless.",
            )


def reset(ctx: Context, project_id: str) -> None:
    """Back to the defaults."""
    q.delete_limits(ctx.tx, project_id)
