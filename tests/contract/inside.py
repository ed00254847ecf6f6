"""The tests of a file once more, by a process in namespaces of its own: there they meet the real thing."""

from __future__ import annotations

import os
import subprocess
import sys

OWN_PROCESSES = ("-p", "--fork", "--mount-proc", "--kill-child")


def run_inside(file: str, variable: str, *more: str) -> None:
    """Network and mount namespaces, and those of `more` (words for unshare); `variable` tells the tests of it."""
    command = f"mount -t tmpfs tmpfs /run && exec {sys.executable} -m pytest -q -p no:cacheprovider {file}"
    done = subprocess.run(
        ["unshare", "-n", "-m", *more, "sh", "-ec", command], env={**os.environ, variable: "1"}, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
