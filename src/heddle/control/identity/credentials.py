"""Application credentials: secrets for programs, with some of a user's roles on one project."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Sequence

import msgspec

from heddle.control.identity.errors import duplicate, found, wrong
from heddle.control.identity.tokens import Session, parse_time, show_time
from heddle.errors import Forbidden
from heddle.model.identity import ApplicationCredential, Role
from heddle.store.engine import Tx
from heddle.store.query import identity as q


def new_secret() -> str:
    return secrets.token_urlsafe(64)


def check_session(session: Session) -> None:
    """Raises `Forbidden` for a token that may not make or delete application credentials."""
    if session.credential is not None and not session.credential.unrestricted:
        raise Forbidden(
            "Forbidden", "A token of a restricted application credential cannot manage application credentials."
        )


def create_credential(
    tx: Tx, session: Session, draft: ApplicationCredential, roles: Sequence[tuple[str, str]]
) -> ApplicationCredential:
    """Create one for the session's user and project.

    `roles` are (id, name) of which one is empty; none: all that the session has.  Raises `BadRequest`, `Conflict`.
    """
    if session.project is None:
        raise wrong("An application credential is made with a token of the project that it shall be for.")
    if q.credentials_of(tx, session.user.id, draft.name):
        raise duplicate("application_credential", draft.name)
    made = msgspec.structs.replace(
        draft,
        id=uuid.uuid4().hex,
        user_id=session.user.id,
        project_id=session.project.id,
        expires_at=_expiry(draft.expires_at),
        role_ids=[_chosen(session, *role).id for role in roles] or [role.id for role in session.roles],
    )
    q.CREDENTIALS.insert(tx, [made])
    return made


def get_credential(tx: Tx, user_id: str, id: str) -> ApplicationCredential:
    """Raises `NotFound`."""
    credential = q.CREDENTIALS.get(tx, id)
    own = credential if credential is not None and credential.user_id == user_id else None
    return found(own, "application credential", id)


def delete_credential(tx: Tx, credential: ApplicationCredential) -> None:
    q.CREDENTIALS.delete(tx, credential.id)
    q.changed(tx)


def _chosen(session: Session, id: str, name: str) -> Role:
    for role in session.roles:
        if role.id == id or (name and role.name.lower() == name.lower()):
            return role
    raise wrong(f"The role '{id or name}' cannot be given: the token does not have it.")


def _expiry(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        seconds = parse_time(text)
        shown = show_time(seconds)
    except (ValueError, OverflowError, OSError):
        raise wrong(f"expires_at '{text[:100]}' is not a time such as 2027-01-31T23:59:59.") from None
    if seconds <= time.time():
        raise wrong(f"expires_at '{text[:100]}' is in the past.")
    return shown
