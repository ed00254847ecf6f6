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
from heddle.api.http import Handler, Request, Response, Route, json_response
from heddle.api.network.bodies import bodies_of
from heddle.api.network.creation import check_create
from heddle.api.network.if_match import check_revision
from heddle.api.network.listing import Listing, links, page_of, parse_listing
from heddle.api.network.turns import TURNS
from heddle.api.render import narrow, render, render_one
from heddle.api.rights import Lookup, Rights
from heddle.api.services import Services
from heddle.control.context import Context
from heddle.control.lookup import not_found
from heddle.model.predicate import ALWAYS
from heddle.model.resource import Draft, R, Resource, changed, parse_changes, parse_create, subject_of
from heddle.store.engine import Tx
from heddle.store.prepared import Rows
from heddle.store.query.records import Records

NOWHERE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Collection(Generic[R]):
    """`parents` says how an object's parent is found: its name -> (the field with its id, its records).

    `describe` fills in what is derived for the answer; what it reads for one that is shown may be of a moment later
    than the object if it describes `apart`.  `before_list` runs before a list.  `key` is the field that an object's
    path names it by, within its parent where that is not its id.  `path` is where that is not
    the collection's name, `under` the parent in whose path the objects are: to create one there says that it is
    forbidden even where the caller does not see the parent, if it `tells`.  `lists`: they can be listed; `known_as`:
    another name that a request may give its member, which answers give it beside its own for `both_names`.
    """

    records: Records[R]
    create: Callable[[Context, Sequence[Draft[R]]], list[R]] | None = None
    update: Callable[[Context, R, Draft[R]], R] | None = None
    delete: Callable[[Context, R], None] | None = None
    parents: Mapping[str, tuple[str, Records[Any]]] = field(default_factory=dict)
    describe: Callable[[Services, Tx, Sequence[R]], None] | None = None
    apart: bool = False
    before_list: Callable[[Services, Request], None] | None = None
    path: str = ""
    under: str = ""
    key: str = "id"
    tells: bool = False
    lists: bool = True
    known_as: str = ""
    both_names: bool = False

    @property
    def model(self) -> type[R]:
        return self.records.model

    @property
    def url(self) -> str:
        return "/v2.0/" + (self.path or self.model.collection.replace("_", "-"))

    def routes(self) -> list[Route]:
        """The routes of the resource, with the policy rule of each."""
        member, one = self.model.member.replace("_", " "), self.url + "/{id}"
        verbs: list[tuple[Any, str, str, Handler, str, int, str]] = [
            (self.lists, "GET", self.url, self._list, "get", 200, f"List {self.model.collection}"),
            (True, "GET", one, self._show, "get", 200, f"Show a {member}"),
            (self.create, "POST", self.url, self._create, "create", 201, f"Create a {member}, or several"),
            (self.update, "PUT", one, self._update, "update", 200, f"Change a {member}"),
            (self.delete, "DELETE", one, self._delete, "delete", 204, f"Delete a {member}"),
        ]
        subject = subject_of(self.model)
        return [
            Route(method, path, handler, f"{does}_{subject}", success, summary)
            for there, method, path, handler, does, success, summary in verbs
            if there
        ]

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
            if few := narrow(rights, listing.fields, self.records.selected):
                rows = self.find_columns(tx, few[0], rights, listing)
                ids, rendered = [row[0] for row in rows], [few[1](row) for row in rows]
            else:
                items = self.find(tx, rights, listing)
                self._describe(services, tx, items)
                ids, rendered = [item.id for item in items], render(rights, items, listing.fields, lambda name: None)
        if whole:
            TURNS.note(self.model.collection, len(ids))
        body: dict[str, Any] = {self.model.collection: rendered}
        found = links(request, listing, ids, request.base_url + self.url.format_map(request.params))
        if found:
            body[f"{self.model.collection}_links"] = found
        return json_response(body)

    def find(self, tx: Tx, rights: Rights[R], listing: Listing) -> list[R]:
        """The objects that a list shows.  Raises `BadRequest`."""
        page = page_of(listing, self.records, tx, rights.condition())
        where = rights.condition_for(listing.filters)
        return [] if page is None else self.records.search(tx, where, listing.filters, page)

    def find_columns(self, tx: Tx, names: Sequence[str], rights: Rights[R], listing: Listing) -> Rows:
        """Some columns of the objects that a list shows.  Raises `BadRequest`."""
        page = page_of(listing, self.records, tx, rights.condition())
        where = rights.condition_for(listing.filters)
        return () if page is None else self.records.search_columns(tx, names, where, listing.filters, page)

    def _show(self, services: Services, request: Request) -> Response:
        rights = Rights(services.policy, request.caller, self.model)
        wanted = [text for name, text in request.query() if name == "fields"]
        with services.store.read(request.caller.project_id, once=self._in_one) as tx:
            item = self.find_one(tx, rights, request.params["id"], within=self.place(services, request, tx))
            return json_response(self.answer(services, tx, rights, item, wanted))

    def _create(self, services: Services, request: Request) -> Response:
        create = self.create
        assert create is not None
        bodies, several = bodies_of(self.model, request, self.known_as)
        rights = Rights(services.policy, request.caller, self.model)
        project_id = request.caller.project_id
        parsed = each_its_own(lambda: [parse_create(self.model, body, project_id) for body in bodies])

        def work(tx: Tx) -> dict[str, Any]:
            drafts = parsed()
            ctx = self.context(services, request, tx)
            place = self.place(services, request, tx, blind=self.tells)
            known: dict[tuple[str, str], Resource | None] = {}
            hidden = [of for name, of in self.parents.items() if not (self.tells and name == self.under)]
            for draft in drafts:
                for name, id in place.items():
                    setattr(draft.value, name, id)
                check_create(ctx, rights, draft, self.lookup(tx, draft.value, known), hidden)
            items = create(ctx, drafts)
            if not several:
                return self.answer(services, tx, rights, items[0])
            self._describe(services, tx, items)
            return {self.model.collection: render(rights, items, (), lambda name: None)}

        return json_response(services.store.write(work, request.request_id, request.caller.project_id), 201)

    def _update(self, services: Services, request: Request) -> Response:
        update = self.update
        assert update is not None
        body = request.member(self.model.member, self.known_as)
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

    def place(self, services: Services, request: Request, tx: Tx, *, blind: bool = False) -> Mapping[str, str]:
        """The field that the path fixes, with its value; empty for a resource that is not under another.

        Raises `NotFound` for a parent that the caller does not see; `blind`: only for one that there is not.
        """
        if not self.under:
            return {}
        name, records = self.parents[self.under]
        id = request.params[name]
        seen = services.policy.condition(f"get_{subject_of(records.model)}", request.caller)
        if records.get(tx, id, ALWAYS if blind else seen, bare=True) is None:
            raise not_found(records.model, id)
        return {name: id}

    @property
    def _in_one(self) -> bool:
        """Whether a single statement reads all of an object that must fit together."""
        described = self.describe is None or self.apart
        return described and self.records.load is None and self.key == "id" and not self.under

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

    def lookup(self, tx: Tx, value: R, known: dict[tuple[str, str], Resource | None] | None = None) -> Lookup:
        """How rights find an object's parents; those `known` are not read again."""
        found = {} if known is None else known

        def parent(name: str) -> Resource | None:
            column, records = self.parents[name]
            key = (name, getattr(value, column))
            if key not in found:
                found[key] = records.get(tx, key[1], bare=True)
            return found[key]

        return parent

    def answer(
        self, services: Services, tx: Tx, rights: Rights[R], item: R, wanted: Sequence[str] = ()
    ) -> dict[str, Any]:
        """`{member: {...}}`."""
        self._describe(services, tx, [item])
        rendered = render_one(rights, item, wanted, self.lookup(tx, item))
        return dict.fromkeys([self.model.member, *([self.known_as] if self.both_names else [])], rendered)

    def _describe(self, services: Services, tx: Tx, items: Sequence[R]) -> None:
        if self.describe is not None:
            self.describe(services, tx, items)
