"""The program of a target as a process of its own: it ends when it is told to, when time is over, or with this one."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from heddle.checks.base import CannotSee
from heddle.checks.target.coming import Coming, Facts
from heddle.checks.target.description import Description, decode
from heddle.store.examine.rehearsal import Rehearsal

SECONDS = 12.0
PAUSE = 0.02
LONGEST = 16 * 2**20  # bytes of an answer


class Program(Coming):
    """`python` begins its command line; `folder`: where its packages are found first, None where Python knows."""

    def __init__(self, name: str, python: list[str], facts: Facts, words: Sequence[str], folder: Path | None = None):
        super().__init__(facts.release, name)
        self._python, self._facts, self._words, self._folder = python, facts, words, folder
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False
        atexit.register(self.close)

    @property
    def facts(self) -> Facts:
        return self._facts

    def describe(self) -> Description:
        end = time.monotonic() + SECONDS
        text = self._run([*self._words, "upgrade", "describe"], lambda: time.monotonic() > end)
        try:
            found = decode(text)
        except ValueError as error:
            raise CannotSee(f"{self.name} describes itself in a way that this program does not read: {error}") from None
        if found.release != self.release or (self._folder and not Path(found.folder).is_relative_to(self._folder)):
            raise CannotSee(f"instead of {self.name}, {found.release} of {found.folder} was found")
        return found

    def rehearse(self, url: str, passed: Callable[[], bool]) -> Rehearsal:
        text = self._run(["upgrade", "rehearse"], passed, url)
        try:
            return msgspec.json.decode(text, type=Rehearsal)
        except msgspec.MsgspecError as error:
            raise CannotSee(f"{self.name} tells of its migrations what this program does not read: {error}") from None

    def close(self) -> None:
        """Ends its processes."""
        self._closed = True
        for process in list(self._running):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        atexit.unregister(self.close)

    def _run(self, words: list[str], passed: Callable[[], bool], said: str = "") -> str:
        """What it prints.  `said` to its standard input, which stays open for as long as it is to run."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                [*self._python, "-m", "heddle.cli.main", *words], stdin=subprocess.PIPE, stdout=out, stderr=err,
                env=self._environment(), start_new_session=True,
            )  # fmt: skip
            self._running.add(process)
            try:
                assert process.stdin is not None
                with suppress(BrokenPipeError):
                    process.stdin.write(f"{said}\n".encode())
                    process.stdin.flush()
                while process.poll() is None and not passed() and not self._closed:
                    time.sleep(PAUSE)
                if (code := process.poll()) is None:
                    raise CannotSee(f"{self.name} does not answer in time")
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                self._running.discard(process)
            out.seek(0)
            err.seek(0)
            if code:
                lines = err.read(LONGEST).decode(errors="replace").strip().splitlines()
                reason = lines[-1] if lines else f"exit code {code}"
                raise CannotSee(f"{self.name} cannot be run here: {reason}")
            return out.read(LONGEST).decode(errors="replace")

    def _environment(self) -> dict[str, str]:
        known = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
        if self._folder is None:
            return known
        others = os.environ.get("PYTHONPATH", "")
        return known | {"PYTHONPATH": f"{self._folder}{os.pathsep}{others}" if others else str(self._folder)}
