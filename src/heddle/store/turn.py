"""Taking turns: one writer at a time, so that none meets SQLite's lock, where who waits sleeps and looks again."""

from __future__ import annotations

import fcntl
import os
import threading


class Turn:
    """Of the threads of this process; with `file`, of all processes that name it.  One that ends gives it back."""

    def __init__(self, file: str = "") -> None:
        self._threads = threading.Lock()
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) if file else -1

    def __enter__(self) -> None:
        self._threads.acquire()
        if self._file >= 0:
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        if self._file >= 0:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
