"""The common way of a resource of the Identity API: list, show, create, update, delete.

`Collection` says which functions of `control/identity/` do it; each handler checks the right, parses, calls its
function in one transaction, and renders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic

import msgspec

from heddle.api.http import Request, Response, Route
from heddle.api.identity.common import (
    NO_CONTENT,
    PATH,
    enforce,
    filters,
    read_create,
    read_update,
    readable,
    render,
    root,
    show,
    show_list,
)
from heddle.api.schemas import listing, only, resource
from heddle.api.services import Services
from heddle.errors import Forbidden
from heddle.model.predicate import ALWAYS
from heddle.model.resource import R
from heddle.store.engine import Tx
from heddle.store.query.records import Records

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Collection(Generic[R]):
    """`whole`: a list is for those who may see all; else everybody gets a list of what they may see one by one.

    Who may not see all, and looks for a name that is not among what they see, is refused rather than told that there is
    none: clients then take what they were given for an id ("lend to project X", which the lender does not see).

    `meets_none` says of a filter's name and text that no object meets it.  `aside` are attributes of a request which
    are no fields; `read_aside` gives the fields that follow from them.
    """

    records: Records[R]
    get: Callable[[Tx, str], R]
    create: Callable[[Tx, R], R]
    update: Callable[[Tx, R, R], R]
    delete: Callable[[Tx, R], None]
    whole: bool = False
    meets_none: Callable[[str, str], bool] = lambda name, text: False
    aside: tuple[str, ...] = ()
    read_aside: Callable[[Request], Mapping[str, Any]] = lambda request: NOTHING

    @property
    def model(self) -> type[R]:
        return self.records.model

    def routes(self) -> list[Route]:
        """The routes of the resource, with the policy rule of each."""
        one, many = self.model.member, self.model.collection
        url = f"{PATH}/{many}"
        member = url + "/{id}"
        every, this = listing(many, resource(self.model)), only(**{one: resource(self.model)})
        new, change = (only(**{one: resource(self.model, kind)}) for kind in ("Create", "Update"))
        return [
            Route("GET", url, self._list, f"identity:list_{many}", 200, f"List {many}", None, every),
            Route("POST", url, self._create, f"identity:create_{one}", 201, f"Create a {one}", new, this),
            Route("GET", member, self._show, f"identity:get_{one}", 200, f"Show a {one}", None, this),
            Route("PATCH", member, self._update, f"identity:update_{one}", 200, f"Change a {one}", change, this),
            Route("DELETE", member, self._delete, f"identity:delete_{one}", 204, f"Delete a {one}"),
        ]

    # The handlers

    def _list(self, services: Services, request: Request) -> Response:
        one, many = self.model.member, self.model.collection
        if self.whole:
            enforce(services, request, f"list_{many}")
        seen = ALWAYS if self.whole else readable(services, request, one)
        wanted = filters(request, self.model)
        found: list[R] = []
        if not any(self.meets_none(name, text) for name, text in request.query()):
            with services.store.read() as tx:
                found = self.records.search(tx, seen, wanted)
        if not found and "name" in wanted and seen != ALWAYS:
            raise Forbidden("Forbidden", f"You may look only for {many} that you may see: none of these has this name.")
        base = root(services, request)
        return show_list(services, request, many, [render(item, base, f"/{many}/{item.id}") for item in found])

    def _show(self, services: Services, request: Request) -> Response:
        id = self._checked(services, request, "get")
        with services.store.read() as tx:
            item = self.get(tx, id)
        return show(services, request, item)

    def _create(self, services: Services, request: Request) -> Response:
        enforce(services, request, f"create_{self.model.member}")
        asked = read_create(request, self.model, without=self.aside).value
        draft = msgspec.structs.replace(asked, **self.read_aside(request))
        made = services.store.write(lambda tx: self.create(tx, draft), request.request_id)
        return show(services, request, made, 201)

    def _update(self, services: Services, request: Request) -> Response:
        id = self._checked(services, request, "update")
        more = self.read_aside(request)

        def work(tx: Tx) -> R:
            old = self.get(tx, id)
            new = read_update(request, old, without=self.aside)
            return self.update(tx, old, msgspec.structs.replace(new, **more))

        return show(services, request, services.store.write(work, request.request_id))

    def _delete(self, services: Services, request: Request) -> Response:
        id = self._checked(services, request, "delete")
        services.store.write(lambda tx: self.delete(tx, self.get(tx, id)), request.request_id)
        return NO_CONTENT

    def _checked(self, services: Services, request: Request, verb: str) -> str:
        """The id in the path, when the caller has the right to do that to it.  Raises `Forbidden`."""
        id = request.params["id"]
        enforce(services, request, f"{verb}_{self.model.member}", id=id)
        return id
