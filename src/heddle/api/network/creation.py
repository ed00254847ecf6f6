"""Whether a caller may create what a request asks for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from heddle.api.rights import Lookup, Rights
from heddle.control.context import Context
from heddle.control.lookup import need
from heddle.errors import BadRequest, Forbidden
from heddle.model.resource import Draft, R
from heddle.store.query.records import Records


def check_create(
    ctx: Context, rights: Rights[R], draft: Draft[R], lookup: Lookup, parents: Iterable[tuple[str, Records[Any]]]
) -> None:
    """Raises `Forbidden`; `NotFound` where that is because of a parent that the caller does not see.

    `parents` are those: the field with the id, and the records.  Raises `BadRequest` for another project's object,
    which only the administrator or a service may make.
    """
    for_others = ctx.caller.is_admin or "service" in ctx.caller.roles
    if "project_id" in draft.given and not for_others and draft.value.project_id != ctx.caller.project_id:
        raise BadRequest(
            "HTTPBadRequest",
            f"Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires "
            f"admin privileges: '{draft.value.project_id}'",
        )
    try:
        rights.check_create(draft, lookup)
    except Forbidden:
        for column, records in parents:
            need(ctx, records, getattr(draft.value, column))
        raise
