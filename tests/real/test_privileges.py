"""The server's user: it gets the program and its own folders, even below a closed folder, and nothing else."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from heddle.cli.layout import Layout
from heddle.config import Paths, Server, Settings

pytestmark = [pytest.mark.real, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

CODE = """
import os, sys
from pathlib import Path
from heddle.host import process
closed = Path(sys.argv[1])
sys.path.insert(0, str(closed / "lib"))
process.reveal([closed / "state"])
process.become("nobody")
import late
print(late.VALUE, os.getuid())
(closed / "state" / "new").write_text("x")
for attempt in ((closed / "secret").read_text, lambda: (closed / "lib" / "x").write_text("x"), lambda: os.setuid(0)):
    try:
        attempt()
        print("allowed")
    except OSError as error:
        print(type(error).__name__)
"""


def test_below_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    for name in ("lib", "state"):
        (closed / name).mkdir(parents=True)
    (closed / "lib" / "late.py").write_text("VALUE = 42")
    (closed / "secret").write_text("secret")
    os.chown(closed / "state", 65534, 65534)
    tmp_path.chmod(0o711)
    closed.chmod(0o700)
    done = subprocess.run([sys.executable, "-c", CODE, str(closed)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")
    assert lines[0] == "42 65534"
    assert lines[1] == "FileNotFoundError" and lines[2] in ("OSError", "PermissionError")
    assert lines[3] == "PermissionError"
    assert (closed / "state" / "new").read_text() == "x"
    assert (closed / "secret").read_text() == "secret", "only that process's view was changed"


FOLDERS = """
import os, sys
from pathlib import Path
from heddle.host import process
process.become(sys.argv[1])
for folder in map(Path, sys.argv[2:]):
    try:
        (folder / "planted").write_text("x")
        print("allowed")
    except OSError as error:
        print(type(error).__name__)
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    tmp_path.chmod(0o711)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    paths = Paths(state=f"{tmp_path}/state", run=f"{tmp_path}/run", log=f"{tmp_path}/log")
    return Layout(Settings(paths=paths, server=Server(user="daemon")))


def look(path: Path) -> tuple[str, str]:
    found = path.stat()
    return oct(found.st_mode & 0o7777), pwd.getpwuid(found.st_uid).pw_name


def test_the_folders_of_server_and_host(layout: Layout) -> None:
    layout.prepare()
    assert look(layout.state) == ("0o700", "daemon")
    assert look(layout.host) == ("0o700", "root")

    def planting(user: str) -> list[str]:
        command = [sys.executable, "-c", FOLDERS, user, str(layout.state), str(layout.host)]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.split()

    assert planting("daemon") == ["allowed", "PermissionError"]
    assert planting("games") == ["PermissionError", "PermissionError"]


def test_the_folder_of_both_becomes_two(layout: Layout) -> None:
    """The server's user cannot have put there what is root's, for the folder was root's; what is theirs stays."""
    daemon = pwd.getpwnam("daemon")
    layout.state.mkdir()
    for name, owner in ((".heddle", 0), ("made.json", 0), ("lock", 0), ("heddle.db", daemon.pw_uid),
                        ("demo.json", daemon.pw_uid)):  # fmt: skip
        (layout.state / name).write_text("{}")
        os.chown(layout.state / name, owner, -1)
    os.chown(layout.state, 0, daemon.pw_gid)
    layout.state.chmod(0o1770)
    layout.prepare()
    assert look(layout.state) == ("0o700", "daemon") and look(layout.host) == ("0o700", "root")
    assert {path.name for path in layout.state.iterdir()} == {".heddle", "heddle.db", "demo.json"}
    assert {path.name for path in layout.host.iterdir()} == {".heddle", "made.json", "lock"}


def test_nothing_in_the_servers_folder_is_taken_for_roots(layout: Layout) -> None:
    """Not even a file of root's, which may have been moved or linked there."""
    layout.prepare()
    layout.made.unlink(missing_ok=True)
    for name in ("made.json", "lock"):
        (layout.state / name).write_text('{"users": ["games"], "files": ["/etc/passwd"]}')
    assert layout.recorded() == {"users": [], "files": []}
    assert layout.lock.parent == layout.host
    layout.prepare()
    assert layout.recorded() == {"users": [], "files": []} and (layout.state / "made.json").exists()
