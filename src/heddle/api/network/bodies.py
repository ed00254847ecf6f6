"""The bodies of requests: to create one object or several, and those of actions, which hold one value."""

from __future__ import annotations

from typing import Any

from heddle.api.http import Request
from heddle.errors import BadRequest, invalid
from heddle.model.fields import FieldType, Invalid
from heddle.model.resource import Resource

MOST_AT_ONCE = 5000


def bodies_of(model: type[Resource], request: Request, known_as: str = "") -> tuple[list[dict[str, Any]], bool]:
    """The attributes of each object to create, and whether the request is for several.  Raises `BadRequest`."""
    body = request.json()
    member, collection = model.member, model.collection
    if set(body) != {collection} or not isinstance(body[collection], list):
        return [request.member(member, known_as)], False
    items = body[collection]
    if not items or not all(isinstance(item, dict) for item in items):
        raise BadRequest("HTTPBadRequest", f"'{collection}' must be a list of one or more objects")
    if len(items) > MOST_AT_ONCE:
        raise BadRequest(
            "HTTPBadRequest",
            f"{len(items)} {collection} are more than the {MOST_AT_ONCE} that one request can create",
        )
    return [item.get(member, item) if set(item) == {member} else item for item in items], True


def only_value(request: Request, name: str, kind: FieldType) -> Any:
    """The value in a body that must have this name and no other.  Raises `BadRequest`."""
    body = request.json()
    if set(body) != {name} or body[name] is None:
        raise BadRequest("HTTPBadRequest", f'The request body must be {{"{name}": …}}')
    try:
        return kind.parse(body[name])
    except Invalid as reason:
        raise invalid(name, f"{reason}.") from None
