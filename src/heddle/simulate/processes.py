"""The processes of a simulation: servers, and those with many hosts each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from heddle.errors import HeddleError
from heddle.simulate.hosts import Crew, Look

END_SECONDS = 15.0
_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")


def write_settings(file: Path, settings: Mapping[str, Mapping[str, Any]]) -> None:
    """As TOML, whose texts, numbers and lists are those of JSON."""
    lines: list[str] = []
    for section, values in settings.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    file.chmod(0o600)


class Process:
    """A Python program that ends with this one, `words` after the interpreter; what it says goes into `log`.

    `asked`: it answers questions, line by line.
    """

    def __init__(self, log: Path, *words: str, asked: bool = False) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("HEDDLE_", "OS_"))}
        environ["PYTHONPATH"] = str(Path(__file__).parents[2])
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*_WITH_PARENT, sys.executable, *words], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if asked else out, stderr=out, env=environ, cwd="/", start_new_session=True,
            )  # fmt: skip

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]

    @property
    def kilobytes(self) -> int:
        """Its memory, what it shares with others counted by its part (PSS)."""
        lines = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))

    @property
    def cpu_seconds(self) -> float:
        """Its processor time so far."""
        text = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8")
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, question: object) -> bytes:
        """One line to it, and one from it.  Raises `HeddleError` when it has ended."""
        self.say(question)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise HeddleError(f"a process of the simulation has ended\n{self.tail}")
        return line

    def say(self, what: object) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(msgspec.json.encode(what) + b"\n")
            self._process.stdin.flush()

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


class HostsProcess(Process):
    """A process with many hosts (`hosts.py`)."""

    def __init__(self, log: Path, crew: Crew) -> None:
        super().__init__(log, "-m", "heddle.simulate.hosts", asked=True)
        self.names = [member.name for member in crew.members]
        self.say(crew)

    def look(self) -> Look:
        return msgspec.json.decode(self.ask("look"), type=Look)

    def again(self, host: str) -> float:
        """Seconds of a start of a host's agent."""
        seconds: float = msgspec.json.decode(self.ask(f"again {host}"))["seconds"]
        return seconds
