"""Processes: the only place of the agent that starts one and waits for its end.

A process costs about a millisecond and may fail, so whoever calls here has a batch for it on stdin
rather than an argument per item.  What goes wrong says which command it was and what it wrote.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from heddle.errors import HeddleError

TIMEOUT = 30.0
_PLACES = ("PATH", "PYTHONPATH", "PYTHONHOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")


class CommandError(HeddleError):
    """A command failed: `command`, `status` (exit status, negative a signal, None a timeout) and `output`."""

    def __init__(self, command: Sequence[str], status: int | None, output: str) -> None:
        what = "did not end in time" if status is None else f"exit status {status}"
        super().__init__(f"{' '.join(command)}: {what}: {output.strip() or 'no message'}")
        self.command = tuple(command)
        self.status = status
        self.output = output


def run(command: Sequence[str], stdin: str = "", timeout: float = TIMEOUT) -> str:
    """Run to the end and return stdout.  Raises `CommandError` when it fails or takes longer than `timeout` seconds."""
    return finish(start(command), stdin, timeout)


def succeeds(command: Sequence[str], timeout: float = TIMEOUT) -> bool:
    """Whether the command exists and ends with status 0."""
    try:
        run(command, timeout=timeout)
    except CommandError:
        return False
    return True


def start(command: Sequence[str], stdin: str = "") -> subprocess.Popen[str]:
    """Start a process with pipes on stdin, stdout and stderr; with `stdin` it gets that at once, and the end of it.

    Raises `CommandError` when it cannot be started.
    """
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(list(command), stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    except OSError as error:
        raise CommandError(command, 127, f"cannot be started: {error.strerror}") from error
    if stdin and process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(stdin)
            process.stdin.close()
        process.stdin = None
    return process


def finish(process: subprocess.Popen[str], stdin: str = "", timeout: float = TIMEOUT) -> str:
    """Give a started process its stdin, wait for its end and return stdout.  Raises `CommandError` like `run`."""
    command = [str(word) for word in process.args] if isinstance(process.args, list) else [str(process.args)]
    try:
        output, errors = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise CommandError(command, None, f"killed after {timeout:g} s") from None
    if process.returncode:
        raise CommandError(command, process.returncode, errors or output or "")
    return output or ""


def detach(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process that goes on when this one ends; what it says is in `log`, which is made anew.

    Of the environment it gets what says where programs and their files are: settings, with secrets, are not among that.

    Raises `CommandError` when it cannot be started.
    """
    try:
        with log.open("wb") as words:
            return subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True, cwd="/",
                env={name: os.environ[name] for name in _PLACES if name in os.environ},
            )  # fmt: skip
    except OSError as error:
        raise CommandError(command, 127, f"cannot be started: {error.strerror}") from error
