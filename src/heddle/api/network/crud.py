"""The common way of a resource of the Networking API: list, show, create, update, delete.

`Collection` says which verbs of `control/` do it; each handler parses, checks rights, calls its verb in
one transaction, and renders.  What a caller may not see is not found; what they see and may not do is forbidden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic

from heddle.api.attempts import each_its_own
from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.bodies import bodies_of
from heddle.api.network.if_match import check_revision
from heddle.api.network.listing import Listing, links, parse_listing
from heddle.api.network.turns import TURNS
from heddle.api.render import render, render_one
from heddle.api.rights import Lookup, Rights
from heddle.api.services import Services
from heddle.control.context import Context
from heddle.control.lookup import need, not_found
from heddle.errors import BadRequest, Forbidden
from heddle.model.resource import Draft, R, Resource, changed, parse_changes, parse_create, subject_of
from heddle.store.engine import Tx
from heddle.store.query.records import Page, Records

NOWHERE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Collection(Generic[R]):
    """`parents` says how an object's parent is found: its name -> (the field with its id, its records).

    `describe` fills in what is derived for the answer; `before_list` runs before a list.  `key` is the field
    that an object's path names it by, within its parent where that is not its id.
    """

    records: Records[R]
    create: Callable[[Context, Sequence[Draft[R]]], list[R]] | None = None
    update: Callable[[Context, R, Draft[R]], R] | None = None
    delete: Callable[[Context, R], None] | None = None
    parents: Mapping[str, tuple[str, Records[Any]]] = field(default_factory=dict)
    describe: Callable[[Services, Tx, Sequence[R]], None] | None = None
    before_list: Callable[[Services, Request], None] | None = None
    path: str = ""
    under: str = ""
    key: str = "id"

    @property
    def model(self) -> type[R]:
        return self.records.model

    @property
    def url(self) -> str:
        return "/v2.0/" + (self.path or self.model.collection.replace("_", "-"))

    def routes(self) -> list[Route]:
        """The routes of the resource, with the policy rule of each."""
        member, one = self.model.member.replace("_", " "), self.url + "/{id}"
        subject = subject_of(self.model)
        found = [
            Route("GET", self.url, self._list, f"get_{subject}", summary=f"List {self.model.collection}"),
            Route("GET", one, self._show, f"get_{subject}", summary=f"Show a {member}"),
        ]
        if self.create is not None:
            found.append(
                Route("POST", self.url, self._create, f"create_{subject}", 201, f"Create a {member}, or several")
            )
        if self.update is not None:
            found.append(Route("PUT", one, self._update, f"update_{subject}", summary=f"Change a {member}"))
        if self.delete is not None:
            found.append(Route("DELETE", one, self._delete, f"delete_{subject}", 204, f"Delete a {member}"))
        return found

    # The handlers

    def _list(self, services: Services, request: Request) -> Response:
        listing = parse_listing(self.model, request, services.settings.server.max_limit)
        rights = Rights(services.policy, request.caller, self.model)
        if self.before_list is not None:
            self.before_list(services, request)
        whole = not (listing.filters or listing.limit)
        with TURNS.of(self.model.collection, whole=whole):
            return self._listed(services, request, rights, listing, whole)

    def _listed(
        self, services: Services, request: Request, rights: Rights[R], listing: Listing, whole: bool
    ) -> Response:
        with services.store.read(request.caller.project_id) as tx:
            for name, id in self.place(services, request, tx).items():
                listing.filters[name] = [id]
            items = self.find(tx, rights, listing)
            self._describe(services, tx, items)
            rendered = render(rights, items, listing.fields, lambda name: None)
        if whole:
            TURNS.note(self.model.collection, len(items))
        body: dict[str, Any] = {self.model.collection: rendered}
        found = links(request, listing, items, request.base_url + self.url.format_map(request.params))
        if found:
            body[f"{self.model.collection}_links"] = found
        return json_response(body)

    def find(self, tx: Tx, rights: Rights[R], listing: Listing) -> list[R]:
        """The objects that a list shows.  Raises `BadRequest`."""
        marker = None
        if listing.marker:
            marker = self.records.get(tx, listing.marker, rights.condition())
            if marker is None:
                raise BadRequest(
                    "HTTPBadRequest",
                    f"Invalid input for marker. Reason: there is no {self.model.member} with the id "
                    f"'{listing.marker[:64]}'.",
                )
        page = Page(tuple(listing.sorts), listing.limit, marker, listing.backward)
        return self.records.search(tx, rights.condition_for(listing.filters), listing.filters, page)

    def _show(self, services: Services, request: Request) -> Response:
        rights = Rights(services.policy, request.caller, self.model)
        wanted = [text for name, text in request.query() if name == "fields"]
        with services.store.read(request.caller.project_id) as tx:
            item = self.find_one(tx, rights, request.params["id"], within=self.place(services, request, tx))
            return json_response(self.answer(services, tx, rights, item, wanted))

    def _create(self, services: Services, request: Request) -> Response:
        create = self.create
        assert create is not None
        bodies, several = bodies_of(self.model, request)
        rights = Rights(services.policy, request.caller, self.model)
        project_id = request.caller.project_id
        parsed = each_its_own(lambda: [parse_create(self.model, body, project_id) for body in bodies])

        def work(tx: Tx) -> dict[str, Any]:
            drafts = parsed()
            ctx = self.context(services, request, tx)
            place = self.place(services, request, tx)
            for draft in drafts:
                for name, id in place.items():
                    setattr(draft.value, name, id)
                self._check_create(ctx, rights, draft)
            items = create(ctx, drafts)
            if not several:
                return self.answer(services, tx, rights, items[0])
            self._describe(services, tx, items)
            return {self.model.collection: render(rights, items, (), lambda name: None)}

        return json_response(services.store.write(work, request.request_id, request.caller.project_id), 201)

    def _check_create(self, ctx: Context, rights: Rights[R], draft: Draft[R]) -> None:
        """Raises `Forbidden`; `NotFound` where that is because of a parent that the caller does not see.

        Raises `BadRequest` for another project's object, which only the administrator or a service may make.
        """
        for_others = ctx.caller.is_admin or "service" in ctx.caller.roles
        if "project_id" in draft.given and not for_others and draft.value.project_id != ctx.caller.project_id:
            raise BadRequest(
                "HTTPBadRequest",
                f"Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires "
                f"admin privileges: '{draft.value.project_id}'",
            )
        try:
            rights.check_create(draft, self.lookup(ctx.tx, draft.value))
        except Forbidden:
            for column, records in self.parents.values():
                need(ctx, records, getattr(draft.value, column))
            raise

    def _update(self, services: Services, request: Request) -> Response:
        update = self.update
        assert update is not None
        body = request.member(self.model.member)
        parsed = each_its_own(lambda: parse_changes(self.model, body))
        rights = Rights(services.policy, request.caller, self.model)

        def work(tx: Tx) -> dict[str, Any]:
            ctx = self.context(services, request, tx)
            place = self.place(services, request, tx)
            old = self.find_one(tx, rights, request.params["id"], lock=True, within=place)
            lookup = self.lookup(tx, old)
            check_revision(request, old)
            draft = changed(old, parsed())
            rights.check_update(old, draft.value, draft.given, lookup)
            return self.answer(services, tx, rights, update(ctx, old, draft))

        return json_response(services.store.write(work, request.request_id, request.caller.project_id))

    def _delete(self, services: Services, request: Request) -> Response:
        delete = self.delete
        assert delete is not None
        rights = Rights(services.policy, request.caller, self.model)

        def work(tx: Tx) -> None:
            place = self.place(services, request, tx)
            item = self.find_one(tx, rights, request.params["id"], lock=True, within=place)
            check_revision(request, item)
            rights.check_delete(item, self.lookup(tx, item))
            delete(self.context(services, request, tx), item)

        services.store.write(work, request.request_id, request.caller.project_id)
        return Response(204)

    # What the handlers, and others beside them, share

    def context(self, services: Services, request: Request, tx: Tx) -> Context:
        def visible(model: type[Resource]) -> Any:
            return services.policy.condition(f"get_{subject_of(model)}", request.caller)

        return Context(tx, request.caller, services.settings, visible)

    def place(self, services: Services, request: Request, tx: Tx) -> Mapping[str, str]:
        """The field that the path fixes, with its value; empty for a resource that is not under another.

        Raises `NotFound` for a parent that the caller does not see.
        """
        if not self.under:
            return {}
        name, records = self.parents[self.under]
        id = request.params[name]
        seen = services.policy.condition(f"get_{subject_of(records.model)}", request.caller)
        if records.get(tx, id, seen, bare=True) is None:
            raise not_found(records.model, id)
        return {name: id}

    def find_one(
        self, tx: Tx, rights: Rights[R], id: str, *, lock: bool = False, within: Mapping[str, str] = NOWHERE
    ) -> R:
        """The object if the caller sees it and its fields are as `within` says.  Raises `NotFound`."""
        if self.key == "id":
            item = self.records.get(tx, id, rights.condition())
        else:
            found = self.records.search(tx, rights.condition(), {self.key: [id], **{n: [v] for n, v in within.items()}})
            item = found[0] if found else None
        if item is not None and lock:
            item = self.records.lock(tx, item.id)
        if item is None or any(getattr(item, name) != value for name, value in within.items()):
            raise not_found(self.model, id)
        return item

    def lookup(self, tx: Tx, value: R) -> Lookup:
        """How rights find an object's parents."""

        def parent(name: str) -> Resource | None:
            column, records = self.parents[name]
            found: Resource | None = records.get(tx, getattr(value, column))
            return found

        return parent

    def answer(
        self, services: Services, tx: Tx, rights: Rights[R], item: R, wanted: Sequence[str] = ()
    ) -> dict[str, Any]:
        """`{member: {...}}`."""
        self._describe(services, tx, [item])
        return {self.model.member: render_one(rights, item, wanted, self.lookup(tx, item))}

    def _describe(self, services: Services, tx: Tx, items: Sequence[R]) -> None:
        if self.describe is not None:
            self.describe(services, tx, items)
