"""The folders and files of one Heddle on this host, and the record of what it made.

Four folders come from the settings.  The state folder is the server's, which is not root, and the host folder is
root's: each is closed to everybody but its owner, so that neither the server nor anybody else can change what root
relies on.  The run and log folders belong to root and to the group of the server's user and are closed to
everybody else (the run folder may be entered: dnsmasq has files there); the sticky bit keeps the server from
replacing what the agent wrote.  A folder that Heddle made carries a marker
file: one without it is never removed, and one that holds other things is never taken over.  What was made
outside of them (the system user, files for users) is written down in `made.json`, so that `heddle down`
removes that and nothing else.

Before there was a host folder, root's files lay in the state folder, which was root's then.  They are found there as
long as it is, and the next start moves them.
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from collections.abc import Iterable
from pathlib import Path

from heddle.cli.credentials import write_private
from heddle.cli.supervisor import holder
from heddle.config import Settings
from heddle.errors import HeddleError

MARKER = ".heddle"
OF_ROOT = ("made.json", "demo.json", "dhcp", "lock")


class Layout:
    """Names the files of the Heddle that `settings` describe."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.state = Path(settings.paths.state)
        self.host = settings.host_folder
        self.run = Path(settings.paths.run)
        self.log = Path(settings.paths.log)

    @property
    def lock(self) -> Path:
        return self._of_root("lock")

    @property
    def pid(self) -> Path:
        return self.run / "heddle.pid"

    @property
    def made(self) -> Path:
        return self._of_root("made.json")

    @property
    def folders(self) -> tuple[Path, Path, Path, Path]:
        return (self.state, self.host, self.run, self.log)

    @property
    def server_logs(self) -> Path:
        """The server writes and rotates its log as its own user, so it has a folder of its own."""
        return self.log / "server"

    def log_file(self, process: str) -> Path:
        """Of "server", "server-2" and so on, "agent" or "heddle"."""
        return (self.server_logs if process.startswith("server") else self.log) / f"{process}.log"

    def prepare(self) -> None:
        """Make the system user and the folders where they are missing.

        Raises `HeddleError`, also while a Heddle runs that has its lock in the state folder.
        """
        if self.lock.parent == self.state and (pid := holder(self.lock)):
            raise HeddleError(
                f"Heddle is already running on this host as process {pid}, of a version without {self.host}: "
                "`heddle stop` ends it, then start again"
            )
        new_user = self._make_user()
        user, group = _ids_of(self.settings.server.user)
        for folder in self.folders:
            _make_folder(folder)
            folder.chmod(0o700)
        self._move_to_host()
        for folder in (self.run, self.log):
            os.chown(folder, 0 if os.geteuid() == 0 else -1, group)
        self.log.chmod(0o750)
        self.run.chmod(0o1771 if group > 0 else 0o711)  # dnsmasq's user reads files in a folder below it
        self.server_logs.mkdir(exist_ok=True, mode=0o750)
        for folder in (self.state, self.server_logs):
            os.chown(folder, user, group)
        if new_user:
            self.record(user=new_user)

    def keep_policy(self, text: str) -> Path:
        """A copy of the policy file that the server's user can read and only this one can change."""
        copy = self.run / "policy.yaml"
        write_private(copy, text)
        os.chown(copy, -1, _ids_of(self.settings.server.user)[1])
        copy.chmod(0o640)
        return copy

    def record(self, user: str = "", files: Iterable[Path] = ()) -> None:
        """Write down what was made outside the folders."""
        known = self.recorded()
        users = sorted({*known["users"], user} - {""})
        paths = sorted({*known["files"], *map(str, files)})
        write_private(self.made, json.dumps({"users": users, "files": paths}, indent=1) + "\n")

    def recorded(self) -> dict[str, list[str]]:
        """What was written down: users and files; it counts only if it is ours."""
        try:
            if self.made.lstat().st_uid != os.geteuid():
                return {"users": [], "files": []}
            found = json.loads(self.made.read_text(encoding="utf-8"))
            return {"users": list(found["users"]), "files": list(found["files"])}
        except (OSError, ValueError, KeyError, TypeError):
            return {"users": [], "files": []}

    def _of_root(self, name: str) -> Path:
        """Where a file of root's is.  In a folder of another's, even a file of root's may be one that was put there."""
        new, old = self.host / name, self.state / name
        return old if _is_mine(self.state) and _is_mine(old) and not new.exists() else new

    def _move_to_host(self) -> None:
        for name in OF_ROOT:
            old, new = self._of_root(name), self.host / name
            if old == new:
                continue
            try:
                old.rename(new)
            except OSError as error:
                raise HeddleError(f"cannot move {old} to {new}: {error.strerror}; move it by hand and start again"
                                  ) from error  # fmt: skip

    def _make_user(self) -> str:
        """The name of the user, if it was made now."""
        name = self.settings.server.user
        if not name or os.geteuid() != 0:
            return ""
        if _is_user(name):
            return ""
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(self.state)]
        done = subprocess.run([*command, "--shell", "/usr/sbin/nologin", name], capture_output=True, text=True)
        if done.returncode:
            if _is_user(name):  # made in the same moment by another: a server beside its agent, say
                return ""
            raise HeddleError(f"cannot make the system user {name!r} for the server: {done.stderr.strip()}")
        return name


def is_ours(folder: Path) -> bool:
    """Whether Heddle made the folder."""
    return (folder / MARKER).is_file()


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _is_mine(path: Path) -> bool:
    """Whether it is there and of this process's user; a link is whose who made it."""
    try:
        return path.lstat().st_uid == os.geteuid()
    except OSError:
        return False


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not is_ours(folder):
            if any(folder.iterdir()):
                raise HeddleError(f"{folder} holds files that are not Heddle's: name another folder in the settings, "
                                  "section paths, or empty it")  # fmt: skip
            with (folder / MARKER).open("x") as marker:
                marker.write("This folder was made by Heddle; `heddle down` removes it.\n")
    except OSError as error:
        raise HeddleError(f"cannot make the folder {folder}: {error.strerror}; run as root, or name another "
                          "folder in the settings, section paths") from error  # fmt: skip


def _ids_of(user: str) -> tuple[int, int]:
    """User and group of the server; -1 for both where it is not to change its user."""
    if os.geteuid() != 0 or not user:
        return -1, -1
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid
