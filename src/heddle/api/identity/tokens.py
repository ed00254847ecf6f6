"""Tokens: issued, shown, revoked; and what the caller's own token opens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from heddle.api.http import Request, Response, json_response
from heddle.api.identity.catalog import catalog
from heddle.api.identity.common import NO_CONTENT, embedded, enforce, render, root, show_list
from heddle.api.identity.login_body import read_login
from heddle.api.services import Services
from heddle.control.identity.errors import wrong
from heddle.control.identity.projects import projects_of
from heddle.control.identity.tokens import SYSTEM, Session, show_time
from heddle.errors import NotFound, Unauthorized
from heddle.model.identity import Domain
from heddle.store.query import identity as q

_VARY = ("Vary", "X-Auth-Token")


def create_token(services: Services, request: Request) -> Response:
    """Log in.  Needs no token."""
    auth = embedded(services)
    login, by_token = read_login(request)
    if by_token:
        login = replace(login, token=auth.session(by_token).claims)
    token, session = auth.log_in(login)
    headers = [("X-Subject-Token", token), _VARY]
    return json_response({"token": _shown(services, request, session)}, 201, headers)


def show_token(services: Services, request: Request) -> Response:
    """What the token in X-Subject-Token says."""
    session, token = _subject(services, request, "validate_token")
    return json_response({"token": _shown(services, request, session)}, 200, [("X-Subject-Token", token), _VARY])


def delete_token(services: Services, request: Request) -> Response:
    session, _ = _subject(services, request, "revoke_token")
    embedded(services).revoke(session.claims, request.request_id)
    return NO_CONTENT


def show_catalog(services: Services, request: Request) -> Response:
    enforce(services, request, "get_auth_catalog")
    links = {"self": f"{root(services, request)}{request.path}", "previous": None, "next": None}
    return json_response({"catalog": catalog(services, request), "links": links})


def list_own_projects(services: Services, request: Request) -> Response:
    enforce(services, request, "get_auth_projects")
    base = root(services, request)
    with services.store.read() as tx:
        projects = projects_of(tx, request.caller.user_id)
    items = [render(project, base, f"/projects/{project.id}") for project in projects]
    return show_list(services, request, "projects", items)


def list_own_domains(services: Services, request: Request) -> Response:
    enforce(services, request, "get_auth_domains")
    base = root(services, request)
    with services.store.read() as tx:
        found = q.DOMAINS.get_many(tx, q.targets_of(tx, request.caller.user_id, "domain"))
    items = [render(domain, base, f"/domains/{domain.id}") for domain in found.values() if domain.enabled]
    return show_list(services, request, "domains", items)


def show_own_system(services: Services, request: Request) -> Response:
    enforce(services, request, "get_auth_system")
    with services.store.read() as tx:
        has = bool(q.assignments(tx, user_id=request.caller.user_id, kind=SYSTEM))
    return show_list(services, request, "system", [{"all": True}] if has else [])


def _subject(services: Services, request: Request, action: str) -> tuple[Session, str]:
    """The session of the token that the request is about.  Raises `NotFound`, `Forbidden`."""
    token = request.headers.get("x-subject-token", "")
    if not token:
        raise wrong("The header X-Subject-Token is missing: it names the token that the request is about.")
    try:
        session = embedded(services).session(token)
    except Unauthorized:
        enforce(services, request, action)
        raise NotFound("NotFound", "Could not find token: it is not valid, has expired, or was revoked.") from None
    enforce(services, request, action, id=session.user.id)
    return session, token


def _shown(services: Services, request: Request, session: Session) -> dict[str, Any]:
    claims, user = session.claims, session.user
    shown: dict[str, Any] = {
        "methods": claims.methods,
        "user": {
            "id": user.id,
            "name": user.name,
            "domain": _domain(session.user_domain),
            "password_expires_at": user.password_expires_at,
        },
        "audit_ids": claims.audit_ids,
        "issued_at": show_time(claims.issued),
        "expires_at": show_time(claims.expires),
    }
    if session.project is not None and session.project_domain is not None:
        project = session.project
        shown["project"] = {"id": project.id, "name": project.name, "domain": _domain(session.project_domain)}
        shown["is_domain"] = False
    elif session.domain is not None:
        shown["domain"] = _domain(session.domain)
    elif claims.scope == SYSTEM:
        shown["system"] = {"all": True}
    if claims.scope:
        shown["roles"] = [{"id": role.id, "name": role.name} for role in session.roles]
        if not any(name == "nocatalog" for name, _ in request.query()):
            shown["catalog"] = catalog(services, request)
    if session.credential is not None:
        shown["application_credential"] = {
            "id": session.credential.id,
            "name": session.credential.name,
            "restricted": not session.credential.unrestricted,
        }
    return shown


def _domain(domain: Domain) -> dict[str, str]:
    return {"id": domain.id, "name": domain.name}
