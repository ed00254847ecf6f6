"""Users."""

from __future__ import annotations

import uuid

import msgspec

from heddle.control.identity.errors import duplicate, found
from heddle.model.identity import User
from heddle.store.engine import Tx
from heddle.store.query import identity as q


def get_user(tx: Tx, id: str) -> User:
    """Raises `NotFound`."""
    return found(q.USERS.get(tx, id), "user", id)


def create_user(tx: Tx, user: User) -> User:
    """Create a user; `password_hash` is empty for one who cannot log in.  Raises `Conflict`, `NotFound`."""
    found(q.DOMAINS.get(tx, user.domain_id), "domain", user.domain_id)
    if q.user_named(tx, user.domain_id, user.name):
        raise duplicate("user", user.name)
    user = msgspec.structs.replace(user, id=uuid.uuid4().hex)
    q.USERS.insert(tx, [user])
    return user


def update_user(tx: Tx, old: User, new: User) -> User:
    """Change a user; with another password, or disabled, all tokens of the user end.  Raises `Conflict`."""
    if new.name != old.name and q.user_named(tx, old.domain_id, new.name):
        raise duplicate("user", new.name)
    if new.password_hash != old.password_hash or (old.enabled and not new.enabled):
        new = msgspec.structs.replace(new, generation=old.generation + 1)
    q.USERS.update(tx, old, new)
    q.changed(tx)
    return new


def delete_user(tx: Tx, user: User) -> None:
    """Delete a user with roles and application credentials."""
    q.unassign(tx, user_id=user.id)
    q.delete_credentials(tx, user_id=user.id)
    q.USERS.delete(tx, user.id)
    q.changed(tx)
