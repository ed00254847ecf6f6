"""The bindings of a port, found by their hosts: list, show, create, change, remove, activate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heddle.api.attempts import each_its_own
from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.collections import PORT_COLLECTION as PORTS
from heddle.api.network.listing import parse_listing
from heddle.api.rights import Rights
from heddle.api.schemas import OBJECT, only, several, some
from heddle.api.services import Services
from heddle.control import port_bindings
from heddle.control.context import Context
from heddle.model.port import Port
from heddle.model.port_binding import PortBinding
from heddle.model.resource import changed, fields_of, parse_changes, parse_create
from heddle.store.engine import Tx

BASE = "/v2.0/ports/{port_id}/bindings"
_SHOWN = [field for field in fields_of(PortBinding).values() if field.name not in ("id", "project_id")]
_BODY = {
    "type": "object",
    "properties": {"binding": {"type": "object", "properties": {f.api: f.type.schema() for f in _SHOWN if f.create}}},
    "required": ["binding"],
}
_BINDING = some(**{field.api: field.type.answer_schema() for field in _SHOWN})
_ANSWER = only(binding=_BINDING)


def _shown(binding: PortBinding) -> dict[str, Any]:
    return {field.api: getattr(binding, field.name) for field in _SHOWN}


def _work(services: Services, request: Request, verb: str, work: Callable[[Context, Port], Any]) -> Any:
    """Run `work` on the port of the path, if the caller sees it and may do that to its bindings."""
    seeing, doing = Rights(services.policy, request.caller, Port), Rights(services.policy, request.caller, PortBinding)

    def inside(tx: Tx) -> Any:
        port = PORTS.find_one(tx, seeing, request.params["port_id"], lock=verb != "get")
        doing.check(f"{verb}_port_binding", PortBinding(project_id=port.project_id), lambda name: port)
        return work(PORTS.context(services, request, tx), port)

    if verb == "get":
        with services.store.read() as tx:
            return inside(tx)
    return services.store.write(inside, request.request_id)


def list_bindings(services: Services, request: Request) -> Response:
    listing = parse_listing(PortBinding, request)

    def work(ctx: Context, port: Port) -> list[dict[str, Any]]:
        found = port_bindings.bindings_of(ctx, port)
        for name, values in listing.filters.items():
            found = [binding for binding in found if getattr(binding, name) in values]
        return [_shown(binding) for binding in found]

    return json_response({"bindings": _work(services, request, "get", work)})


def show_binding(services: Services, request: Request) -> Response:
    def work(ctx: Context, port: Port) -> dict[str, Any]:
        return _shown(port_bindings.find(ctx, port, request.params["host"]))

    return json_response({"binding": _work(services, request, "get", work)})


def create_binding(services: Services, request: Request) -> Response:
    body = request.member("binding")
    parsed = each_its_own(lambda: parse_create(PortBinding, body, request.caller.project_id))

    def work(ctx: Context, port: Port) -> dict[str, Any]:
        return _shown(port_bindings.create_binding(ctx, port, parsed()))

    return json_response({"binding": _work(services, request, "create", work)}, 201)


def update_binding(services: Services, request: Request) -> Response:
    body = request.member("binding")
    parsed = each_its_own(lambda: parse_changes(PortBinding, body))

    def work(ctx: Context, port: Port) -> dict[str, Any]:
        old = port_bindings.find(ctx, port, request.params["host"])
        return _shown(port_bindings.update_binding(ctx, port, old, changed(old, parsed())))

    return json_response({"binding": _work(services, request, "update", work)})


def activate_binding(services: Services, request: Request) -> Response:
    def work(ctx: Context, port: Port) -> dict[str, Any]:
        return _shown(port_bindings.activate_binding(ctx, port, request.params["host"]))

    return json_response({"binding": _work(services, request, "update", work)})


def delete_binding(services: Services, request: Request) -> Response:
    _work(
        services, request, "delete", lambda ctx, port: port_bindings.delete_binding(ctx, port, request.params["host"])
    )
    return Response(204)


ROUTES = [
    Route("GET", BASE, list_bindings, "get_port_binding", 200, "List the bindings of a port", None,
          only(bindings=several(_BINDING))),
    Route("POST", BASE, create_binding, "create_port_binding", 201, "Bind a port to a further host", _BODY,
          _ANSWER),
    Route("GET", BASE + "/{host}", show_binding, "get_port_binding", 200, "Show a binding", None, _ANSWER),
    Route("PUT", BASE + "/{host}", update_binding, "update_port_binding", 200, "Change a binding", _BODY, _ANSWER),
    Route("DELETE", BASE + "/{host}", delete_binding, "delete_port_binding", 204, "Remove a binding"),
    Route(
        "PUT",
        BASE + "/{host}/activate",
        activate_binding,
        "update_port_binding",
        summary="Make a binding the active one",
        body=OBJECT,
        reply=_ANSWER,
    ),
]  # fmt: skip
