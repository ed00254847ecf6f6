"""Users."""

from __future__ import annotations

from typing import Any

import msgspec

from heddle.api.http import Request, Response
from heddle.api.identity.common import (
    NO_CONTENT,
    body_of,
    embedded,
    enforce,
    filters,
    read_create,
    read_update,
    readable,
    render,
    root,
    show,
    show_list,
)
from heddle.api.services import Services
from heddle.control.identity import passwords, users
from heddle.control.identity.errors import wrong
from heddle.control.identity.projects import projects_of
from heddle.model.identity import User
from heddle.store.engine import Tx
from heddle.store.query import identity as q


def list_users(services: Services, request: Request) -> Response:
    base = root(services, request)
    with services.store.read() as tx:
        found = q.USERS.search(tx, readable(services, request, "user"), filters(request, User))
    return show_list(services, request, "users", [render(user, base, f"/users/{user.id}") for user in found])


def show_user(services: Services, request: Request) -> Response:
    return show(services, request, _user(services, request, "get_user"))


def create_user(services: Services, request: Request) -> Response:
    enforce(services, request, "create_user")
    draft = read_create(request, User, without=("password",)).value
    password = _password(request)
    if password is not None:
        draft = msgspec.structs.replace(draft, password_hash=passwords.hash_password(password))
    made = services.store.write(lambda tx: users.create_user(tx, draft), request.request_id)
    return show(services, request, made, 201)


def update_user(services: Services, request: Request) -> Response:
    _user(services, request, "update_user")
    password = _password(request)
    password_hash = None if password is None else passwords.hash_password(password)

    def work(tx: Tx) -> User:
        old = users.get_user(tx, request.params["id"])
        new = read_update(request, old, without=("password",))
        if password_hash is not None:
            new = msgspec.structs.replace(new, password_hash=password_hash)
        return users.update_user(tx, old, new)

    return show(services, request, services.store.write(work, request.request_id))


def delete_user(services: Services, request: Request) -> Response:
    _user(services, request, "delete_user")
    services.store.write(lambda tx: users.delete_user(tx, users.get_user(tx, request.params["id"])), request.request_id)
    return NO_CONTENT


def change_password(services: Services, request: Request) -> Response:
    """Change a password, knowing the present one; all tokens of the user end."""
    user = _user(services, request, "change_password")
    body: dict[str, Any] = body_of(request, User)[1]
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


def _user(services: Services, request: Request, action: str) -> User:
    """The user of the path, after the check of the right.  Raises `Forbidden`, `NotFound`."""
    enforce(services, request, action, id=request.params["id"])
    with services.store.read() as tx:
        return users.get_user(tx, request.params["id"])


def _password(request: Request) -> str | None:
    password = body_of(request, User)[1].get("password")
    if password is not None and not isinstance(password, str):
        raise wrong("'password' must be a string.")
    return password
