"""Finding what a request names: there, and visible to the caller, or not found."""

from __future__ import annotations

from typing import TypeVar

from heddle.control.context import Context
from heddle.errors import NotFound
from heddle.model.resource import Resource
from heddle.store.query.records import Records

R = TypeVar("R", bound=Resource)

def not_found(model: type[Resource], id: str) -> NotFound:
    title = model.title
    return NotFound(f"{title}NotFound", f"{title} {id} could not be found.")


def need(ctx: Context, records: Records[R], id: str, *, lock: bool = False, bare: bool = False,
         hold: bool = False) -> R:  # fmt: skip
    """The object, if the caller may see it; `bare`: only what its own table keeps.  Raises `NotFound`.

    `lock`: no other transaction changes it until this one ends; `hold`: none deletes it.
    """
    found = records.get(ctx.tx, id, ctx.visible(records.model), bare=bare, hold=hold)
    if found is not None and lock:
        found = records.lock(ctx.tx, id)
    if found is None:
        raise not_found(records.model, id)
    return found
