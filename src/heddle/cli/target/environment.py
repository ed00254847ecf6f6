"""Another environment of Python as a target: what is installed there is run there."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from packaging.metadata import parse_email
from packaging.utils import canonicalize_name

from heddle.cli.target.program import Program
from heddle.cli.target.wheel import facts_of

SECONDS = 8.0
_ASK = """\
import json, platform
from importlib import metadata
found = {}
for each in metadata.distributions():
    if name := (each.metadata or {}).get("Name"):
        found.setdefault(name, each.version or "")
try:
    told = metadata.distribution("heddle").read_text("METADATA")
except metadata.PackageNotFoundError:
    told = None
print(json.dumps({"python": platform.python_version(), "libraries": found, "metadata": told}))
"""


def program(path: Path, words: Sequence[str]) -> Program:
    """`path` of the environment's folder or its Python.  Raises `ValueError` where no Heddle can be found there."""
    python = path / "bin" / "python" if path.is_dir() else path
    if not os.access(python, os.X_OK):
        raise ValueError(f"it is no environment of Python: {python} is no program")
    told = _ask(python)
    if told["metadata"] is None:
        raise ValueError(f"{python} has no Heddle")
    libraries = {str(canonicalize_name(name)): version for name, version in told["libraries"].items()}
    facts = facts_of(parse_email(told["metadata"])[0], told["python"], libraries, installed=True)
    return Program(f"the environment of {python}", [str(python), "-I", "-B"], facts, words)


def _ask(python: Path) -> dict[str, Any]:
    try:
        asked = subprocess.run([python, "-I", "-B", "-c", _ASK], capture_output=True, text=True, timeout=SECONDS,
                               stdin=subprocess.DEVNULL, check=True)  # fmt: skip
        answer: dict[str, Any] = json.loads(asked.stdout)
        return answer
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
        raise ValueError(f"{python} is no Python that could be asked: {reason}") from error
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        raise ValueError(f"{python} is no Python that could be asked: it does not answer") from error
