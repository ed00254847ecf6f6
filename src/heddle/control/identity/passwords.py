"""Passwords: hashed with argon2id.  Wrong guesses are counted in `throttle.py`.

A hash costs about 20 ms and 19 MiB; so that a flood of logins leaves the server able to work, two are
computed at a time, a few more wait, and others are told to come again.  A user who does not exist costs the
same time as a wrong password.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from heddle.errors import BadRequest, TooManyRequests

LONGEST = 4096

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_SLOTS = threading.BoundedSemaphore(2)
_PLACES = threading.BoundedSemaphore(5)
_NOBODY = _HASHER.hash(secrets.token_hex(16))


@contextmanager
def _slot() -> Iterator[None]:
    """A turn to compute a hash.  Raises `TooManyRequests` when too many wait for one."""
    if not _PLACES.acquire(blocking=False):
        raise TooManyRequests("TooManyRequests", "Too many logins at this moment: try again in a second.")
    try:
        with _SLOTS:
            yield
    finally:
        _PLACES.release()


def hash_password(password: str) -> str:
    """Raises `BadRequest` for an empty or very long one."""
    if not password or len(password) > LONGEST:
        raise BadRequest("ValidationError", f"The password must have between 1 and {LONGEST} characters.")
    with _slot():
        return _HASHER.hash(password)


def verify(password_hash: str, password: str) -> bool:
    """Whether it is the password.  An empty hash, of nobody, takes as long and is never right."""
    if len(password) > LONGEST:
        return False
    try:
        with _slot():
            right = _HASHER.verify(password_hash or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return right and bool(password_hash)
