"""Passwords: hashed with argon2id.  Wrong guesses are counted in `throttle.py`.

A hash costs about 20 ms and 19 MiB; so that a flood of logins leaves the server able to work, two are
computed at a time, a few more wait, and others are told to come again.  A user who does not exist costs the
same time as a wrong password.

Commands and plans log in again and again: for some minutes a process remembers which password it has set or found
right, as a keyed digest of the stored hash and the password under a key of its own that is never written down.  Another
password has another stored hash, so a change needs no forgetting; a wrong password is never remembered.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
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


class _Recent:
    """The pairs of a hash and its password that were met in the last `seconds`; of more than `most` the oldest go."""

    def __init__(self, seconds: float = 300.0, most: int = 1024) -> None:
        self._seconds, self._most = seconds, most
        self._key = secrets.token_bytes(32)
        self._until: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def add(self, password_hash: str, password: str) -> None:
        name = self._name(password_hash, password)
        with self._lock:
            self._until.pop(name, None)
            while len(self._until) >= self._most:
                del self._until[next(iter(self._until))]
            self._until[name] = time.monotonic() + self._seconds

    def has(self, password_hash: str, password: str) -> bool:
        return self._until.get(self._name(password_hash, password), 0.0) > time.monotonic()

    def _name(self, password_hash: str, password: str) -> bytes:
        text = f"{password_hash}\0{password}".encode(errors="surrogatepass")
        return hashlib.blake2b(text, key=self._key, digest_size=32).digest()


_RECENT = _Recent()


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
        made = _HASHER.hash(password)
    _RECENT.add(made, password)
    return made


def verify(password_hash: str, password: str) -> bool:
    """Whether it is the password.  An empty hash, of nobody, takes as long and is never right."""
    if len(password) > LONGEST:
        return False
    if password_hash and _RECENT.has(password_hash, password):
        return True
    try:
        with _slot():
            right = _HASHER.verify(password_hash or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    if not right or not password_hash:
        return False
    _RECENT.add(password_hash, password)
    return True
