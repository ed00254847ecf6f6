"""What hosts are told of an object."""

from __future__ import annotations

from tests.api.conftest import Cloud

from heddle.store import changes
from heddle.view.shapes import LOADERS
from heddle.view.types import RouterView, router_scope


def router_view(cloud: Cloud, router_id: str) -> RouterView:
    """The router as its host has it, at the revision of its newest change."""
    with cloud.store.read() as tx:
        entries = changes.scope_content(tx.conn, router_scope(router_id))
        (revision,) = [entry.revision for entry in entries if entry.kind == "router"]
        (view,) = LOADERS["router"](tx, {router_id: revision})
    assert isinstance(view, RouterView)
    return view
