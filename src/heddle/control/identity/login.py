"""Logging in: from a password, an application credential or another token to a new token.

Whatever is wrong, the answer is the same and takes as long, so that nobody learns which users, projects or
credentials there are.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from heddle.control.identity import passwords, tokens
from heddle.control.identity.throttle import Throttle
from heddle.control.identity.tokens import Claims, Session, refused
from heddle.errors import Forbidden
from heddle.model.identity import ApplicationCredential, User
from heddle.store.engine import Store, Tx
from heddle.store.query import identity as q

log = logging.getLogger(__name__)

LONGEST_NAME = 400


@dataclass(frozen=True, slots=True)
class Named:
    """Something by its id, or by its name and the domain that it is in (itself by id or name)."""

    id: str = ""
    name: str = ""
    domain_id: str = ""
    domain_name: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """`kind` "" for what the user's default is, "unscoped", "project", "domain" or "system"."""

    kind: str = ""
    target: Named = field(default_factory=Named)


@dataclass(frozen=True, slots=True)
class Login:
    """A request for a token.  `method` "password", "token" or "application_credential"."""

    method: str
    scope: Scope = field(default_factory=Scope)
    user: Named = field(default_factory=Named)
    secret: str = field(default="", repr=False)
    credential: Named = field(default_factory=Named)
    token: Claims | None = None
    address: str = ""


def log_in(store: Store, login: Login, throttle: Throttle, token_seconds: float) -> Session:
    """The session of a new token.  Raises `Unauthorized`, `TooManyRequests`, `Forbidden`."""
    if login.method == "token":
        claims = _from_token(login)
    elif login.method == "password":
        claims = _from_password(store, login, throttle, token_seconds)
    else:
        claims = _from_credential(store, login, throttle, token_seconds)
    with store.read() as tx:
        if login.method != "application_credential":
            claims = _with_scope(tx, claims, login.scope)
        return tokens.resolve(tx, claims)


def _from_token(login: Login) -> Claims:
    """A token of a token lives no longer than that one."""
    assert login.token is not None
    old = login.token
    if old.credential_id:
        raise Forbidden("Forbidden", "A token of an application credential cannot be used to get another token.")
    methods = [*old.methods, *(["token"] if "token" not in old.methods else [])]
    audit_ids = [tokens.new_audit_id(), old.audit_ids[-1]]
    return Claims(old.user_id, "", "", time.time(), old.expires, methods, audit_ids, old.generation)


def _from_password(store: Store, login: Login, throttle: Throttle, token_seconds: float) -> Claims:
    with store.read() as tx:
        user = find_user(tx, login.user)
    wanted = login.user
    guessed = user.id if user else f"{wanted.id}{wanted.name}@{wanted.domain_id}{wanted.domain_name}"
    check_secret(throttle, guessed, login.address, user.password_hash if user and user.enabled else "", login.secret)
    assert user is not None
    return _fresh(user, "password", token_seconds)


def check_secret(throttle: Throttle, guessed: str, address: str, secret_hash: str, secret: str) -> None:
    """Compare a secret; `guessed` is whose it is said to be, an id where there is such.

    Raises `Unauthorized`, `TooManyRequests`.
    """
    guessed = guessed[:LONGEST_NAME]
    failures = throttle.check(guessed, address)
    if not passwords.verify(secret_hash, secret):
        throttle.wrong(guessed, address)
        log.info("login refused id=%s address=%s", guessed if secret_hash else "unknown", address)
        raise refused()
    if failures:
        throttle.right(guessed, address)


def _from_credential(store: Store, login: Login, throttle: Throttle, token_seconds: float) -> Claims:
    with store.read() as tx:
        credential = _find_credential(tx, login)
        user = q.USERS.get(tx, credential.user_id) if credential else None
    guessed = credential.id if credential else f"{login.credential.id}{login.credential.name}"
    secret_hash = credential.secret_hash if credential and user else ""
    check_secret(throttle, guessed, login.address, secret_hash, login.secret)
    assert credential is not None and user is not None
    fresh = _fresh(user, "application_credential", token_seconds)
    expires = fresh.expires
    if credential.expires_at is not None:
        expires = min(expires, tokens.parse_time(credential.expires_at))
    return Claims(
        user.id, tokens.PROJECT, credential.project_id, fresh.issued, expires, fresh.methods, fresh.audit_ids,
        fresh.generation, credential.id,
    )  # fmt: skip


def _fresh(user: User, method: str, token_seconds: float) -> Claims:
    now = time.time()
    return Claims(user.id, "", "", now, now + token_seconds, [method], [tokens.new_audit_id()], user.generation)


def find_user(tx: Tx, wanted: Named) -> User | None:
    if wanted.id:
        return q.USERS.get(tx, wanted.id)
    domain_id = _domain_id(tx, wanted)
    return q.user_named(tx, domain_id, wanted.name) if domain_id else None


def _find_credential(tx: Tx, login: Login) -> ApplicationCredential | None:
    if login.credential.id:
        return q.CREDENTIALS.get(tx, login.credential.id)
    user = find_user(tx, login.user)
    found = q.credentials_of(tx, user.id, login.credential.name) if user else []
    return found[0] if found else None


def _domain_id(tx: Tx, named: Named) -> str:
    if named.domain_id:
        return named.domain_id
    domain = q.domain_named(tx, named.domain_name) if named.domain_name else None
    return domain.id if domain else ""


def _with_scope(tx: Tx, claims: Claims, scope: Scope) -> Claims:
    kind, target_id = scope.kind, scope.target.id
    if kind == "":
        kind, target_id = _default_scope(tx, claims.user_id)
    elif kind == "unscoped":
        kind = tokens.UNSCOPED
    elif kind == tokens.PROJECT and not target_id:
        domain_id = _domain_id(tx, scope.target)
        project = q.project_named(tx, domain_id, scope.target.name) if domain_id else None
        target_id = project.id if project else ""
    elif kind == tokens.DOMAIN and not target_id:
        domain = q.domain_named(tx, scope.target.name)
        target_id = domain.id if domain else ""
    if kind in (tokens.PROJECT, tokens.DOMAIN) and not target_id:
        raise refused()
    return Claims(
        claims.user_id, kind, target_id, claims.issued, claims.expires, claims.methods, claims.audit_ids,
        claims.generation,
    )  # fmt: skip


def _default_scope(tx: Tx, user_id: str) -> tuple[str, str]:
    """The user's default project if the user has a role there and it is usable."""
    user = q.USERS.get(tx, user_id)
    if user is None or not user.default_project_id:
        return tokens.UNSCOPED, ""
    project = q.PROJECTS.get(tx, user.default_project_id)
    if project is None or not project.enabled or not q.roles_on(tx, user_id, tokens.PROJECT, project.id):
        return tokens.UNSCOPED, ""
    return tokens.PROJECT, project.id
