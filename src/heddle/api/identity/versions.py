"""Which versions of the Identity API there are: what a client asks first."""

from __future__ import annotations

from typing import Any

from heddle.api.http import Request, Response, json_response
from heddle.api.identity.common import PATH, root
from heddle.api.services import Services

_MEDIA = [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}]


def _version(services: Services, request: Request) -> dict[str, Any]:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{root(services, request)}{PATH}/"}],
        "media-types": _MEDIA,
    }


def list_versions(services: Services, request: Request) -> Response:
    version = _version(services, request)
    location = [("Location", version["links"][0]["href"])]
    return json_response({"versions": {"values": [version]}}, 300, location)


def show_version(services: Services, request: Request) -> Response:
    return json_response({"version": _version(services, request)})
