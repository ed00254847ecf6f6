"""The secrets of hosts, with which their agents prove who they are where a broker stands between.

A host is known when it has one.  It lies in the database, for every server must know it; what is remembered of it
here is forgotten after some seconds, so a host that was removed is refused soon after.
"""

from __future__ import annotations

import secrets
import time

from heddle.control.context import timestamp
from heddle.errors import Conflict, NotFound
from heddle.store.engine import Store, Tx
from heddle.store.query import host_keys as query

KEPT_SECONDS = 10.0
_BYTES = 32


class Keys:
    """Remembers for `KEPT_SECONDS` what the database says."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[str, float]] = {}

    def of(self, host: str) -> str:
        """The secret of a host, "" where there is none.  Raises `Unavailable`."""
        key, when = self._known.get(host, ("", 0.0))
        if not key or time.monotonic() - when > KEPT_SECONDS:
            with self._store.read() as tx:
                key = query.key_of(tx, host)
            self._known.pop(host, None)
            if key:
                self._known[host] = (key, time.monotonic())
        return key


def add(tx: Tx, host: str) -> str:
    """Make a host known; returns its new secret.  Raises `Conflict` when it is known already."""
    if query.key_of(tx, host):
        raise Conflict(
            "HostKnown", f"Host {host} is known already: `heddle host key {host}` shows its key, `heddle host remove` "
            "makes it unknown."
        )  # fmt: skip
    key = secrets.token_urlsafe(_BYTES)
    query.insert(tx, host, key, timestamp())
    return key


def key(tx: Tx, host: str) -> str:
    """Raises `NotFound`."""
    found = query.key_of(tx, host)
    if not found:
        raise _unknown(host)
    return found


def remove(tx: Tx, host: str) -> None:
    """From now on the host's agent is refused.  Raises `NotFound`."""
    if not query.delete(tx, host):
        raise _unknown(host)


def _unknown(host: str) -> NotFound:
    return NotFound("HostNotFound", f"Host {host} has no key: `heddle host add {host}` makes one.")
