"""Python processes of ours that outlive the agent: found again, and ended, by what their folder says.

Each has a folder of root's with its pid file, and is believed only when the process of that number runs the module with
that folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path

from heddle.host.process import alive, comes, command_of


def pid_of(module: str, folder: Path) -> int:
    """The process, when it is there and is ours; else 0."""
    try:
        pid = int((folder / "pid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    return pid if alive(pid) and f"{module} {folder}" in command_of(pid) else 0


TERM_THEN_KILL = (signal.SIGTERM, signal.SIGKILL)


def end(module: str, folder: Path, seconds: float = 2.0, signs: Sequence[int] = TERM_THEN_KILL) -> int:
    """End the process of that folder with the signals, one after the other; its number, 0 when there was none."""
    pid = pid_of(module, folder)
    for sign in signs if pid else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)
        comes(lambda: not alive(pid), seconds)
    return pid


def version_of(files: Iterable[Path]) -> str:
    """Names the code in these files."""
    total = hashlib.blake2b(digest_size=8)
    for path in files:
        total.update(path.read_bytes())
    return total.hexdigest()


def last_words(folder: Path) -> str:
    try:
        return (folder / "log").read_text(encoding="utf-8", errors="replace").strip()[-500:] or "nothing"
    except OSError:
        return "nothing"
