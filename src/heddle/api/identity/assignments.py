"""Role assignments: a user's roles on a project, a domain or the system."""

from __future__ import annotations

from typing import Any

from heddle.api.http import Request, Response
from heddle.api.identity.common import NO_CONTENT, PATH, enforce, render, root, show_list
from heddle.api.services import Services
from heddle.control.identity import assignments
from heddle.control.identity.assignments import Names
from heddle.store.query import identity as q
from heddle.store.query.identity import Assignment


def _of(request: Request) -> Assignment:
    """The assignment that the path names."""
    params = request.params
    for kind in ("project", "domain"):
        if f"{kind}_id" in params:
            return Assignment(params["user_id"], kind, params[f"{kind}_id"], params.get("role_id", ""))
    return Assignment(params["user_id"], "system", "", params.get("role_id", ""))


def grant(services: Services, request: Request) -> Response:
    enforce(services, request, "create_grant")
    services.store.write(lambda tx: assignments.grant(tx, _of(request)), request.request_id)
    return NO_CONTENT


def revoke(services: Services, request: Request) -> Response:
    enforce(services, request, "revoke_grant")
    services.store.write(lambda tx: assignments.revoke(tx, _of(request)), request.request_id)
    return NO_CONTENT


def check(services: Services, request: Request) -> Response:
    enforce(services, request, "check_grant")
    with services.store.read() as tx:
        assignments.check(tx, _of(request))
    return NO_CONTENT


def list_grants(services: Services, request: Request) -> Response:
    """The roles that were given to the user on the target."""
    enforce(services, request, "list_grants")
    base, of = root(services, request), _of(request)
    with services.store.read() as tx:
        assignments.check_exists(tx, of)
        found = q.roles_on(tx, of.user_id, of.kind, of.target_id)
    return show_list(services, request, "roles", [render(role, base, f"/roles/{role.id}") for role in found])


FILTERS = (
    "user.id", "group.id", "role.id", "scope.project.id", "scope.domain.id", "scope.system",
    "scope.OS-INHERIT:inherited_to", "effective", "include_names",
)  # fmt: skip


def list_assignments(services: Services, request: Request) -> Response:
    asked = dict(request.query())
    enforce(services, request, "list_role_assignments", id=asked.get("user.id", ""))
    wanted = _wanted(asked)
    with services.store.read() as tx:
        found = [] if wanted is None else q.assignments(tx, **{k: v for k, v in wanted.items() if k != "role_id"})
        if "effective" in asked and asked["effective"].lower() not in ("0", "false"):
            found = assignments.effective(tx, found)
        if wanted and "role_id" in wanted:
            found = [item for item in found if item.role_id == wanted["role_id"]]
        names = assignments.names_of(tx, found)
    named = "include_names" in asked and asked["include_names"].lower() not in ("0", "false")
    base = root(services, request)
    items = [_shown(item, names, base, named) for item in found]
    return show_list(services, request, "role_assignments", items)


def _wanted(asked: dict[str, str]) -> dict[str, str] | None:
    """What the filters narrow the list to; None when nothing can meet them."""
    if "group.id" in asked or "scope.OS-INHERIT:inherited_to" in asked:
        return None
    wanted = {}
    if "user.id" in asked:
        wanted["user_id"] = asked["user.id"]
    if "role.id" in asked:
        wanted["role_id"] = asked["role.id"]
    for kind in ("project", "domain"):
        if f"scope.{kind}.id" in asked:
            wanted.update(kind=kind, target_id=asked[f"scope.{kind}.id"])
    if "scope.system" in asked:
        wanted.update(kind="system", target_id="")
    return wanted


def _shown(item: Assignment, names: Names, base: str, named: bool) -> dict[str, Any]:
    user, role = names.users.get(item.user_id), names.roles.get(item.role_id)
    shown_user: dict[str, Any] = {"id": item.user_id}
    shown_role: dict[str, Any] = {"id": item.role_id}
    if named and user is not None:
        shown_user |= {"name": user.name, "domain": _domain(names, user.domain_id)}
    if named and role is not None:
        shown_role["name"] = role.name
    path = "/system" if item.kind == "system" else f"/{item.kind}s/{item.target_id}"
    link = f"{base}{PATH}{path}/users/{item.user_id}/roles/{item.role_id}"
    scope = _scope(item, names, named)
    return {"user": shown_user, "role": shown_role, "scope": scope, "links": {"assignment": link}}


def _scope(item: Assignment, names: Names, named: bool) -> dict[str, Any]:
    if item.kind == "system":
        return {"system": {"all": True}}
    if item.kind == "domain":
        return {"domain": _domain(names, item.target_id) if named else {"id": item.target_id}}
    project = names.projects.get(item.target_id)
    shown: dict[str, Any] = {"id": item.target_id}
    if named and project is not None:
        shown |= {"name": project.name, "domain": _domain(names, project.domain_id)}
    return {"project": shown}


def _domain(names: Names, id: str) -> dict[str, str]:
    domain = names.domains.get(id)
    return {"id": id, "name": domain.name} if domain else {"id": id}
