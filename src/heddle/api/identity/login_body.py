"""The body of a request for a token (Identity API v3, `POST /auth/tokens`), as a `Login`."""

from __future__ import annotations

from typing import Any

from heddle.api.http import Request
from heddle.control.identity.errors import wrong
from heddle.control.identity.login import Login, Named, Scope
from heddle.control.identity.tokens import refused

METHODS = ("password", "token", "application_credential")


def read_login(request: Request) -> tuple[Login, str]:
    """The login, and the token that it was asked with ("" for the other methods).  Raises `BadRequest`."""
    auth = _object(request.json(), "auth")
    identity = _object(auth, "identity")
    methods = identity.get("methods")
    if not isinstance(methods, list) or len(methods) != 1 or methods[0] not in METHODS:
        raise refused(f"Attempted to authenticate with an unsupported method: one of {', '.join(METHODS)} is expected.")
    method = methods[0]
    part = _object(identity, method)
    scope = _scope(auth.get("scope"))
    if method == "token":
        return Login(method, scope, address=request.client), _text(part, "id", required=True)
    if method == "password":
        user = _object(part, "user")
        login = Login(method, scope, _named(user, "user"), _text(user, "password", required=True))
    else:
        secret = _text(part, "secret", required=True)
        user_of = _named(_object(part, "user"), "user") if "user" in part else Named()
        credential = Named(_text(part, "id"), _text(part, "name"))
        if not credential.id and not (credential.name and (user_of.id or user_of.name)):
            raise wrong("An application credential is named by its id, or by its name and its user.")
        login = Login(method, scope, user_of, secret, credential)
    return _from(login, request.client), ""


def _from(login: Login, address: str) -> Login:
    return Login(login.method, login.scope, login.user, login.secret, login.credential, None, address)


def _scope(scope: Any) -> Scope:
    if scope is None:
        return Scope()
    if scope == "unscoped":
        return Scope("unscoped")
    if not isinstance(scope, dict):
        raise wrong("The scope must be an object with a project, a domain or the system.")
    if "unscoped" in scope:
        return Scope("unscoped")
    if "project" in scope:
        return Scope("project", _named(_object(scope, "project"), "project"))
    if "domain" in scope:
        domain = _object(scope, "domain")
        named = Named(_text(domain, "id"), _text(domain, "name"))
        if not named.id and not named.name:
            raise wrong("The domain of the scope needs an id or a name.")
        return Scope("domain", named)
    if "system" in scope:
        return Scope("system")
    raise wrong("The scope must be a project, a domain or the system.")


def _named(value: dict[str, Any], what: str) -> Named:
    domain = _object(value, "domain") if value.get("domain") is not None else {}
    named = Named(_text(value, "id"), _text(value, "name"), _text(domain, "id"), _text(domain, "name"))
    if not named.id and not (named.name and (named.domain_id or named.domain_name)):
        raise wrong(f"The {what} needs an id, or a name and a domain.")
    return named


def _object(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    if not isinstance(found, dict):
        raise wrong(f"'{name}' is a required property, and must be an object.")
    return found


def _text(value: dict[str, Any], name: str, *, required: bool = False) -> str:
    found = value.get(name)
    if found is None and not required:
        return ""
    if not isinstance(found, str) or not _storable(found):
        raise wrong(f"'{name}' must be a string.")
    return found


def _storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text
