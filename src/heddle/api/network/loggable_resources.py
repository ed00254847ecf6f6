"""What can be logged."""

from __future__ import annotations

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.schemas import TEXT, only, several
from heddle.api.services import Services
from heddle.model.log import RESOURCE_TYPES


def list_loggable_resources(services: Services, request: Request) -> Response:
    services.policy.enforce("get_loggable_resource", request.caller, lambda name: None)
    return json_response({"loggable_resources": [{"type": name} for name in RESOURCE_TYPES]})


ROUTES = [
    Route(
        "GET",
        "/v2.0/log/loggable-resources",
        list_loggable_resources,
        "get_loggable_resource",
        summary="List what can be logged",
        reply=only(loggable_resources=several(only(type=TEXT))),
    )
]
