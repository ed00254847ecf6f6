"""Numbers that all processes of a server count together, without asking each other.

Each process has a file of its own in the run folder, which it maps and writes to; so counting costs a lock and a few
bytes, whoever is asked reads all files, and a process that is started again goes on where it was.  A file whose numbers
mean something else, for another release wrote it, is begun anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import mmap
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

_HEAD = 16


class Numbers:
    """`count` numbers of 64 bits.  `folder`: where the files are, None where this process counts for itself alone;
    `number`: that of the process; `meaning`: what the numbers are, in any words.
    """

    def __init__(self, folder: Path | None, name: str, number: int, count: int, meaning: str = "") -> None:
        self._folder, self._name, self._number, self._count = folder, name, number, count
        self._head = hashlib.blake2b(f"{count} {meaning}".encode(), digest_size=_HEAD).digest()
        self._size = _HEAD + 8 * count
        self._lock = threading.Lock()
        self._mine: mmap.mmap | bytearray = bytearray(self._size)
        if folder is not None:
            try:
                self._mine = self._mapped(folder / f"{name}-{number}")
            except OSError as error:
                log.warning("this process counts for itself alone: %s cannot be kept in %s: %s", name, folder, error)
                self._folder = None
        self._mine[:_HEAD] = self._head

    def _mapped(self, path: Path) -> mmap.mmap:
        """The file with all of its room taken, for who writes to a page that a full disk has no room for is ended.

        One that means something else is replaced rather than cut: whoever wrote it may not have ended yet.
        """
        with contextlib.suppress(FileNotFoundError):
            if path.read_bytes()[:_HEAD] != self._head or path.stat().st_size != self._size:
                path.unlink()
        with path.open("a+b") as file:
            os.posix_fallocate(file.fileno(), 0, self._size)
            return mmap.mmap(file.fileno(), self._size)

    def add(self, *more: tuple[int, int]) -> None:
        """Add to numbers, each by its place."""
        with self._lock:
            for place, value in more:
                (before,) = struct.unpack_from("=Q", self._mine, _HEAD + 8 * place)
                struct.pack_into("=Q", self._mine, _HEAD + 8 * place, before + value)

    def put(self, place: int, value: int) -> None:
        """Write a number in the place of what is there."""
        with self._lock:
            struct.pack_into("=Q", self._mine, _HEAD + 8 * place, value)

    def by_process(self) -> dict[int, tuple[int, ...]]:
        """The numbers of each process."""
        return {number: struct.unpack_from(f"={self._count}Q", text, _HEAD) for number, text in self._texts()}

    def sums(self) -> list[int]:
        """The sums of all processes."""
        return [sum(column) for column in zip(*self.by_process().values(), strict=True)]

    def _texts(self) -> Iterator[tuple[int, bytes]]:
        if self._folder is None:
            yield self._number, bytes(self._mine)
            return
        for file in sorted(self._folder.glob(f"{self._name}-*")):
            with contextlib.suppress(OSError, ValueError):
                text = file.read_bytes()
                if len(text) == self._size and text[:_HEAD] == self._head:
                    yield int(file.name.rpartition("-")[2]), text
