"""The keys that seal tokens.

A token is sealed with AES-256-GCM, so that it can neither be read nor changed: four bytes that name the
key, twelve that occur only once, and the sealed content.  The newest key seals; every key opens what it
sealed.  A new key takes over after a while, by itself, and an old one is thrown away when the last token
that it may have sealed has expired, so that nobody is logged out.

Where they are kept is told in `key_storage.py`.  Servers that share the work share them; one that meets a key it
does not know looks again.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import logging
import os
import secrets
import threading
import time
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from heddle.control.identity.key_storage import KeyStorage, StoredKey

log = logging.getLogger(__name__)

_NAME, _NONCE, _TAG = 4, 12, 16
LONGEST = 1024


@dataclass(frozen=True, slots=True)
class Key:
    """`created` in seconds since 1970."""

    name: bytes
    created: int
    cipher: AESGCM


class KeyRing:
    """`token_seconds`: a token's life; `rotation_seconds`: how long a key seals, 0 for ever."""

    def __init__(self, storage: KeyStorage, token_seconds: float, rotation_seconds: float) -> None:
        """Raises `ConfigError` when the keys cannot be kept there."""
        self._storage = storage
        self._token_seconds = token_seconds
        self._rotation_seconds = rotation_seconds
        self._lock = threading.Lock()
        self._keys: dict[bytes, Key] = {}
        self._looked = 0.0
        self._seen: object = None
        with self._lock, storage.locked():
            self._read()
            if not self._keys:
                self._make()

    def seal(self, content: bytes) -> str:
        """A token with this content, in characters that fit a header."""
        key = self._primary()
        nonce = os.urandom(_NONCE)
        sealed = key.name + nonce + key.cipher.encrypt(nonce, content, key.name)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, token: str) -> bytes | None:
        """The content of a token that one of the keys sealed, or None."""
        if len(token) > LONGEST:
            return None
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        if len(raw) < _NAME + _NONCE + _TAG:
            return None
        key = self._keys.get(raw[:_NAME]) or self._unknown(raw[:_NAME])
        if key is None:
            return None
        try:
            return key.cipher.decrypt(raw[_NAME : _NAME + _NONCE], raw[_NAME + _NONCE :], key.name)
        except InvalidTag:
            return None

    def rotate(self) -> None:
        """Make a new key that seals from now on, and throw away those that no living token needs."""
        with self._lock, self._storage.locked():
            self._read()
            self._make()
            self._sweep()

    def _primary(self) -> Key:
        newest = max(self._keys.values(), key=_age)
        if not self._rotation_seconds or time.time() - newest.created < self._rotation_seconds:
            return newest
        with self._lock, self._storage.locked():
            self._read()
            newest = max(self._keys.values(), key=_age)
            if time.time() - newest.created >= self._rotation_seconds:
                newest = self._make()
                self._sweep()
        return newest

    def _unknown(self, name: bytes) -> Key | None:
        """Another server may have made a key: look when they have changed, and else at most once a second."""
        with self._lock:
            if name not in self._keys and (self._storage.mark() != self._seen or time.monotonic() - self._looked >= 1):
                self._read()
            return self._keys.get(name)

    def _read(self) -> None:
        self._seen = self._storage.mark()
        self._keys = {key.name: Key(key.name, key.created, AESGCM(key.secret)) for key in self._storage.read()}
        self._looked = time.monotonic()

    def _make(self) -> Key:
        """A key that is younger than all others, also than one of the same second."""
        name, secret = os.urandom(_NAME), secrets.token_bytes(32)
        created = max([int(time.time()), *(key.created + 1 for key in self._keys.values())])
        self._storage.add(StoredKey(name, created, secret))
        key = Key(name, created, AESGCM(secret))
        self._keys = {**self._keys, name: key}
        log.info("new token key key=%s", name.hex())
        return key

    def _sweep(self) -> None:
        """A key sealed until the next one was made; an hour more for clocks that differ."""
        by_age = sorted(self._keys.values(), key=_age)
        for key, successor in itertools.pairwise(by_age):
            if time.time() - successor.created > self._token_seconds + 3600:
                self._storage.remove(key.name)
                self._keys = {name: kept for name, kept in self._keys.items() if name != key.name}
                log.info("token key thrown away key=%s", key.name.hex())


def _age(key: Key) -> tuple[int, bytes]:
    return key.created, key.name
