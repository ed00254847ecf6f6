"""Roles, and which of them imply which."""

from __future__ import annotations

from typing import Any

from heddle.api.http import Request, Response, json_response
from heddle.api.identity.common import (
    NO_CONTENT,
    PATH,
    enforce,
    filters,
    read_create,
    read_update,
    render,
    root,
    show,
    show_list,
)
from heddle.api.services import Services
from heddle.control.identity import roles
from heddle.model.identity import Role
from heddle.store.engine import Tx
from heddle.store.query import identity as q


def list_roles(services: Services, request: Request) -> Response:
    enforce(services, request, "list_roles")
    base = root(services, request)
    asked = dict(request.query())
    with services.store.read() as tx:
        found = [] if asked.get("domain_id") else q.ROLES.search(tx, filters=filters(request, Role))
    return show_list(services, request, "roles", [render(role, base, f"/roles/{role.id}") for role in found])


def show_role(services: Services, request: Request) -> Response:
    enforce(services, request, "get_role")
    with services.store.read() as tx:
        role = roles.get_role(tx, request.params["id"])
    return show(services, request, role)


def create_role(services: Services, request: Request) -> Response:
    enforce(services, request, "create_role")
    draft = read_create(request, Role).value
    made = services.store.write(lambda tx: roles.create_role(tx, draft), request.request_id)
    return show(services, request, made, 201)


def update_role(services: Services, request: Request) -> Response:
    enforce(services, request, "update_role")

    def work(tx: Tx) -> Role:
        old = roles.get_role(tx, request.params["id"])
        return roles.update_role(tx, old, read_update(request, old))

    return show(services, request, services.store.write(work, request.request_id))


def delete_role(services: Services, request: Request) -> Response:
    enforce(services, request, "delete_role")
    services.store.write(lambda tx: roles.delete_role(tx, roles.get_role(tx, request.params["id"])), request.request_id)
    return NO_CONTENT


def list_implied(services: Services, request: Request) -> Response:
    """The roles that one role implies directly."""
    enforce(services, request, "get_implied_role")
    base = root(services, request)
    with services.store.read() as tx:
        role = roles.get_role(tx, request.params["id"])
        implied = roles.implied_by(tx, role)
    links = {"self": f"{base}{PATH}/roles/{role.id}/implies"}
    return json_response({"role_inference": _inference(base, role, implied), "links": links})


def list_inferences(services: Services, request: Request) -> Response:
    """Which roles imply which."""
    enforce(services, request, "get_implied_role")
    base = root(services, request)
    with services.store.read() as tx:
        pairs = [(role, roles.implied_by(tx, role)) for role in q.ROLES.search(tx)]
    shown = [_inference(base, role, implied) for role, implied in pairs if implied]
    return json_response({"role_inferences": shown, "links": {"self": f"{base}{PATH}/role_inferences"}})


def _inference(base: str, role: Role, implied: list[Role]) -> dict[str, Any]:
    def short(item: Role) -> dict[str, Any]:
        return {"id": item.id, "name": item.name, "links": {"self": f"{base}{PATH}/roles/{item.id}"}}

    return {"prior_role": short(role), "implies": [short(item) for item in implied]}
