"""Wrong guesses are counted per user and address: after five, each further one makes that pair wait twice as long, up
to five minutes.  Others, and the same user from elsewhere, do not notice.

They are counted in the database, so that it does not matter how many servers and workers share the guesses; a name
that was guessed is kept as a hash, for people type passwords where names belong.  A login that succeeds at
the first try reads one row that is not there, and writes nothing.
"""

from __future__ import annotations

import hashlib
import logging
import time

from heddle.errors import TooManyRequests
from heddle.store.engine import Store, Tx
from heddle.store.query import failed_logins

log = logging.getLogger(__name__)

FREE_GUESSES = 5
LONGEST_WAIT = 300.0


class Throttle:
    """Counts wrong guesses per (user, address)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, user: str, address: str) -> int:
        """How many wrong guesses there were.  Raises `TooManyRequests` while the pair has to wait."""
        with self._store.read() as tx:
            count, last = failed_logins.get(tx, _key(user, address))
        if count < FREE_GUESSES:
            return count
        wait = min(2.0 ** min(count - FREE_GUESSES, 30), LONGEST_WAIT) - (time.time() - last)
        if wait > 0:
            raise TooManyRequests(
                "TooManyRequests", f"Too many failed logins. Please try again in {max(1, round(wait))} seconds."
            )
        return count

    def wrong(self, user: str, address: str) -> None:
        count = self._store.write(lambda tx: failed_logins.add(tx, _key(user, address), time.time()))
        if count >= FREE_GUESSES:
            log.warning("logins fail address=%s failures=%d", address, count)

    def right(self, user: str, address: str) -> None:
        """Forget the wrong guesses of the pair."""
        self._store.write(lambda tx: failed_logins.forget(tx, _key(user, address)))


def forget(tx: Tx) -> int:
    """Forget the pairs that nobody has guessed for a while; how many those were."""
    return failed_logins.forget_older(tx, time.time() - 2 * LONGEST_WAIT)


def _key(user: str, address: str) -> str:
    return hashlib.sha256(f"{user}\0{address}".encode()).hexdigest()
