"""The catalog: which services there are and where, and its parts as read-only resources.

Addresses are roots: a client of the Networking API appends `v2.0`, one of the Identity API finds `v3`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from heddle.api.http import Request, Response, json_response
from heddle.api.identity.common import PATH, enforce, root, show_list
from heddle.api.services import Services
from heddle.control.identity.errors import found

_SPACE = uuid.UUID("6f0c62a4-3d0a-4c41-9d5b-7a7a35c1e0d4")
INTERFACES = ("public", "internal", "admin")


@dataclass(frozen=True, slots=True)
class Service:
    """`path` is appended to the root URL."""

    type: str
    name: str
    path: str
    description: str

    @property
    def id(self) -> str:
        return uuid.uuid5(_SPACE, self.type).hex


SERVICES = (
    Service("network", "neutron", "", "Networks (Networking API v2.0)"),
    Service("identity", "keystone", "/identity", "Identity (Identity API v3)"),
)


def catalog(services: Services, request: Request) -> list[dict[str, Any]]:
    """The catalog as a token carries it."""
    entries = _endpoints(services, request)
    shown = ("id", "interface", "region_id", "region", "url")
    return [
        {
            "id": service.id,
            "type": service.type,
            "name": service.name,
            "endpoints": [
                {name: entry[name] for name in shown} for entry in entries if entry["service_id"] == service.id
            ],
        }
        for service in SERVICES
    ]


def _endpoints(services: Services, request: Request) -> list[dict[str, Any]]:
    base, region = root(services, request), services.settings.identity.region
    found = []
    for service in SERVICES:
        for interface in INTERFACES:
            id = uuid.uuid5(_SPACE, f"{service.type}/{interface}").hex
            found.append(
                {
                    "id": id,
                    "interface": interface,
                    "region": region,
                    "region_id": region,
                    "service_id": service.id,
                    "url": base + service.path,
                    "enabled": True,
                    "links": {"self": f"{base}{PATH}/endpoints/{id}"},
                }
            )
    return found


def _services(services: Services, request: Request) -> list[dict[str, Any]]:
    base = root(services, request)
    return [
        {
            "id": service.id,
            "type": service.type,
            "name": service.name,
            "description": service.description,
            "enabled": True,
            "links": {"self": f"{base}{PATH}/services/{service.id}"},
        }
        for service in SERVICES
    ]


def _regions(services: Services, request: Request) -> list[dict[str, Any]]:
    name = services.settings.identity.region
    links = {"self": f"{root(services, request)}{PATH}/regions/{name}"}
    return [{"id": name, "description": "", "parent_region_id": None, "links": links}]


SERVICE_FILTERS = ("type", "name")
ENDPOINT_FILTERS = ("interface", "service_id", "region_id")


def _narrowed(request: Request, items: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    wanted = {name: value for name, value in request.query() if name in names}
    return [item for item in items if all(item[name] == value for name, value in wanted.items())]


def _one(items: list[dict[str, Any]], kind: str, id: str) -> dict[str, Any]:
    return found(next((item for item in items if item["id"] == id), None), kind, id)


def list_services(services: Services, request: Request) -> Response:
    enforce(services, request, "list_services")
    items = _narrowed(request, _services(services, request), *SERVICE_FILTERS)
    return show_list(services, request, "services", items)


def show_service(services: Services, request: Request) -> Response:
    enforce(services, request, "get_service")
    return json_response({"service": _one(_services(services, request), "service", request.params["id"])})


def list_endpoints(services: Services, request: Request) -> Response:
    enforce(services, request, "list_endpoints")
    items = _narrowed(request, _endpoints(services, request), *ENDPOINT_FILTERS)
    return show_list(services, request, "endpoints", items)


def show_endpoint(services: Services, request: Request) -> Response:
    enforce(services, request, "get_endpoint")
    return json_response({"endpoint": _one(_endpoints(services, request), "endpoint", request.params["id"])})


def list_regions(services: Services, request: Request) -> Response:
    enforce(services, request, "list_regions")
    return show_list(services, request, "regions", _regions(services, request))


def show_region(services: Services, request: Request) -> Response:
    enforce(services, request, "get_region")
    return json_response({"region": _one(_regions(services, request), "region", request.params["id"])})
