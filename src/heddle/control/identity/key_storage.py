"""Where the keys of tokens are kept.

With SQLite they are files beside the database, one each, that only the server's user can read:
`<seconds since 1970>-<name>.key`.  With PostgreSQL and MariaDB, whose servers may be on different machines, they are
rows of the database, which no backup holds: who has a backup cannot make tokens.  Files that are there when the table
is still empty are taken over, so that nobody is logged out when a cloud moves to such a database.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from heddle.errors import ConfigError
from heddle.store.engine import Store
from heddle.store.query import token_keys

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """`name` of four bytes, `created` in seconds since 1970, `secret` of 32 bytes."""

    name: bytes
    created: int
    secret: bytes = field(repr=False)


class KeyStorage(Protocol):
    def mark(self) -> object:
        """Another whenever a key was made or thrown away."""

    def read(self) -> list[StoredKey]: ...

    def add(self, key: StoredKey) -> None:
        """It is kept for good when this returns: a token must not outlive its key."""

    def remove(self, name: bytes) -> None: ...

    def locked(self) -> AbstractContextManager[None]:
        """Nobody else makes a key meanwhile, where that can be had; one key too many does no harm."""


def key_storage(store: Store, folder: Path) -> KeyStorage:
    """The storage that belongs to a database.  Raises `ConfigError` when the folder cannot be used."""
    if store.sqlite:
        return KeyFolder(folder)
    rows = KeyRows(store)
    if folder.is_dir() and not rows.read():
        for key in KeyFolder(folder).read():
            rows.add(key)
    return rows


class KeyFolder:
    """Files in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        """Raises `ConfigError` when it cannot be made."""
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.locked():
                pass
        except OSError as error:
            raise ConfigError(f"the folder of token keys {folder} cannot be used: {error.strerror}") from error

    def mark(self) -> object:
        """Not the folder's time, which is the same for changes within a few milliseconds."""
        try:
            return frozenset(name for name in os.listdir(self._folder) if name.endswith(".key"))
        except OSError:
            return frozenset()

    def read(self) -> list[StoredKey]:
        keys = []
        for file in self._folder.glob("*.key"):
            created, _, name = file.stem.partition("-")
            try:
                secret = bytes.fromhex(file.read_text().strip())
                keys.append(_checked(StoredKey(bytes.fromhex(name), int(created), secret)))
            except (ValueError, OSError) as error:
                log.error("token key cannot be used file=%s reason=%s", file, type(error).__name__)
        return keys

    def add(self, key: StoredKey) -> None:
        file = self._folder / f"{key.created}-{key.name.hex()}.key"
        part = file.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(key.secret.hex() + "\n")
            out.flush()
            os.fsync(out.fileno())
        part.rename(file)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def remove(self, name: bytes) -> None:
        for file in self._folder.glob(f"*-{name.hex()}.key"):
            file.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        with open(self._folder / ".lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class KeyRows:
    """Rows of the database that all servers have."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def mark(self) -> object:
        with self._store.read() as tx:
            return frozenset(name for name, _, _ in token_keys.every(tx))

    def read(self) -> list[StoredKey]:
        with self._store.read() as tx:
            rows = token_keys.every(tx)
        return [StoredKey(bytes.fromhex(name), created, bytes.fromhex(secret)) for name, created, secret in rows]

    def add(self, key: StoredKey) -> None:
        self._store.write(lambda tx: token_keys.insert(tx, key.name.hex(), key.created, key.secret.hex()))

    def remove(self, name: bytes) -> None:
        self._store.write(lambda tx: token_keys.delete(tx, name.hex()))

    def locked(self) -> AbstractContextManager[None]:
        return nullcontext()


def _checked(key: StoredKey) -> StoredKey:
    """Raises `ValueError`."""
    if len(key.secret) != 32:
        raise ValueError("a key has 32 bytes")
    return key
