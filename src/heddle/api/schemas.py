"""Shapes of bodies and answers in the OpenAPI document that are not those of a resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heddle.model.resource import Resource

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
BOOL: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "integer"}
OBJECT: Schema = {"type": "object"}
NOTHING: Schema = {"type": "null"}


def only(**members: Schema) -> dict[str, Any]:
    """An object with just these members, all of them."""
    return some(**members) | {"required": list(members)}


def some(**members: Schema) -> dict[str, Any]:
    """An object with no others than these members."""
    return {"type": "object", "properties": members, "additionalProperties": False}


def several(item: Schema) -> dict[str, Any]:
    return {"type": "array", "items": item}


def resource(model: type[Resource], kind: str = "") -> dict[str, Any]:
    """A resource as it is shown; with `kind` "Create" or "Update", as a request gives it."""
    return {"$ref": f"#/components/schemas/{model.__name__}{kind}"}


def page(model: type[Resource]) -> dict[str, Any]:
    """A list of a resource, perhaps with links to the pages beside it."""
    links = several(OBJECT)
    properties = {model.collection: several(resource(model)), f"{model.collection}_links": links}
    return {"type": "object", "properties": properties, "required": [model.collection]}


def listing(name: str, item: Schema = OBJECT) -> dict[str, Any]:
    """A list of the Identity API."""
    return only(**{name: several(item), "links": OBJECT})
