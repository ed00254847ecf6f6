"""Identity in the database: who there is, which roles a user has where, which tokens are revoked.

`changed` is called by every transaction that may make a cached token say something else.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from heddle.model.identity import ApplicationCredential, Domain, Project, Role, User
from heddle.store import tables as t
from heddle.store.dialect import upsert
from heddle.store.engine import Store, Tx
from heddle.store.epoch import Epoch, bump
from heddle.store.query.records import Records

# For how long it is remembered that tokens ended together: no token lives longer, in seconds.
LONGEST_LIFE = 366 * 86400
T = TypeVar("T")

COUNTER = "identity"

DOMAINS = Records(Domain, t.domains)
PROJECTS = Records(Project, t.projects)
USERS = Records(User, t.users)
ROLES = Records(Role, t.roles)
CREDENTIALS = Records(ApplicationCredential, t.application_credentials)

_A = t.role_assignments.c


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role of a user on a target: `kind` "project" or "domain" with its id, or "system" with ""."""

    user_id: str
    kind: str
    target_id: str
    role_id: str


def changed(tx: Tx) -> None:
    """What tokens say may be other than before."""
    bump(tx, COUNTER)


def epoch(store: Store) -> Epoch:
    """The counter of such changes."""
    return Epoch(store, COUNTER)


def domain_named(tx: Tx, name: str) -> Domain | None:
    return _first(DOMAINS.find(tx, t.domains.c.name == name))


def project_named(tx: Tx, domain_id: str, name: str) -> Project | None:
    return _first(PROJECTS.find(tx, t.projects.c.domain_id == domain_id, t.projects.c.name == name))


def user_named(tx: Tx, domain_id: str, name: str) -> User | None:
    return _first(USERS.find(tx, t.users.c.domain_id == domain_id, t.users.c.name == name))


def role_named(tx: Tx, name: str) -> Role | None:
    return _first(ROLES.find(tx, t.roles.c.name == name))


def credentials_of(tx: Tx, user_id: str, name: str = "") -> list[ApplicationCredential]:
    c = t.application_credentials.c
    return CREDENTIALS.find(tx, c.user_id == user_id, *([c.name == name] if name else []),
                            query=CREDENTIALS.select.order_by(c.name))  # fmt: skip


def roles_on(tx: Tx, user_id: str, kind: str, target_id: str) -> list[Role]:
    """The roles that were given to a user on a target, by name."""
    query: Any = sa.select(*[t.roles.c[name] for name in _ROLE_NAMES]).join(
        t.role_assignments, t.roles.c.id == _A.role_id
    )
    rights = (_A.user_id == user_id, _A.kind == kind, _A.target_id == target_id)
    return ROLES.find(tx, *rights, query=query.order_by(t.roles.c.name))


_ROLE_NAMES = [column.name for column in t.roles.c]


def assignments(tx: Tx, **wanted: str) -> list[Assignment]:
    """Assignments, narrowed by any of user_id, kind, target_id, role_id."""
    query = sa.select(_A.user_id, _A.kind, _A.target_id, _A.role_id)
    for name, value in wanted.items():
        query = query.where(t.role_assignments.c[name] == value)
    return [Assignment(*row) for row in tx.conn.execute(query.order_by(_A.kind, _A.target_id, _A.user_id, _A.role_id))]


def targets_of(tx: Tx, user_id: str, kind: str) -> list[str]:
    """The ids of the projects, or domains, on which a user has a role."""
    query = sa.select(_A.target_id).where(_A.user_id == user_id, _A.kind == kind).distinct()
    return [row[0] for row in tx.conn.execute(query)]


def assign(tx: Tx, given: Assignment) -> None:
    row = {"user_id": given.user_id, "kind": given.kind, "target_id": given.target_id, "role_id": given.role_id}
    if not assignments(tx, **row):
        tx.conn.execute(sa.insert(t.role_assignments), [row])


def unassign(tx: Tx, **wanted: str) -> int:
    """Remove assignments, narrowed like `assignments`.  Returns how many there were."""
    clauses = [t.role_assignments.c[name] == value for name, value in wanted.items()]
    return tx.conn.execute(sa.delete(t.role_assignments).where(*clauses)).rowcount


def delete_credentials(tx: Tx, **wanted: str) -> None:
    clauses = [t.application_credentials.c[name] == value for name, value in wanted.items()]
    tx.conn.execute(sa.delete(t.application_credentials).where(*clauses))


def revoke(tx: Tx, audit_id: str, expires: int) -> None:
    """Remember a revoked token until it would have expired, and forget those that have."""
    revoked = t.revoked_tokens
    tx.conn.execute(sa.delete(revoked).where(revoked.c.expires < int(time.time())))
    upsert(tx.conn, revoked, [{"audit_id": audit_id, "expires": expires}], ("audit_id",))


def end_tokens(tx: Tx, id: str) -> None:
    """The tokens that a project or a domain has been given before this second end, for good: also when it is enabled
    again.
    """
    revoke(tx, f"of:{id}", int(time.time()) + LONGEST_LIFE)


def is_revoked(tx: Tx, audit_id: str, owners: Iterable[str], issued: float) -> bool:
    """Whether a token was revoked, by itself or with all that one of its projects and domains had."""
    ended = {f"of:{id}" for id in owners}
    rows = t.revoked_tokens
    query = sa.select(rows.c.audit_id, rows.c.expires).where(rows.c.audit_id.in_([audit_id, *sorted(ended)]))
    return any(key not in ended or issued < until - LONGEST_LIFE for key, until in tx.conn.execute(query))


def _first(found: list[T]) -> T | None:
    return found[0] if found else None
