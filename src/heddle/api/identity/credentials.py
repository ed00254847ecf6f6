"""Application credentials of a user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from heddle.api.http import Request, Response, json_response
from heddle.api.identity.common import NO_CONTENT, body_of, embedded, enforce, filters, read_create, render, root
from heddle.api.identity.common import show_list as as_list
from heddle.api.services import Services
from heddle.control.identity import credentials, passwords
from heddle.control.identity.errors import forbidden, wrong
from heddle.control.identity.tokens import Session
from heddle.model.identity import ApplicationCredential, Role
from heddle.store.engine import Tx
from heddle.store.query import identity as q

_READ_HERE = ("secret", "roles", "access_rules")


def list_credentials(services: Services, request: Request) -> Response:
    user_id = request.params["user_id"]
    enforce(services, request, "list_application_credentials", id=user_id)
    with services.store.read() as tx:
        wanted = {**filters(request, ApplicationCredential), "user_id": [user_id]}
        found = q.CREDENTIALS.search(tx, filters=wanted)
        items = _shown(services, request, tx, found)
    return as_list(services, request, "application_credentials", items)


def show_credential(services: Services, request: Request) -> Response:
    user_id = request.params["user_id"]
    enforce(services, request, "get_application_credential", id=user_id)
    with services.store.read() as tx:
        found = credentials.get_credential(tx, user_id, request.params["id"])
        return json_response({"application_credential": _shown(services, request, tx, [found])[0]})


def create_credential(services: Services, request: Request) -> Response:
    """Make one for the caller and the project of the token; the secret is shown this once."""
    enforce(services, request, "create_application_credential", id=request.params["user_id"])
    session = _session(services, request)
    if session.user.id != request.params["user_id"]:
        raise forbidden("identity:create_application_credential")
    draft = read_create(request, ApplicationCredential, without=_READ_HERE).value
    others = body_of(request, ApplicationCredential)[1]
    if others.get("access_rules"):
        raise wrong("Access rules are not supported: leave access_rules out.")
    secret = others.get("secret") or credentials.new_secret()
    if not isinstance(secret, str):
        raise wrong("'secret' must be a string.")
    draft = msgspec.structs.replace(draft, secret_hash=passwords.hash_password(secret))
    roles = _roles(others.get("roles"))

    def work(tx: Tx) -> dict[str, Any]:
        made = credentials.create_credential(tx, session, draft, roles)
        return _shown(services, request, tx, [made])[0]

    shown = services.store.write(work, request.request_id)
    return json_response({"application_credential": {**shown, "secret": secret}}, 201)


def delete_credential(services: Services, request: Request) -> Response:
    user_id = request.params["user_id"]
    enforce(services, request, "delete_application_credential", id=user_id)
    _session(services, request)

    def work(tx: Tx) -> None:
        credentials.delete_credential(tx, credentials.get_credential(tx, user_id, request.params["id"]))

    services.store.write(work, request.request_id)
    return NO_CONTENT


def _session(services: Services, request: Request) -> Session:
    """The session of the caller's token.  Raises `Forbidden` for one of a restricted application credential."""
    session = embedded(services).session(request.headers.get("x-auth-token", ""))
    credentials.check_session(session)
    return session


def _roles(value: Any) -> list[tuple[str, str]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise wrong("'roles' must be a list of objects with an id or a name.")
    found = [(item.get("id") or "", item.get("name") or "") for item in value]
    if not all(isinstance(id, str) and isinstance(name, str) and (id or name) for id, name in found):
        raise wrong("'roles' must be a list of objects with an id or a name.")
    return found


def _shown(
    services: Services, request: Request, tx: Tx, items: Sequence[ApplicationCredential]
) -> list[dict[str, Any]]:
    roles = q.ROLES.get_many(tx, [id for item in items for id in item.role_ids])
    return [
        {
            **render(item, root(services, request), f"/users/{item.user_id}/application_credentials/{item.id}"),
            "user_id": item.user_id,
            "roles": [_role(roles[id]) for id in dict.fromkeys(item.role_ids) if id in roles],
            "system": None,
        }
        for item in items
    ]


def _role(role: Role) -> dict[str, Any]:
    return {"id": role.id, "name": role.name, "domain_id": None}
