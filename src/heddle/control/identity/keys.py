"""The keys that seal tokens.

A token is sealed with AES-256-GCM, so that it can neither be read nor changed: four bytes that name the
key, twelve that occur only once, and the sealed content.  The newest key seals; every key opens what it
sealed.  A new key takes over after a while, by itself, and an old one is thrown away when the last token
that it may have sealed has expired, so that nobody is logged out.

The keys are files, one each, that only the server's user can read: `<seconds since 1970>-<name>.key`.  Servers
that share the work share the folder; one that meets a key it does not know looks again.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import itertools
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from heddle.errors import ConfigError

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

    def __init__(self, folder: Path, token_seconds: float, rotation_seconds: float) -> None:
        self._folder = folder
        self._token_seconds = token_seconds
        self._rotation_seconds = rotation_seconds
        self._lock = threading.Lock()
        self._keys: dict[bytes, Key] = {}
        self._looked = 0.0
        self._seen = frozenset[str]()
        self._look()

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
        with self._lock, self._locked():
            self._read()
            self._make()
            self._sweep()

    def _primary(self) -> Key:
        newest = max(self._keys.values(), key=_age)
        if not self._rotation_seconds or time.time() - newest.created < self._rotation_seconds:
            return newest
        with self._lock, self._locked():
            self._read()
            newest = max(self._keys.values(), key=_age)
            if time.time() - newest.created >= self._rotation_seconds:
                newest = self._make()
                self._sweep()
        return newest

    def _unknown(self, name: bytes) -> Key | None:
        """Another server may have made a key: look when the folder has changed, and else at most once a second."""
        with self._lock:
            if name not in self._keys and (self._mark() != self._seen or time.monotonic() - self._looked >= 1):
                self._read()
            return self._keys.get(name)

    def _look(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._lock, self._locked():
                self._read()
                if not self._keys:
                    self._make()
        except OSError as error:
            raise ConfigError(f"the folder of token keys {self._folder} cannot be used: {error.strerror}") from error

    def _mark(self) -> frozenset[str]:
        """Another whenever a key was made or thrown away.

        Not the folder's time, which is the same for changes within a few milliseconds.
        """
        try:
            return frozenset(name for name in os.listdir(self._folder) if name.endswith(".key"))
        except OSError:
            return frozenset()

    def _read(self) -> None:
        keys = {}
        self._seen = self._mark()
        for file in self._folder.glob("*.key"):
            created, _, name = file.stem.partition("-")
            try:
                key = Key(bytes.fromhex(name), int(created), AESGCM(bytes.fromhex(file.read_text().strip())))
            except (ValueError, OSError) as error:
                log.error("token key cannot be used file=%s reason=%s", file, type(error).__name__)
                continue
            keys[key.name] = key
        self._keys = keys
        self._looked = time.monotonic()

    def _make(self) -> Key:
        """A key that is younger than all others, also than one of the same second."""
        name, secret = os.urandom(_NAME), secrets.token_bytes(32)
        created = max([int(time.time()), *(key.created + 1 for key in self._keys.values())])
        file = self._folder / f"{created}-{name.hex()}.key"
        part = file.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(secret.hex() + "\n")
            out.flush()
            os.fsync(out.fileno())
        part.rename(file)
        self._sync_folder()
        key = Key(name, created, AESGCM(secret))
        self._keys = {**self._keys, name: key}
        log.info("new token key key=%s", name.hex())
        return key

    def _sync_folder(self) -> None:
        """A token must not outlive its key: the name is on the disk before the key seals."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _sweep(self) -> None:
        """A key sealed until the next one was made; an hour more for clocks that differ."""
        by_age = sorted(self._keys.values(), key=_age)
        for key, successor in itertools.pairwise(by_age):
            if time.time() - successor.created > self._token_seconds + 3600:
                (self._folder / f"{key.created}-{key.name.hex()}.key").unlink(missing_ok=True)
                self._keys = {name: kept for name, kept in self._keys.items() if name != key.name}
                log.info("token key thrown away key=%s", key.name.hex())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with open(self._folder / ".lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _age(key: Key) -> tuple[int, bytes]:
    return key.created, key.name
