"""Get me a network: the topology that is made for a project when it is first asked for."""

from __future__ import annotations

from typing import Any

from heddle.api.http import Request, Response, Route, json_response
from heddle.api.network.collections import NETWORK_COLLECTION
from heddle.api.schemas import TEXT, only
from heddle.api.services import Services
from heddle.control import topologies
from heddle.errors import BadRequest
from heddle.store.engine import Tx
from heddle.store.query import topologies as q

# What clients write for the project that they are authenticated for.
_OWN = ("None", "null")


def show(services: Services, request: Request) -> Response:
    """With `fields=dry-run` it is only checked whether the cloud has what a topology needs."""
    project_id = _project(services, request, "get_auto_allocated_topology")
    if any(name == "fields" and text.startswith("dry-run") for name, text in request.query()):
        with services.store.read() as tx:
            topologies.check_requirements(NETWORK_COLLECTION.context(services, request, tx))
        return _answer("dry-run=pass", project_id)
    with services.store.read() as tx:
        found = q.of_project(tx, project_id)
    return _answer(found.network_id if found else _make(services, request, project_id), project_id)


def _make(services: Services, request: Request, project_id: str) -> str:
    """Who may see the topology of a project does not for that reason make its objects.  Raises `Forbidden`."""
    for rule in ("create_network", "create_router"):
        services.policy.enforce(rule, request.caller, {"project_id": project_id}.get)

    def work(tx: Tx) -> str:
        return topologies.make(NETWORK_COLLECTION.context(services, request, tx), project_id).network_id

    return services.store.write(work, request.request_id)


def delete(services: Services, request: Request) -> Response:
    project_id = _project(services, request, "delete_auto_allocated_topology")

    def work(tx: Tx) -> None:
        topologies.delete(NETWORK_COLLECTION.context(services, request, tx), project_id)

    services.store.write(work, request.request_id)
    return Response(204)


def _project(services: Services, request: Request, rule: str) -> str:
    """The project that the path names.  Raises `Forbidden`; `BadRequest` where it means none."""
    id = request.params["id"]
    project_id = request.caller.project_id if id in _OWN else id
    services.policy.enforce(rule, request.caller, {"project_id": project_id}.get)
    if not project_id:
        raise BadRequest("BadRequest", "Bad auto_allocate request: a project must be named, or be that of the token.")
    return project_id


def _answer(id: str, project_id: str) -> Response:
    topology: dict[str, Any] = {"id": id, "tenant_id": project_id, "project_id": project_id}
    return json_response({"auto_allocated_topology": topology})


_PATH = "/v2.0/auto-allocated-topology/{id}"

ROUTES = [
    Route(
        "GET",
        _PATH,
        show,
        "get_auto_allocated_topology",
        summary="The topology of a project, made if need be",
        reply=only(auto_allocated_topology=only(id=TEXT, tenant_id=TEXT, project_id=TEXT)),
    ),
    Route("DELETE", _PATH, delete, "delete_auto_allocated_topology", 204, "Delete the topology of a project"),
]
