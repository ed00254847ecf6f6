"""Roles.  The four that the rules speak of cannot be renamed or deleted."""

from __future__ import annotations

import uuid

import msgspec

from heddle.control.identity.bootstrap import ROLES
from heddle.control.identity.errors import duplicate, found, wrong
from heddle.errors import Forbidden
from heddle.model.identity import IMPLIED, Role
from heddle.store.engine import Tx
from heddle.store.query import identity as q


def get_role(tx: Tx, id: str) -> Role:
    """Raises `NotFound`."""
    return found(q.ROLES.get(tx, id), "role", id)


def create_role(tx: Tx, role: Role) -> Role:
    """Raises `Conflict`, also for a name that differs from another only in case: rules do not tell them apart."""
    if role.domain_id:
        raise wrong("Roles of a domain are not supported: leave domain_id out.")
    _check_name(tx, role.name)
    role = msgspec.structs.replace(role, id=uuid.uuid4().hex)
    q.ROLES.insert(tx, [role])
    return role


def update_role(tx: Tx, old: Role, new: Role) -> Role:
    """Raises `Conflict`, `Forbidden`."""
    if new.name != old.name:
        _check_fixed(old, "renamed")
        if new.name.lower() != old.name.lower():
            _check_name(tx, new.name)
    q.ROLES.update(tx, old, new)
    q.changed(tx)
    return new


def delete_role(tx: Tx, role: Role) -> None:
    """Delete a role and take it from everybody.  Raises `Forbidden`."""
    _check_fixed(role, "deleted")
    q.unassign(tx, role_id=role.id)
    q.ROLES.delete(tx, role.id)
    q.changed(tx)


def implied_by(tx: Tx, role: Role) -> list[Role]:
    """The roles that a role implies directly."""
    name = IMPLIED.get(role.name.lower(), "")
    implied = q.role_named(tx, name) if name else None
    return [implied] if implied else []


def _check_name(tx: Tx, name: str) -> None:
    if any(role.name.lower() == name.lower() for role in q.ROLES.search(tx)):
        raise duplicate("role", name)


def _check_fixed(role: Role, what: str) -> None:
    if role.name in ROLES:
        raise Forbidden("Forbidden", f"The role {role.name} cannot be {what}: the policy rules depend on it.")
