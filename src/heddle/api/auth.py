"""Who calls: from a token to a `Caller`.

The rest of `api/` knows the interface `Authenticator` only, so that tokens of the embedded identity service
and those of a Keystone that exists elsewhere are the same to it.

`EmbeddedAuth` remembers what tokens stood for, together with the count of identity changes at that time.
Each request reads that count anew, so that a revoked token, a role taken away or a disabled user is
refused with the very next request, whichever server made the change.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from heddle.config import Settings
from heddle.control.identity import login, tokens
from heddle.control.identity.key_storage import key_storage
from heddle.control.identity.keys import KeyRing
from heddle.control.identity.throttle import Throttle
from heddle.model.caller import Caller
from heddle.model.identity import User
from heddle.store.engine import Store, Tx
from heddle.store.query import identity as q

REMEMBERED = 20_000


class Authenticator(Protocol):
    def authenticate(self, token: str) -> Caller:
        """Who the token stands for, at this moment.  Raises `Unauthorized`, `Unavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    epoch: int
    expires: float
    caller: Caller


class EmbeddedAuth:
    """The tokens of the embedded identity service."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self.token_seconds = settings.identity.token_hours * 3600
        storage = key_storage(store, Path(settings.paths.state) / "keys")
        self.keys = KeyRing(storage, self.token_seconds, settings.identity.key_rotation_hours * 3600)
        self._throttle = Throttle(store)
        self._epoch = q.epoch(store)
        self._known: dict[str, _Known] = {}

    def authenticate(self, token: str) -> Caller:
        """Who the token stands for, at this moment.  Raises `Unauthorized`, `Unavailable`."""
        epoch = self._epoch.value()
        known = self._known.get(token)
        if known is not None and known.epoch == epoch and time.time() < known.expires:
            return known.caller
        self._known.pop(token, None)
        session = self.session(token)
        caller = session.caller()
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[token] = _Known(epoch, session.claims.expires, caller)
        return caller

    def session(self, token: str) -> tokens.Session:
        """All that a token stands for.  Raises `Unauthorized`, `Unavailable`."""
        claims = tokens.read(self.keys, token)
        with self._store.read() as tx:
            return tokens.resolve(tx, claims)

    def log_in(self, request: login.Login) -> tuple[str, tokens.Session]:
        """A new token and what it stands for.  Raises `Unauthorized`, `TooManyRequests`, `Forbidden`."""
        session = login.log_in(self._store, request, self._throttle, self.token_seconds)
        return tokens.seal(self.keys, session.claims), session

    def check_password(self, user: User, password: str, address: str) -> None:
        """Raises `Unauthorized` for a wrong password, `TooManyRequests` after many."""
        login.check_secret(self._throttle, user.id, address, user.password_hash, password)

    def revoke(self, claims: tokens.Claims, request_id: str = "") -> None:
        """End a token."""

        def work(tx: Tx) -> None:
            q.revoke(tx, claims.audit_ids[0], int(claims.expires) + 1)
            q.changed(tx)

        self._store.write(work, request_id)
