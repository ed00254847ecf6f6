"""The program of the release before: unpacked from `before.tar.xz`, and run with this interpreter.

`scripts/release-before.sh` writes the archive, from a commit; `before.txt` names it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ARCHIVE = HERE / "before.tar.xz"
MESSAGES = HERE / "messages.py"
GOLDEN = HERE.parent / "golden" / "protocol"


def unpack(folder: Path, archive: Path = ARCHIVE) -> Path:
    """What belongs on PYTHONPATH for that program.  Raises `FileNotFoundError` with what to do."""
    if not archive.exists():
        raise FileNotFoundError(f"{archive} is missing, which is the release before: scripts/release-before.sh COMMIT")
    with tarfile.open(archive) as kept:
        kept.extractall(folder, filter="data")
    return folder / "src"


def run(source: Path, *words: str, text: str = "") -> str:
    """`messages.py` by the structs of a program; what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEDDLE_")}
    command = [sys.executable, "-P", str(MESSAGES), *words]
    done = subprocess.run(command, env={**environment, "PYTHONPATH": str(source)}, input=text, text=True,
                          capture_output=True, timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def messages() -> dict[str, dict[str, Any]]:
    """Those of the release before, as they were written down when it was made."""
    found: dict[str, dict[str, Any]] = json.loads((GOLDEN / "before.json").read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        print(run(unpack(Path(temporary), Path(sys.argv[1])), "messages"), end="")
