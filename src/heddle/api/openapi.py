"""The OpenAPI 3.1 document of the API, made from the route table and the declared fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from heddle import __version__
from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.bodies import MOST_AT_ONCE
from heddle.api.network.collections import EVERY
from heddle.api.network.crud import Collection
from heddle.api.network.listing import filterable
from heddle.api.schemas import TEXT, only, page, resource, several
from heddle.api.services import Services
from heddle.model.availability import NetworkIpAvailability
from heddle.model.identity import ApplicationCredential, Domain, Project, Role, User
from heddle.model.resource import GENERATED, REQUIRED, FieldInfo, Resource, api_fields, fields_of

# Their objects may have further attributes, of the operator's choice.
_IDENTITY: tuple[type[Resource], ...] = (Domain, Project, User, Role, ApplicationCredential)
_IDENTITY_LISTS = {f"/identity/v3/{model.collection}": model for model in _IDENTITY}
_LISTS = {"/v2.0/network-ip-availabilities": NetworkIpAvailability}
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
        "x-policy-rule": route.permission,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in _VARIABLE.findall(route.path)
        ],
    }
    reply: dict[str, Any] = {}
    body = dict(route.body) if route.body is not None else None
    if route.permission == "public":
        found["security"] = []
    base, _, rest = route.path.partition("/{id}")
    collection = by_url.get(base)
    if collection is not None and not rest:
        reply = _reply(collection, route)
        if route.method in ("POST", "PUT"):
            body = _body(collection, route)
        if route.method == "GET":
            found["parameters"] += _FIELDS if route.path.endswith("}") else _list_parameters(collection.model)
    elif route.method == "GET" and route.path in _LISTS:
        found["parameters"] += _list_parameters(_LISTS[route.path])
    elif route.method == "GET" and route.path in _IDENTITY_LISTS:
        names = [name for name, field in api_fields(_IDENTITY_LISTS[route.path]).items() if field.filter]
        found["parameters"] += _queried(dict.fromkeys(names, TEXT))
    found["parameters"] += _queried(route.query or {})
    if route.reply is not None:
        reply = dict(route.reply)
    if body is not None:
        found["requestBody"] = {"required": True, "content": _json(body)}
    found["responses"] = {str(route.success): _success(route, reply), "default": _ERROR}
    return found


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _success(route: Route, reply: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": "Success"}
    empty = route.success == 204 or route.method == "HEAD" or (route.method, route.success) == ("PUT", 201)
    content = {"text/plain": {"schema": reply}} if reply == TEXT else _json(reply)
    return described if empty else {**described, "content": content}


def _body(collection: Collection[Any], route: Route) -> dict[str, Any]:
    model = collection.model
    if route.method == "PUT":
        return only(**{model.member: resource(collection.model, "Update")})
    create = resource(collection.model, "Create")
    many = {"type": "array", "items": create, "minItems": 1, "maxItems": MOST_AT_ONCE}
    return {"oneOf": [only(**{model.member: create}), only(**{model.collection: many})]}


def _reply(collection: Collection[Any], route: Route) -> dict[str, Any]:
    model = collection.model
    one = only(**{model.member: resource(model)})
    if route.method == "POST":
        return {"oneOf": [one, only(**{model.collection: several(resource(model))})]}
    return one if route.path.endswith("}") else page(model)


_FIELDS = [{"name": "fields", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}}]


def _list_parameters(model: type[Resource]) -> list[dict[str, Any]]:
    text = {"type": "array", "items": {"type": "string"}}
    keys = [name for name, field in api_fields(model).items() if field.sort]
    found: dict[str, Any] = dict.fromkeys(filterable(model), text)
    found["sort_key"] = {"type": "array", "items": {"type": "string", "enum": keys}}
    found["sort_dir"] = {"type": "array", "items": {"type": "string", "enum": ["asc", "desc"]}}
    found["limit"] = {"type": "integer", "minimum": 0, "maximum": 10**9 - 1}
    found["marker"] = {"type": "string"}
    found["page_reverse"] = {"type": "boolean"}
    return [*_FIELDS, *_queried(found)]


def _queried(schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": schema} for name, schema in schemas.items()]


def _resource_schemas() -> dict[str, Any]:
    found: dict[str, Any] = {}
    models: list[type[Resource]] = [*(collection.model for collection in EVERY), NetworkIpAvailability, *_IDENTITY]
    for model in models:
        fields, name = fields_of(model).values(), model.__name__
        found[name] = _object([field for field in fields if field.visible], [], request=False)
        needed = {"name"} if model in _IDENTITY else set()
        required = [f.api for f in fields if f.create and (f.default is REQUIRED or f.api in needed)]
        found[f"{name}Create"] = _object([field for field in fields if field.create], required)
        found[f"{name}Update"] = _object([field for field in fields if field.update], [])
    for model in _IDENTITY:
        for kind in ("", "Create", "Update"):
            found[model.__name__ + kind]["additionalProperties"] = True
    return found


def _object(fields: list[FieldInfo], required: list[str], *, request: bool = True) -> dict[str, Any]:
    properties = {field.api: _shape(field, request) for field in fields}
    if "project_id" in properties:
        properties["tenant_id"] = properties["project_id"]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _shape(field: FieldInfo, request: bool) -> dict[str, Any]:
    shape = field.type.schema() if request else field.type.answer_schema()
    if request and not field.null and isinstance(shape.get("type"), list):
        shape["type"] = next(kind for kind in shape["type"] if kind != "null")
    if request and field.create and field.default not in (REQUIRED, GENERATED, None):
        shape["default"] = field.default
    return shape


def _error_schema() -> dict[str, Any]:
    text = {"type": "string"}
    network = {"type": "object", "properties": {"type": text, "message": text, "detail": text}}
    identity = {"type": "object", "properties": {"code": {"type": "integer"}, "message": text, "title": text}}
    return {"oneOf": [only(NeutronError=network), only(error=identity)]}
