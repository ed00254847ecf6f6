"""A program that runs in a network namespace, outlives the agent and is adopted by it (dnsmasq, radvd).

It is known by its pid file, and believed only when the process of that number runs the program with our configuration
file; nothing is ever ended by name.  Its files lie in a folder of its own in the run folder, where the program's own
user may read them after it gave up its rights.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import stat
from collections.abc import Collection
from pathlib import Path

from heddle.errors import HeddleError
from heddle.host import netns
from heddle.host.layout import Deviation
from heddle.host.process import alive, catches, comes

_GONE_WITHIN = 2.0
_READY_WITHIN = 2.0


class Daemon:
    """`program` is its file's name; `argument` with the path of `conf` is a word of its command line.

    `namespace` is the name of its network namespace; `folder` holds its files and its pid file.
    """

    program = ""
    argument = "{conf}"

    def __init__(self, namespace: str, folder: Path) -> None:
        self.namespace = namespace
        self.folder = folder

    def pid(self) -> int:
        """The process, when it is there and is ours; else 0."""
        try:
            pid = int((self.folder / "pid").read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return 0
        named = self.argument.format(conf=self.folder / "conf").encode() in command
        ours = Path(os.fsdecode(command[0])).name == self.program and named
        return pid if ours and alive(pid) else 0

    def stop(self, signs: Collection[int] = (signal.SIGTERM, signal.SIGKILL)) -> None:
        """End it with the signals, one after the other, and wait until it is gone."""
        pid = self.pid()
        if not pid:
            return
        for sign in signs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
            if comes(lambda: not alive(pid), _GONE_WITHIN):
                return

    def reload(self, pid: int) -> None:
        """Have it read its files again.  One that has only just started may not listen yet: the signal would end it."""
        comes(lambda: not alive(pid) or catches(pid, signal.SIGHUP), _READY_WITHIN)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGHUP)

    def is_in_place(self, pid: int) -> bool:
        """Whether the process is in the namespace that has the name now."""
        try:
            return os.stat(f"/proc/{pid}/ns/net").st_ino == netns.identity(self.namespace)
        except OSError:
            return False

    def where(self) -> list[Deviation]:
        """Why there is no such process in the namespace; nothing when there is one."""
        pid = self.pid()
        if not pid:
            return [Deviation(f"{self.program} in {self.namespace}", "no process")]
        if not self.is_in_place(pid):
            return [Deviation(f"{self.program} in {self.namespace}", f"process {pid} in another namespace")]
        return []

    def unlike(self, name: str, lines: Collection[str]) -> list[Deviation]:
        """A deviation when the file has not these lines."""
        if self._holds(name, lines):
            return []
        return [Deviation(f"{self.program}'s file {name} as it was written", "another text, or none")]

    def write(self, name: str, lines: Collection[str]) -> bool:
        """Write a file as a whole; returns whether it was another one before.  Raises `OSError`."""
        if self._holds(name, lines):
            return False
        path = self.folder / name
        fresh = path.with_suffix(".new")
        fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        fresh.chmod(0o644)
        fresh.rename(path)
        return True

    def forget(self, *names: str) -> None:
        """Remove these files and the pid file, and the folder when nothing else is in it."""
        for name in (*names, "pid"):
            (self.folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def user(self, name: str) -> str:
        """The program's own user where it may read the files, else root."""
        try:
            pwd.getpwnam(name)
        except KeyError:
            return "root"
        closed = [each for each in (self.folder, *self.folder.parents) if not each.stat().st_mode & stat.S_IXOTH]
        return "root" if closed else name

    def _holds(self, name: str, lines: Collection[str]) -> bool:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return (self.folder / name).read_text(encoding="utf-8") == "".join(f"{line}\n" for line in lines)
        return False


def make_folder(folder: Path, mode: int) -> None:
    """Raises `HeddleError` for a folder that somebody else put there: the server may write beside it, as its user."""
    folder.mkdir(parents=True, exist_ok=True)
    there = folder.lstat()
    if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.geteuid():
        raise HeddleError(f"{folder} is not a folder of this process's user: remove it, the agent makes it anew")
    folder.chmod(mode)
