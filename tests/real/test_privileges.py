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


def test_the_folders_of_server_and_host(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    paths = Paths(state=f"{tmp_path}/state", run=f"{tmp_path}/run", log=f"{tmp_path}/log")
    layout = Layout(Settings(paths=paths, server=Server(user="daemon")))
    for parent in tmp_path.parents[:2]:
        parent.chmod(parent.stat().st_mode | 0o011)
    layout.prepare()
    for folder, owner in ((layout.state, "daemon"), (layout.host, "root")):
        found = folder.stat()
        assert (oct(found.st_mode & 0o7777), pwd.getpwuid(found.st_uid).pw_name) == ("0o700", owner)

    def planting(user: str) -> list[str]:
        command = [sys.executable, "-c", FOLDERS, user, str(layout.state), str(layout.host)]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.split()

    assert planting("daemon") == ["allowed", "PermissionError"]
    assert planting("games") == ["PermissionError", "PermissionError"]
