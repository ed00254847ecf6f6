"""Processes of this host: what a child does to itself, and who holds a lock or a port.

The server parses everything that tenants send, so it runs as a user who may do nothing else.  That user cannot
read a checkout under /root.  Rather than open that folder, the server gets a mount namespace of its own, in which
the first closed folder on the way to the program is replaced by an empty one that holds only the program.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from heddle.errors import HeddleError

_PR_SET_PDEATHSIG = 1
_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE, _MS_RDONLY, _MS_REMOUNT = 4096, 16384, 1 << 18, 1, 32
_libc = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int) -> None:
    """End this process when `parent` ends.  To be called again after a change of user, which undoes it."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(0)


def become(user: str) -> None:
    """Run as `user` from now on, for good.  Raises `HeddleError` when there is no such user."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise HeddleError(f"there is no user {user!r} for the server: `heddle up` makes it, "
                          "or set server.user to one that exists") from error  # fmt: skip
    os.initgroups(user, entry.pw_gid)
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    os.environ["HOME"] = entry.pw_dir
    os.umask(0o077)


def reveal(writable: Iterable[Path]) -> None:
    """Make the folders that Python imports from, and those in `writable`, reachable for every user, here only.

    Their own permissions hold; only the closed folders above them are replaced.  Does nothing where there are none.
    """
    kept = {path.resolve() for path in writable}
    wanted = {Path(sys.prefix).resolve(), *(Path(entry).resolve() for entry in sys.path if entry)}
    wanted |= {Path(__file__).resolve().parents[2], *kept}
    wanted = {path for path in wanted if path.is_dir()}
    closed_folders = sorted({root for path in wanted if (root := _first_closed(path.parent))})
    if closed_folders:
        _check(_libc.unshare(_CLONE_NEWNS), "a mount namespace")
        _mount("none", "/", "", _MS_REC | _MS_PRIVATE, "")
    for closed in closed_folders:
        inside = sorted(path for path in wanted if path.is_relative_to(closed))
        inside = [path for path in inside if not any(path != other and path.is_relative_to(other) for other in inside)]
        _replace(closed, inside, kept)


def alive(pid: int) -> bool:
    """Whether the process exists and has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return False
    return state[0] not in "ZX"


def catches(pid: int, sign: int) -> bool:
    """Whether the process has a handler for the signal (proc(5), `SigCgt`)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (sign - 1) & 1)


def comes(true: Callable[[], bool], seconds: float) -> bool:
    """Wait until it is true, at most so long; whether it is."""
    end = time.monotonic() + seconds
    while not (there := true()) and time.monotonic() < end:
        time.sleep(0.002)
    return there


def command_of(pid: int) -> str:
    """The command line of a process, "" when it is not there."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that have not ended, the oldest first."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] not in "ZX":
            found.append((int(fields[19]), int(entry.name)))
    return [child for _, child in sorted(found)]


def _first_closed(path: Path) -> Path | None:
    """The first folder on the way to `path` that others may not enter."""
    for folder in [*reversed(path.parents), path]:
        if folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def _replace(closed: Path, inside: list[Path], writable: set[Path]) -> None:
    handles = [(path, os.open(path, os.O_PATH | os.O_DIRECTORY)) for path in inside]
    os.umask(0o022)
    _mount("tmpfs", str(closed), "tmpfs", 0, "mode=0755,size=64k")
    for path, handle in handles:
        path.mkdir(parents=True, exist_ok=True)
        _mount(f"/proc/self/fd/{handle}", str(path), "", _MS_BIND | _MS_REC, "")
        if path not in writable:
            _mount("none", str(path), "", _MS_BIND | _MS_REMOUNT | _MS_RDONLY, "")
        os.close(handle)
    os.chdir("/")


def _mount(source: str, target: str, kind: str, flags: int, data: str) -> None:
    done = _libc.mount(source.encode(), target.encode(), kind.encode() or None, flags, data.encode() or None)
    _check(done, f"the mount of {target}")


def _check(result: int, what: str) -> None:
    if result:
        error = ctypes.get_errno()
        raise HeddleError(f"cannot make {what} for the server: {os.strerror(error)}; "
                          "put the program where every user may read it, for example under /opt")  # fmt: skip
