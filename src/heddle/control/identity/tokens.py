"""Tokens: what they carry, and what they stand for at this moment.

A token carries who logged in, to what, how and until when; nothing of it is kept in the database.  What it
stands for is looked up when it is used: a user, project or domain that is disabled or gone, a role that was
taken away, a password that was changed or a revocation end it, or change its roles, with the next request.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from heddle.control.identity.keys import KeyRing
from heddle.errors import Unauthorized
from heddle.model.caller import Caller
from heddle.model.identity import ApplicationCredential, Domain, Project, Role, User, expand
from heddle.store.engine import Tx
from heddle.store.query import identity as q

UNSCOPED, PROJECT, DOMAIN, SYSTEM = "", "project", "domain", "system"


class Claims(msgspec.Struct, frozen=True, array_like=True):
    """What a token carries.  `issued` and `expires` are seconds since 1970; `generation` is the user's at that time."""

    user_id: str
    scope: str
    target_id: str
    issued: float
    expires: float
    methods: list[str]
    audit_ids: list[str]
    generation: int
    credential_id: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """What a token stands for at this moment; `roles` with those that they imply."""

    claims: Claims
    user: User
    user_domain: Domain
    project: Project | None
    project_domain: Domain | None
    domain: Domain | None
    roles: tuple[Role, ...]
    credential: ApplicationCredential | None

    def caller(self) -> Caller:
        project, domain = self.project, self.domain
        return Caller(
            user_id=self.user.id,
            user_name=self.user.name,
            project_id=project.id if project else "",
            project_name=project.name if project else "",
            domain_id=domain.id if domain else "",
            user_domain_id=self.user.domain_id,
            project_domain_id=project.domain_id if project else "",
            roles=frozenset(role.name.lower() for role in self.roles),
            system=self.claims.scope == SYSTEM,
        )


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Claims)


def refused(text: str = "The request you have made requires authentication.") -> Unauthorized:
    return Unauthorized("Unauthorized", text)


def seal(keys: KeyRing, claims: Claims) -> str:
    return keys.seal(_ENCODER.encode(claims))


def read(keys: KeyRing, token: str) -> Claims:
    """The claims of a genuine token that has not expired.  Raises `Unauthorized`."""
    content = keys.open(token)
    if content is None:
        raise refused()
    try:
        claims = _DECODER.decode(content)
    except msgspec.MsgspecError:
        raise refused() from None
    if claims.expires <= time.time():
        raise refused()
    return claims


def new_audit_id() -> str:
    return secrets.token_urlsafe(16)


def resolve(tx: Tx, claims: Claims) -> Session:
    """What the claims stand for at this moment.  Raises `Unauthorized` when they no longer do."""
    user = q.USERS.get(tx, claims.user_id)
    if user is None or not user.enabled or user.generation != claims.generation:
        raise refused()
    user_domain = _enabled_domain(tx, user.domain_id)
    project = domain = project_domain = None
    if claims.scope == PROJECT:
        project = q.PROJECTS.get(tx, claims.target_id)
        if project is None or not project.enabled:
            raise refused()
        project_domain = _enabled_domain(tx, project.domain_id)
    elif claims.scope == DOMAIN:
        domain = _enabled_domain(tx, claims.target_id)
    owners = {user.domain_id, claims.target_id, *([project.domain_id] if project else [])}
    if q.is_revoked(tx, claims.audit_ids[0], owners, claims.issued):
        raise refused()
    roles = effective_roles(tx, user.id, claims.scope, claims.target_id)
    credential = _credential(tx, claims)
    if credential is not None:
        allowed = with_implied(tx, list(q.ROLES.get_many(tx, credential.role_ids).values()))
        roles = tuple(role for role in roles if role in allowed)
    if claims.scope != UNSCOPED and not roles:
        raise refused()
    return Session(claims, user, user_domain, project, project_domain, domain, roles, credential)


def effective_roles(tx: Tx, user_id: str, scope: str, target_id: str) -> tuple[Role, ...]:
    """The roles that a user has on a target, with those that they imply."""
    return with_implied(tx, q.roles_on(tx, user_id, scope, target_id)) if scope != UNSCOPED else ()


def with_implied(tx: Tx, roles: list[Role]) -> tuple[Role, ...]:
    known = {role.name.lower(): role for role in roles}
    for name in expand(list(known)) - known.keys():
        implied = q.role_named(tx, name)
        if implied is not None:
            known[name] = implied
    return tuple(known[name] for name in sorted(known))


def _enabled_domain(tx: Tx, id: str) -> Domain:
    domain = q.DOMAINS.get(tx, id)
    if domain is None or not domain.enabled:
        raise refused()
    return domain


def _credential(tx: Tx, claims: Claims) -> ApplicationCredential | None:
    if not claims.credential_id:
        return None
    credential = q.CREDENTIALS.get(tx, claims.credential_id)
    if credential is None or has_expired(credential):
        raise refused()
    return credential


def has_expired(credential: ApplicationCredential) -> bool:
    return credential.expires_at is not None and parse_time(credential.expires_at) <= time.time()


def show_time(seconds: float) -> str:
    """As the Identity API writes it: `2026-01-31T23:59:59.000000Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> float:
    """Raises `ValueError`.  Without a zone it is UTC."""
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
