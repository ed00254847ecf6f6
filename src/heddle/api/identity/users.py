"""Users: passwords, and what belongs to a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from heddle.api.http import Request, Response
from heddle.api.identity.common import (
    NO_CONTENT,
    body_of,
    embedded,
    enforce,
    render,
    root,
    show_list,
)
from heddle.api.services import Services
from heddle.control.identity import passwords, users
from heddle.control.identity.errors import wrong
from heddle.control.identity.projects import projects_of
from heddle.model.identity import User
from heddle.store.engine import Tx


def change_password(services: Services, request: Request) -> Response:
    """Change a password, knowing the present one; all tokens of the user end."""
    user = _user(services, request, "change_password")
    body = body_of(request, User)[1]
    new, present = body.get("password"), body.get("original_password")
    if not isinstance(new, str) or not isinstance(present, str):
        raise wrong("'password' and 'original_password' are required properties, and must be strings.")
    embedded(services).check_password(user, present, request.client)
    password_hash = passwords.hash_password(new)

    def work(tx: Tx) -> None:
        old = users.get_user(tx, user.id)
        users.update_user(tx, old, msgspec.structs.replace(old, password_hash=password_hash))

    services.store.write(work, request.request_id)
    return NO_CONTENT


def list_groups(services: Services, request: Request) -> Response:
    """There are no groups of users."""
    _user(services, request, "get_user")
    return show_list(services, request, "groups", [])


def list_all_groups(services: Services, request: Request) -> Response:
    enforce(services, request, "list_groups")
    return show_list(services, request, "groups", [])


def list_projects(services: Services, request: Request) -> Response:
    user = _user(services, request, "list_user_projects")
    base = root(services, request)
    with services.store.read() as tx:
        found = projects_of(tx, user.id)
    items = [render(project, base, f"/projects/{project.id}") for project in found]
    return show_list(services, request, "projects", items)


def read_password(request: Request) -> Mapping[str, Any]:
    """What a password in the request sets.  Raises `BadRequest`."""
    password = body_of(request, User)[1].get("password")
    if password is None:
        return {}
    if not isinstance(password, str):
        raise wrong("'password' must be a string.")
    return {"password_hash": passwords.hash_password(password)}


def _user(services: Services, request: Request, action: str) -> User:
    """The user of the path, after the check of the right.  Raises `Forbidden`, `NotFound`."""
    enforce(services, request, action, id=request.params["id"])
    with services.store.read() as tx:
        return users.get_user(tx, request.params["id"])
