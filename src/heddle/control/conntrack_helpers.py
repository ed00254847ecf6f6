"""Conntrack helpers of routers."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heddle.control.context import Context, new_id
from heddle.control.lookup import not_found
from heddle.control.news import router_news
from heddle.errors import BadRequest
from heddle.model.conntrack_helper import ALLOWED, ConntrackHelper
from heddle.model.resource import Draft
from heddle.model.router import Router
from heddle.store.query import conntrack_helpers as q
from heddle.store.query import routers as router_query


def create_conntrack_helpers(ctx: Context, drafts: Sequence[Draft[ConntrackHelper]]) -> list[ConntrackHelper]:
    """Raises `BadRequest` for a helper that is not allowed, or there already."""
    created = []
    for draft in drafts:
        router = _router(ctx, draft.value.router_id)
        helper = msgspec.structs.replace(draft.value, id=new_id(), project_id=router.project_id)
        _check(ctx, helper)
        q.CONNTRACK_HELPERS.insert(ctx.tx, [helper])
        router_news(ctx.tx, router)
        created.append(helper)
    return created


def update_conntrack_helper(ctx: Context, old: ConntrackHelper, draft: Draft[ConntrackHelper]) -> ConntrackHelper:
    """Raises `BadRequest` like `create_conntrack_helpers`."""
    _check(ctx, draft.value)
    q.CONNTRACK_HELPERS.update(ctx.tx, old, draft.value)
    router_news(ctx.tx, _router(ctx, old.router_id))
    return draft.value


def delete_conntrack_helper(ctx: Context, helper: ConntrackHelper) -> None:
    q.CONNTRACK_HELPERS.delete(ctx.tx, helper.id)
    router_news(ctx.tx, _router(ctx, helper.router_id))


def _router(ctx: Context, id: str) -> Router:
    router = router_query.ROUTERS.get(ctx.tx, id, bare=True, hold=True)
    if router is None:
        raise not_found(Router, id)
    return router


def _check(ctx: Context, helper: ConntrackHelper) -> None:
    if helper.helper not in ALLOWED:
        raise BadRequest("ConntrackHelperNotAllowed", f"Conntrack Helper {helper.helper} is not allowed.")
    if helper.protocol not in ALLOWED[helper.helper]:
        raise BadRequest(
            "InvalidProtocolForHelper",
            f"Conntrack Helper {helper.helper} does not support: {helper.protocol}. Supported protocols are: "
            f"{', '.join(ALLOWED[helper.helper])}",
        )
    if q.same(ctx.tx, helper) is not None:
        raise BadRequest(
            "BadRequest",
            f"Bad conntrack_helper request: the router has {helper.helper} for {helper.protocol} port {helper.port} "
            "already.",
        )
