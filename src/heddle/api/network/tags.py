"""Tags of an object: list, replace, remove all; look for, add and remove one (Networking API v2.0, tags)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.crud import Collection, check_revision
from heddle.api.rights import Rights
from heddle.api.services import Services
from heddle.errors import BadRequest, NotFound
from heddle.model.fields import Invalid
from heddle.model.resource import read_tags
from heddle.store.engine import Tx

Change = Callable[[list[str]], list[str]]


def routes_of(collection: Collection[Any]) -> list[Route]:
    """The tag routes of one resource."""
    name = collection.model.collection
    base = collection.url + "/{id}/tags"

    def read(services: Services, request: Request) -> list[str]:
        rights = Rights(services.policy, request.caller, collection.model)
        with services.store.read() as tx:
            return list(collection.find_one(tx, rights, request.params["id"]).tags)

    def write(services: Services, request: Request, rule: str, change: Change) -> list[str]:
        rights = Rights(services.policy, request.caller, collection.model)

        def work(tx: Tx) -> list[str]:
            old = collection.find_one(tx, rights, request.params["id"], lock=True)
            check_revision(request, old)
            rights.check(rule, old, collection.lookup(tx, old))
            tags = _checked(change(list(old.tags)))
            if tags != old.tags:
                revision = old.revision_number + 1
                now = collection.context(services, request, tx).now
                new = msgspec.structs.replace(old, tags=tags, revision_number=revision, updated_at=now)
                collection.records.update(tx, old, new)
            return tags

        return services.store.write(work, request.request_id)

    def show_all(services: Services, request: Request) -> Response:
        return json_response({"tags": read(services, request)})

    def replace_all(services: Services, request: Request) -> Response:
        body = request.json()
        if set(body) != {"tags"}:
            raise BadRequest("HTTPBadRequest", 'The request body must be {"tags": […]}')
        wanted = _checked(body["tags"])
        return json_response({"tags": write(services, request, f"update_{name}_tags", lambda tags: wanted)})

    def remove_all(services: Services, request: Request) -> Response:
        write(services, request, f"delete_{name}_tags", lambda tags: [])
        return Response(204)

    def look_for(services: Services, request: Request) -> Response:
        _need(read(services, request), request.params["tag"])
        return Response(204)

    def add(services: Services, request: Request) -> Response:
        write(services, request, f"update_{name}_tags", lambda tags: [*tags, request.params["tag"]])
        return Response(201)

    def remove(services: Services, request: Request) -> Response:
        def without(tags: list[str]) -> list[str]:
            _need(tags, request.params["tag"])
            return [tag for tag in tags if tag != request.params["tag"]]

        write(services, request, f"delete_{name}_tags", without)
        return Response(204)

    one = base + "/{tag}"
    return [
        Route("GET", base, show_all, f"get_{name}_tags", summary=f"List the tags of one of the {name}"),
        Route("PUT", base, replace_all, f"update_{name}_tags", summary="Replace the tags"),
        Route("DELETE", base, remove_all, f"delete_{name}_tags", 204, "Remove all tags"),
        Route("GET", one, look_for, f"get_{name}_tags", 204, "Whether the object has a tag"),
        Route("PUT", one, add, f"update_{name}_tags", 201, "Add a tag"),
        Route("DELETE", one, remove, f"delete_{name}_tags", 204, "Remove a tag"),
    ]


def _checked(tags: Any) -> list[str]:
    try:
        return read_tags(tags)
    except Invalid as reason:
        raise BadRequest("HTTPBadRequest", f"Invalid input for tags. Reason: {reason}.") from None


def _need(tags: list[str], tag: str) -> None:
    if tag not in tags:
        raise NotFound("TagNotFound", f"Tag {tag} could not be found.")
