"""The file of logged packets: a line each, and one for what is missing.

It is for its reader to rotate: when the file was moved away or deleted, or a signal asked for it, the next line goes
into a new one of its name.  While lines are expected, its time of change is set anew every second: so whoever opens it
after the end of a writer, however that ended, can tell since when nobody has listened.

A line that cannot be written is counted; how many they were is told when there is room again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

MODE = 0o640


class LogFile:
    """`stamp` writes a moment at the beginning of a line.  Safe across threads.

    `written`: packets that have a line; `lost`: those whose line could not be written.
    """

    def __init__(self, path: Path, stamp: Callable[[float], str]) -> None:
        self._path, self._stamp = path, stamp
        self._lock = threading.Lock()
        self._file = -1
        self._lost = 0
        self.written = self.lost = 0

    def begin(self) -> None:
        """Lines are expected from now on; a writer before that did not say `end` has left a gap."""
        with self._lock:
            now = time.time()
            lines = [f"{self._stamp(now)} event=START"]
            with contextlib.suppress(OSError):
                before = min(self._path.stat().st_mtime, now)
                if not self._was_ended():
                    lines.append(f"{self._stamp(now)} event=GAP since={self._stamp(before)} reason=not_listening")
            self._put(lines)

    def _was_ended(self) -> bool:
        """Whether the last line says that no more was expected; also when there is none.  Raises `OSError`."""
        with self._path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 4096))
            last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
        return not last or last.endswith(b" event=STOP")

    def end(self) -> None:
        """No more lines are expected."""
        self.tell("event=STOP")

    def gap(self, since: float, reason: str) -> None:
        """Packets may have passed untold since a moment."""
        self.tell(f"event=GAP since={self._stamp(since)} reason={reason}")

    def tell(self, text: str) -> None:
        """A line that is about no packet."""
        self.write([f"{self._stamp(time.time())} {text}"], packets=False)

    def write(self, lines: list[str], packets: bool = True) -> None:
        with self._lock:
            if self._put(lines):
                self.written += len(lines) if packets else 0
            else:
                self._lost += len(lines)
                self.lost += len(lines) if packets else 0

    def reopen(self) -> None:
        with self._lock:
            self._close()

    def touch(self) -> None:
        """Lines are still expected."""
        with self._lock:
            if self._file < 0:
                return
            with contextlib.suppress(OSError):
                if self._moved():
                    self._open()
                os.utime(self._file)

    def close(self) -> None:
        self.reopen()

    def _put(self, lines: list[str]) -> bool:
        try:
            if self._file < 0 or self._moved():
                self._open()
            head = [f"{self._stamp(time.time())} event=LOST lines={self._lost}"] if self._lost else []
            _write_all(self._file, "".join(f"{line}\n" for line in [*head, *lines]).encode())
        except OSError as error:
            if not self._lost:
                log.warning("logged packets are not written: %s: %s", self._path, error.strerror)
            self._close()
            return False
        self._lost = 0
        return True

    def _open(self) -> None:
        self._close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _moved(self) -> bool:
        """Whether the file of this name is another one now."""
        try:
            there, here = os.stat(self._path), os.fstat(self._file)
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
