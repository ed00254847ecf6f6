"""Which service profiles a flavor has, and who provides services (Networking API v2.0)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.l3_collections import FLAVOR_COLLECTION as FLAVORS
from heddle.api.rights import Rights
from heddle.api.schemas import BOOL, TEXT, only, several, some
from heddle.api.services import Services
from heddle.control import flavors
from heddle.control.context import Context
from heddle.errors import BadRequest
from heddle.model.fields import Invalid, Uuid
from heddle.model.flavor import Flavor
from heddle.model.service_provider import PROVIDERS
from heddle.store.engine import Tx

_PATH = "/v2.0/flavors/{flavor_id}/service_profiles"
_SHOWN = ("service_type", "name", "default")


def list_profiles(services: Services, request: Request) -> Response:
    flavor = _read(services, request)
    return json_response({"service_profiles": [{"id": id} for id in flavor.service_profiles]})


def show_profile(services: Services, request: Request) -> Response:
    flavor, id = _read(services, request), request.params["id"]
    if id not in flavor.service_profiles:
        raise flavors.not_bound(flavor, id)
    return json_response({"service_profile": {"id": id}})


def bind_profile(services: Services, request: Request) -> Response:
    body = request.member("service_profile")
    if set(body) != {"id"}:
        raise BadRequest("HTTPBadRequest", 'The request body must be {"service_profile": {"id": …}}')
    try:
        id = Uuid().check(body["id"])
    except Invalid as reason:
        raise BadRequest("HTTPBadRequest", f"Invalid input for id. Reason: {reason}.") from None
    _write(
        services, request, "create_flavor_service_profile", lambda ctx, flavor: flavors.bind_profile(ctx, flavor, id)
    )
    return json_response({"service_profile": {"id": id}}, 201)


def unbind_profile(services: Services, request: Request) -> Response:
    id = request.params["id"]
    _write(
        services, request, "delete_flavor_service_profile", lambda ctx, flavor: flavors.unbind_profile(ctx, flavor, id)
    )
    return Response(204)


def _read(services: Services, request: Request) -> Flavor:
    rights = Rights(services.policy, request.caller, Flavor)
    with services.store.read() as tx:
        flavor = FLAVORS.find_one(tx, rights, request.params["flavor_id"])
    rights.check("get_flavor_service_profile", flavor)
    return flavor


def _write(services: Services, request: Request, rule: str, verb: Callable[[Context, Flavor], None]) -> None:
    rights = Rights(services.policy, request.caller, Flavor)

    def work(tx: Tx) -> None:
        flavor = FLAVORS.find_one(tx, rights, request.params["flavor_id"], lock=True)
        rights.check(rule, flavor)
        verb(FLAVORS.context(services, request, tx), flavor)

    services.store.write(work, request.request_id)


def list_providers(services: Services, request: Request) -> Response:
    """The providers of services; a filter is one of their attributes."""
    wanted: dict[str, list[str]] = {}
    for name, text in request.query():
        if name not in (*_SHOWN, "fields"):
            raise BadRequest("HTTPBadRequest", f"Invalid filters ['{name}']")
        wanted.setdefault(name, []).append(text.lower() if name == "default" else text)
    fields = wanted.pop("fields", [])
    found: list[dict[str, Any]] = []
    for provider in PROVIDERS:
        shown = {name: value for name, value in asdict(provider).items() if name in _SHOWN}
        texts = {name: str(value).lower() if name == "default" else value for name, value in shown.items()}
        if all(texts[name] in values for name, values in wanted.items()):
            found.append({name: value for name, value in shown.items() if not fields or name in fields})
    return json_response({"service_providers": found})


_BODY = {
    "type": "object",
    "properties": {
        "service_profile": {
            "type": "object",
            "properties": {"id": Uuid().schema()},
            "required": ["id"],
            "additionalProperties": False,
        }
    },
    "required": ["service_profile"],
    "additionalProperties": False,
}

_PROFILE = only(service_profile=only(id=TEXT))

ROUTES = [
    Route("GET", _PATH, list_profiles, "get_flavor_service_profile", 200, "List the service profiles of a flavor", None,
          only(service_profiles=several(only(id=TEXT)))),
    Route(
        "GET", _PATH + "/{id}", show_profile, "get_flavor_service_profile", 200, "Show a service profile of a flavor",
        None, _PROFILE,
    ),
    Route(
        "POST",
        _PATH,
        bind_profile,
        "create_flavor_service_profile",
        201,
        "Give a service profile to a flavor",
        body=_BODY,
        reply=_PROFILE,
    ),
    Route(
        "DELETE",
        _PATH + "/{id}",
        unbind_profile,
        "delete_flavor_service_profile",
        204,
        "Take a service profile from a flavor",
    ),
    Route(
        "GET",
        "/v2.0/service-providers",
        list_providers,
        "get_service_provider",
        summary="List the providers of services",
        reply=only(service_providers=several(some(service_type=TEXT, name=TEXT, default=BOOL))),
        query=dict.fromkeys((*_SHOWN, "fields"), several(TEXT)),
    ),
]  # fmt: skip
