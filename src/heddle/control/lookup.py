"""Finding what a request names: there, and visible to the caller, or not found."""

from __future__ import annotations

from typing import TypeVar

from heddle.control.context import Context
from heddle.errors import NotFound
from heddle.model.predicate import Always, Condition
from heddle.model.resource import Resource
from heddle.store.query.records import Records

R = TypeVar("R", bound=Resource)

def not_found(model: type[Resource], id: str) -> NotFound:
    title = model.title
    return NotFound(f"{title}NotFound", f"{title} {id} could not be found.")


def waited(ctx: Context, seen: Condition) -> bool:
    """Whether what lets the caller use others' objects may have gone while the transaction waited for one."""
    return not ctx.tx.alone and not isinstance(seen, Always)


def need(ctx: Context, records: Records[R], id: str, *, lock: bool = False, bare: bool = False,
         hold: bool = False) -> R:  # fmt: skip
    """The object, if the caller may see it; `bare`: only what its own table keeps.  Raises `NotFound`.

    `lock`: no other transaction changes it until this one ends; `hold`: none deletes it or takes it from the caller.
    """
    seen = ctx.visible(records.model)
    found = records.get(ctx.tx, id, seen, bare=bare, hold=hold)
    if found is not None and lock:
        found = records.lock(ctx.tx, id)
    if found is not None and (lock or hold) and waited(ctx, seen) and found.project_id != ctx.caller.project_id:
        found = records.get(ctx.tx, id, seen, bare=bare)
    if found is None:
        raise not_found(records.model, id)
    return found
