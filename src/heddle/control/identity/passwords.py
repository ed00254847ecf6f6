"""Passwords: hashed with argon2id, and guesses slowed down.

A hash costs about 20 ms and 19 MiB; so that a flood of logins leaves the server able to work, two are
computed at a time, a few more wait, and others are told to come again.  A user who does not exist costs the
same time as a wrong password.

Wrong guesses are counted per user and address: after five, each further one makes that pair wait twice as
long, up to five minutes.  Others, and the same user from elsewhere, do not notice.  Where several processes answer,
each counts for itself, allows its share of the five, and takes each further guess for one at every process: what all of
them let through is what one alone would, give or take one each.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from heddle.errors import BadRequest, TooManyRequests

log = logging.getLogger(__name__)

LONGEST = 4096
FREE_GUESSES = 5
LONGEST_WAIT = 300.0
REMEMBERED = 20_000

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


@dataclass(slots=True)
class _Guesses:
    count: int = 0
    last: float = 0.0


class Throttle:
    """Counts wrong guesses per (user, address).  `share`: the processes that each do so."""

    def __init__(self, share: int = 1) -> None:
        self._share = share
        self._free = max(1, FREE_GUESSES // share)
        self._lock = threading.Lock()
        self._guesses: dict[tuple[str, str], _Guesses] = {}

    def check(self, user: str, address: str) -> None:
        """Raises `TooManyRequests` while the pair has to wait."""
        guesses = self._guesses.get((user, address))
        if guesses is None or guesses.count < self._free:
            return
        further = min((guesses.count - self._free) * self._share, 30)
        pause = min(2.0**further, LONGEST_WAIT) * self._share
        wait = pause - (time.monotonic() - guesses.last)
        if wait > 0:
            raise TooManyRequests(
                "TooManyRequests", f"Too many failed logins. Please try again in {max(1, round(wait))} seconds."
            )

    def wrong(self, user: str, address: str) -> None:
        with self._lock:
            self._forget()
            guesses = self._guesses.setdefault((user, address), _Guesses())
            guesses.count += 1
            guesses.last = time.monotonic()
        if guesses.count >= self._free:
            log.warning("logins fail address=%s failures=%d", address, guesses.count)

    def right(self, user: str, address: str) -> None:
        with self._lock:
            self._guesses.pop((user, address), None)

    def _forget(self) -> None:
        """Keep the memory small: drop what is old, then the oldest."""
        if len(self._guesses) < REMEMBERED:
            return
        old = time.monotonic() - 2 * LONGEST_WAIT * self._share
        self._guesses = {pair: guesses for pair, guesses in self._guesses.items() if guesses.last > old}
        for pair in list(self._guesses)[: max(0, len(self._guesses) - REMEMBERED // 2)]:
            del self._guesses[pair]
