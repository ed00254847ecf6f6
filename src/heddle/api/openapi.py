"""The OpenAPI 3.1 document of the API, made from the route table and the declared fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from heddle import __version__
from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.collections import EVERY
from heddle.api.network.crud import Collection
from heddle.api.network.listing import filterable
from heddle.api.services import Services
from heddle.model.resource import GENERATED, REQUIRED, FieldInfo, Resource, fields_of

_VARIABLE = re.compile(r"{(\w+)}")
_ERROR = {"description": "Error", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}


def routes(every: Callable[[], Sequence[Route]]) -> list[Route]:
    """The route of the document; `every` gives the routes that it describes."""

    @cache
    def encoded() -> dict[str, Any]:
        return document(every())

    def show(services: Services, request: Request) -> Response:
        return json_response(encoded())

    return [Route("GET", "/openapi.json", show, "public", summary="This document")]


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    by_url: dict[str, Collection[Any]] = {collection.url: collection for collection in EVERY}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_url)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Heddle", "version": __version__},
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}},
            "schemas": {"Error": _error_schema(), **_resource_schemas()},
        },
        "security": [{"token": []}],
    }


def _operation(route: Route, by_url: dict[str, Collection[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": route.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in _VARIABLE.findall(route.path)
        ],
        "responses": {str(route.success): {"description": "Success"}, "default": _ERROR},
    }
    if route.permission == "public":
        found["security"] = []
    base, _, rest = route.path.partition("/{id}")
    collection = by_url.get(base)
    if collection is None or rest:
        return found
    name = str(collection.model.__name__)
    if route.method == "GET" and not route.path.endswith("}"):
        found["parameters"] += _list_parameters(collection.model)
    if route.method in ("POST", "PUT"):
        kind = "Create" if route.method == "POST" else "Update"
        schema = {"$ref": f"#/components/schemas/{name}{kind}"}
        body = {
            "type": "object",
            "properties": {collection.model.member: schema},
            "required": [collection.model.member],
        }
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found


def _list_parameters(model: type[Resource]) -> list[dict[str, Any]]:
    names = [*filterable(model), "fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse"]
    return [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]


def _resource_schemas() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for collection in EVERY:
        model: type[Resource] = collection.model
        fields, name = fields_of(model).values(), model.__name__
        found[name] = _object([field for field in fields if field.visible], [])
        required = [field.api for field in fields if field.create and field.default is REQUIRED]
        found[f"{name}Create"] = _object([field for field in fields if field.create], required)
        found[f"{name}Update"] = _object([field for field in fields if field.update], [])
    return found


def _object(fields: list[FieldInfo], required: list[str]) -> dict[str, Any]:
    properties = {field.api: _with_default(field) for field in fields}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _with_default(field: FieldInfo) -> dict[str, Any]:
    shape = field.type.schema()
    if field.create and field.default not in (REQUIRED, GENERATED, None):
        shape["default"] = field.default
    return shape


def _error_schema() -> dict[str, Any]:
    text = {"type": "string"}
    inner = {"type": "object", "properties": {"type": text, "message": text, "detail": text}}
    return {"type": "object", "properties": {"NeutronError": inner}}
