"""The first things there are: a domain, the roles, and an administrator who can make all the rest."""

from __future__ import annotations

import uuid

import msgspec

from heddle.config import Settings
from heddle.control.identity.passwords import hash_password
from heddle.model.identity import DEFAULT_DOMAIN, IMPLIED, Domain, Project, Role, User
from heddle.store.engine import Store, Tx
from heddle.store.query import identity as q

ADMIN = "admin"
ROLES = (*IMPLIED, "reader")


def bootstrap(store: Store, password: str, settings: Settings, *, reset_password: bool = False) -> bool:
    """Create domain, roles, project and user of the administrator where they are missing.

    An existing password stays unless `reset_password`.  Done twice it changes nothing.  Returns whether the
    administrator was given the password.
    """
    password_hash = hash_password(password)

    def work(tx: Tx) -> bool:
        if q.DOMAINS.get(tx, DEFAULT_DOMAIN) is None:
            domain = Domain(id=DEFAULT_DOMAIN, name="Default", description="The default domain")
            q.DOMAINS.insert(tx, [domain])
        for name in ROLES:
            if q.role_named(tx, name) is None:
                q.ROLES.insert(tx, [Role(id=uuid.uuid4().hex, name=name)])
        project, role = _project(tx), q.role_named(tx, ADMIN)
        user = _user(tx, password_hash, reset_password)
        assert role is not None
        q.assign(tx, q.Assignment(user.id, "project", project.id, role.id))
        q.assign(tx, q.Assignment(user.id, "domain", DEFAULT_DOMAIN, role.id))
        q.assign(tx, q.Assignment(user.id, "system", "", role.id))
        q.changed(tx)
        return user.password_hash == password_hash

    return store.write(work)


def exists(store: Store) -> bool:
    """Whether there is an administrator."""
    with store.read() as tx:
        return q.user_named(tx, DEFAULT_DOMAIN, ADMIN) is not None


def _project(tx: Tx) -> Project:
    found = q.project_named(tx, DEFAULT_DOMAIN, ADMIN)
    if found is None:
        found = Project(
            id=uuid.uuid4().hex, name=ADMIN, domain_id=DEFAULT_DOMAIN, parent_id=DEFAULT_DOMAIN,
            description="The administrator's project",
        )  # fmt: skip
        q.PROJECTS.insert(tx, [found])
    return found


def _user(tx: Tx, password_hash: str, reset: bool) -> User:
    found = q.user_named(tx, DEFAULT_DOMAIN, ADMIN)
    if found is None:
        found = User(id=uuid.uuid4().hex, name=ADMIN, domain_id=DEFAULT_DOMAIN, password_hash=password_hash)
        q.USERS.insert(tx, [found])
    elif reset:
        new = msgspec.structs.replace(found, password_hash=password_hash, generation=found.generation + 1)
        q.USERS.update(tx, found, new)
        return new
    return found
