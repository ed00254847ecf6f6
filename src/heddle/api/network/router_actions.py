"""What is done to a router besides the common verbs: interfaces, and single extra routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.collections import ROUTER_COLLECTION as ROUTERS
from heddle.api.rights import Rights
from heddle.api.schemas import TEXT, TEXT_OR_NULL, only, resource, several
from heddle.api.services import Services
from heddle.control import router_interfaces, routers
from heddle.errors import BadRequest
from heddle.model.fields import Invalid, Uuid
from heddle.model.resource import Draft
from heddle.model.router import Router
from heddle.model.values import ROUTES as EXTRA_ROUTES
from heddle.model.values import HostRoute, read_route
from heddle.store.engine import Tx

Verb = Callable[..., router_interfaces.Interface]


def add_interface(services: Services, request: Request) -> Response:
    return _interface(services, request, "add_router_interface", router_interfaces.add_interface, exclusive=True)


def remove_interface(services: Services, request: Request) -> Response:
    return _interface(services, request, "remove_router_interface", router_interfaces.remove_interface, exclusive=False)


def _interface(services: Services, request: Request, rule: str, verb: Verb, *, exclusive: bool) -> Response:
    wanted = _interface_body(request, exclusive)
    rights = Rights(services.policy, request.caller, Router)

    def work(tx: Tx) -> dict[str, Any]:
        router = ROUTERS.find_one(tx, rights, request.params["id"], lock=True)
        rights.check(rule, router)
        done = verb(ROUTERS.context(services, request, tx), router, **wanted)
        return {
            "id": done.router.id,
            "tenant_id": done.port.project_id,
            "project_id": done.port.project_id,
            "port_id": done.port.id,
            "network_id": done.port.network_id,
            "subnet_id": done.subnet_ids[0] if done.subnet_ids else None,
            "subnet_ids": done.subnet_ids,
            "tags": done.port.tags,
        }

    return json_response(services.store.write(work, request.request_id))


def _interface_body(request: Request, exclusive: bool) -> dict[str, str]:
    """The subnet or the port that the request names.  Raises `BadRequest`."""
    body = request.json()
    unknown = sorted(set(body) - {"subnet_id", "port_id"})
    if unknown:
        raise BadRequest("HTTPBadRequest", f"Unrecognized attribute(s) '{', '.join(unknown)}'")
    wanted = {}
    for name, value in body.items():
        if value is not None:
            try:
                wanted[name] = Uuid().parse(value)
            except Invalid as reason:
                raise BadRequest("HTTPBadRequest", f"Invalid input for {name}. Reason: {reason}.") from None
    if not wanted:
        raise BadRequest("BadRequest", "Bad router request: Either subnet_id or port_id must be specified.")
    if exclusive and len(wanted) == 2:
        raise BadRequest("BadRequest", "Bad router request: Cannot specify both subnet-id and port-id.")
    return wanted


def add_routes(services: Services, request: Request) -> Response:
    def merge(have: list[HostRoute], given: list[HostRoute]) -> list[HostRoute]:
        return [*have, *(route for route in given if route not in have)]

    return _routes(services, request, "add_extraroutes", merge)


def remove_routes(services: Services, request: Request) -> Response:
    def without(have: list[HostRoute], given: list[HostRoute]) -> list[HostRoute]:
        return [route for route in have if route not in given]

    return _routes(services, request, "remove_extraroutes", without)


Merge = Callable[[list[HostRoute], list[HostRoute]], list[HostRoute]]


def _routes(services: Services, request: Request, rule: str, merge: Merge) -> Response:
    given = _routes_body(request)
    rights = Rights(services.policy, request.caller, Router)

    def work(tx: Tx) -> dict[str, Any]:
        router = ROUTERS.find_one(tx, rights, request.params["id"], lock=True)
        rights.check(rule, router)
        new = _with_routes(router, merge(router.routes, given))
        updated = routers.update_router(ROUTERS.context(services, request, tx), router, new)
        return ROUTERS.answer(services, tx, rights, updated)

    return json_response(services.store.write(work, request.request_id))


def _with_routes(router: Router, routes: list[HostRoute]) -> Draft[Router]:
    return Draft(msgspec.structs.replace(router, routes=routes), frozenset({"routes"}))


def _routes_body(request: Request) -> list[HostRoute]:
    body = request.member("router")
    if set(body) != {"routes"} or not isinstance(body["routes"], list):
        raise BadRequest("HTTPBadRequest", 'The request body must be {"router": {"routes": […]}}')
    try:
        return [read_route(item) for item in body["routes"]]
    except Invalid as reason:
        raise BadRequest("HTTPBadRequest", f"Invalid input for routes. Reason: {reason}.") from None


_SUBNET_OR_PORT = {
    "type": "object",
    "properties": {"subnet_id": Uuid(nullable=True).schema(), "port_id": Uuid(nullable=True).schema()},
    "additionalProperties": False,
}
_JOINED = only(
    id=TEXT, tenant_id=TEXT, project_id=TEXT, port_id=TEXT, network_id=TEXT, subnet_id=TEXT_OR_NULL,
    subnet_ids=several(TEXT), tags=several(TEXT),
)  # fmt: skip
_SOME_ROUTES = {
    "type": "object",
    "properties": {
        "router": {
            "type": "object",
            "properties": {"routes": {**EXTRA_ROUTES.schema(), "type": "array"}},
            "required": ["routes"],
            "additionalProperties": False,
        }
    },
    "required": ["router"],
    "additionalProperties": False,
}

ROUTES = [
    Route(
        "PUT",
        "/v2.0/routers/{id}/add_router_interface",
        add_interface,
        "add_router_interface",
        summary="Join a router to a subnet",
        body=_SUBNET_OR_PORT,
        reply=_JOINED,
    ),
    Route(
        "PUT",
        "/v2.0/routers/{id}/remove_router_interface",
        remove_interface,
        "remove_router_interface",
        summary="Part a router from a subnet",
        body=_SUBNET_OR_PORT,
        reply=_JOINED,
    ),
    Route(
        "PUT",
        "/v2.0/routers/{id}/add_extraroutes",
        add_routes,
        "add_extraroutes",
        summary="Add routes to a router",
        body=_SOME_ROUTES,
        reply=only(router=resource(Router)),
    ),
    Route(
        "PUT",
        "/v2.0/routers/{id}/remove_extraroutes",
        remove_routes,
        "remove_extraroutes",
        summary="Take routes from a router",
        body=_SOME_ROUTES,
        reply=only(router=resource(Router)),
    ),
]
