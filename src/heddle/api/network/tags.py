"""Tags of an object: list, add some, replace, remove all; look for, add and remove one (Networking API v2.0, tags)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.crud import Collection
from heddle.api.network.if_match import check_revision
from heddle.api.rights import Rights
from heddle.api.services import Services
from heddle.errors import BadRequest, NotFound
from heddle.model.fields import Invalid
from heddle.model.tags import TAGS, read_tags
from heddle.store.engine import Tx

_ALL = {
    "type": "object",
    "properties": {"tags": TAGS.schema()},
    "required": ["tags"],
    "additionalProperties": False,
}
Change = Callable[[Sequence[str]], Sequence[str]]


class Tagging:
    """The tags of the objects of one resource."""

    def __init__(self, collection: Collection[Any]) -> None:
        self._collection = collection
        self._name = collection.model.collection

    def routes(self) -> list[Route]:
        """Under the URL of the objects, and under the plain name of their collection where that is another."""
        urls = {url.replace("_", "-"): url for url in ("/v2.0/" + self._name, self._collection.url)}
        return [route for url in urls.values() for route in self._routes(url + "/{id}/tags")]

    def _routes(self, base: str) -> list[Route]:
        name, one = self._name, base + "/{tag}"
        return [
            Route("GET", base, self.list, f"get_{name}_tags", 200, f"List the tags of one of the {name}", None, _ALL),
            Route("POST", base, self.extend, f"create_{name}_tags", 201, "Add tags", _ALL, _ALL),
            Route("PUT", base, self.replace, f"update_{name}_tags", 200, "Replace the tags", _ALL, _ALL),
            Route("DELETE", base, self.clear, f"delete_{name}_tags", 204, "Remove all tags"),
            Route("GET", one, self.find, f"get_{name}_tags", 204, "Whether the object has a tag"),
            Route("PUT", one, self.add, f"update_{name}_tags", 201, "Add a tag"),
            Route("DELETE", one, self.remove, f"delete_{name}_tags", 204, "Remove a tag"),
        ]

    def list(self, services: Services, request: Request) -> Response:
        return json_response({"tags": self._read(services, request)})

    def extend(self, services: Services, request: Request) -> Response:
        more = _asked(request)
        return json_response({"tags": self._write(services, request, "create", lambda tags: [*tags, *more])}, 201)

    def replace(self, services: Services, request: Request) -> Response:
        wanted = _asked(request)
        return json_response({"tags": self._write(services, request, "update", lambda tags: wanted)})

    def clear(self, services: Services, request: Request) -> Response:
        self._write(services, request, "delete", lambda tags: [])
        return Response(204)

    def find(self, services: Services, request: Request) -> Response:
        _need(self._read(services, request), request.params["tag"])
        return Response(204)

    def add(self, services: Services, request: Request) -> Response:
        self._write(services, request, "update", lambda tags: [*tags, request.params["tag"]])
        return Response(201)

    def remove(self, services: Services, request: Request) -> Response:
        def without(tags: Sequence[str]) -> Sequence[str]:
            _need(tags, request.params["tag"])
            return [tag for tag in tags if tag != request.params["tag"]]

        self._write(services, request, "delete", without)
        return Response(204)

    def _read(self, services: Services, request: Request) -> Sequence[str]:
        rights = Rights(services.policy, request.caller, self._collection.model)
        with services.store.read(request.caller.project_id) as tx:
            tags: Sequence[str] = self._collection.find_one(tx, rights, request.params["id"]).tags
            return tags

    def _write(self, services: Services, request: Request, verb: str, change: Change) -> Sequence[str]:
        collection = self._collection
        rights = Rights(services.policy, request.caller, collection.model)

        def work(tx: Tx) -> Sequence[str]:
            old = collection.find_one(tx, rights, request.params["id"], lock=True)
            check_revision(request, old)
            rights.check(f"{verb}_{self._name}_tags", old, collection.lookup(tx, old))
            tags = _checked(change(old.tags))
            if tags != old.tags:
                revision = old.revision_number + 1
                now = collection.context(services, request, tx).now
                new = msgspec.structs.replace(old, tags=tags, revision_number=revision, updated_at=now)
                collection.records.update(tx, old, new)
            return tags

        return services.store.write(work, request.request_id, request.caller.project_id)


def _asked(request: Request) -> Sequence[str]:
    body = request.json()
    if set(body) != {"tags"}:
        raise BadRequest("HTTPBadRequest", 'The request body must be {"tags": […]}')
    return _checked(body["tags"])


def _checked(tags: Any) -> Sequence[str]:
    try:
        return read_tags(tags)
    except Invalid as reason:
        raise BadRequest("HTTPBadRequest", f"Invalid input for tags. Reason: {reason}.") from None


def _need(tags: Sequence[str], tag: str) -> None:
    if tag not in tags:
        raise NotFound("TagNotFound", f"Tag {tag} could not be found.")
