"""How many requests were answered with which status, by all processes of this server.

Each process has a file of its own in the run folder, which it maps and counts in; so counting costs a lock and eight
bytes, whoever is asked adds up the files, and a process that is started again goes on where it was.
"""

from __future__ import annotations

import contextlib
import mmap
import struct
import threading
from pathlib import Path

_SLOTS = 600
_SIZE = 8 * _SLOTS


class Counts:
    """`folder`: where the files are, None where this process counts for itself alone; `number`: that of the process."""

    def __init__(self, folder: Path | None = None, number: int = 1) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._mine: mmap.mmap | bytearray = bytearray(_SIZE)
        if folder is not None:
            with (folder / f"requests-{number}").open("a+b") as file:
                file.truncate(_SIZE)
                self._mine = mmap.mmap(file.fileno(), _SIZE)

    def add(self, status: int) -> None:
        """One more answer with an HTTP status below 600."""
        with self._lock:
            (before,) = struct.unpack_from("=Q", self._mine, 8 * status)
            struct.pack_into("=Q", self._mine, 8 * status, before + 1)

    def by_status(self) -> dict[int, int]:
        """The sums of all processes."""
        texts = [bytes(self._mine)] if self._folder is None else []
        for file in self._folder.glob("requests-*") if self._folder is not None else ():
            with contextlib.suppress(OSError):
                texts.append(file.read_bytes())
        tables = [struct.unpack(f"={_SLOTS}Q", text) for text in texts if len(text) == _SIZE]
        sums = [sum(column) for column in zip(*tables, strict=True)]
        return {status: count for status, count in enumerate(sums) if count}
