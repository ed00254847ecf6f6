"""The roots: which versions there are, and what they have."""

from __future__ import annotations

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.collections import EVERY
from heddle.api.schemas import OBJECT, only, several
from heddle.api.services import Services


def list_versions(services: Services, request: Request) -> Response:
    link = {"rel": "self", "href": f"{request.base_url}/v2.0/"}
    return json_response({"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]})


def show_version(services: Services, request: Request) -> Response:
    """The resources of version 2.0."""
    resources = [
        {
            "name": collection.model.member,
            "collection": collection.model.collection,
            "links": [{"rel": "self", "href": f"{request.base_url}{collection.url}"}],
        }
        for collection in EVERY
        if not collection.under
    ]
    return json_response({"resources": resources})


ROUTES = [
    Route("GET", "/", list_versions, "public", 200, "List the versions of the Networking API", None,
          only(versions=several(OBJECT))),
    Route("GET", "/v2.0", show_version, "get_extension", 200, "List the resources of version 2.0", None,
          only(resources=several(OBJECT))),
]  # fmt: skip
