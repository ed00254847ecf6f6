"""Role assignments: which role a user has on a project, a domain or the system."""

from __future__ import annotations

from dataclasses import dataclass

from heddle.control.identity.errors import found
from heddle.control.identity.tokens import with_implied
from heddle.model.identity import Domain, Project, Role, User
from heddle.store.engine import Tx
from heddle.store.query import identity as q
from heddle.store.query.identity import Assignment


def check_exists(tx: Tx, given: Assignment) -> None:
    """Raises `NotFound` when the user, the target or the role does not exist."""
    found(q.USERS.get(tx, given.user_id), "user", given.user_id)
    if given.kind == "project":
        found(q.PROJECTS.get(tx, given.target_id), "project", given.target_id)
    elif given.kind == "domain":
        found(q.DOMAINS.get(tx, given.target_id), "domain", given.target_id)
    if given.role_id:
        found(q.ROLES.get(tx, given.role_id), "role", given.role_id)


def grant(tx: Tx, given: Assignment) -> None:
    """Give a role; given twice it stays given.  Raises `NotFound`."""
    check_exists(tx, given)
    q.assign(tx, given)
    q.changed(tx)


def revoke(tx: Tx, given: Assignment) -> None:
    """Take a role away.  Raises `NotFound` when it was not given."""
    check_exists(tx, given)
    gone = q.unassign(tx, user_id=given.user_id, kind=given.kind, target_id=given.target_id, role_id=given.role_id)
    found(gone or None, "role assignment with role", given.role_id)
    q.changed(tx)


def check(tx: Tx, given: Assignment) -> None:
    """Raises `NotFound` when the role was not given."""
    check_exists(tx, given)
    held = q.assignments(tx, user_id=given.user_id, kind=given.kind, target_id=given.target_id, role_id=given.role_id)
    found(held or None, "role assignment with role", given.role_id)


def effective(tx: Tx, direct: list[Assignment]) -> list[Assignment]:
    """The assignments with those that their roles imply."""
    roles = q.ROLES.get_many(tx, (item.role_id for item in direct))
    all_of: dict[Assignment, None] = {}
    for item in direct:
        for role in with_implied(tx, [roles[item.role_id]]) if item.role_id in roles else ():
            all_of[Assignment(item.user_id, item.kind, item.target_id, role.id)] = None
    return list(all_of)


@dataclass(frozen=True, slots=True)
class Names:
    """The objects that assignments speak of, by id."""

    users: dict[str, User]
    projects: dict[str, Project]
    domains: dict[str, Domain]
    roles: dict[str, Role]


def names_of(tx: Tx, items: list[Assignment]) -> Names:
    return Names(
        users=q.USERS.get_many(tx, (item.user_id for item in items)),
        projects=q.PROJECTS.get_many(tx, (item.target_id for item in items if item.kind == "project")),
        domains={domain.id: domain for domain in q.DOMAINS.search(tx)},
        roles=q.ROLES.get_many(tx, (item.role_id for item in items)),
    )
