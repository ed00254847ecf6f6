"""`heddle agent` with the clock and the Python that two files say: a machine has one clock, and the tests one Python.

    altered_agent.py FOLDER ARGUMENTS…

`FOLDER/clock` has seconds by which the clock of the process is ahead; `FOLDER/python` a version.  All of the agent sees
them, as it would see those of its host.
"""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path

FOLDER = Path(sys.argv.pop(1))
right_time, right_python = time.time, platform.python_version


def said(name: str) -> str:
    try:
        return (FOLDER / name).read_text(encoding="ascii")
    except OSError:
        return ""


time.time = lambda: right_time() + float(said("clock") or 0)
platform.python_version = lambda: said("python") or right_python()

if __name__ == "__main__":
    from heddle.cli.main import main

    sys.exit(main(sys.argv[1:]))
