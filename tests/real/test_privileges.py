"""The server's user: it gets the program and its own folders, even below a closed folder, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
