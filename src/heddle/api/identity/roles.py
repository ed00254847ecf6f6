"""Which roles imply which."""

from __future__ import annotations

from typing import Any

from heddle.api.http import Request, Response, json_response
from heddle.api.identity.common import PATH, enforce, root
from heddle.api.services import Services
from heddle.control.identity import roles
from heddle.model.identity import Role
from heddle.store.query import identity as q


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
