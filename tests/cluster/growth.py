"""The memory and the open files of the servers and agents of a lab over a run, and whether they grow without bound."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.lab import Lab, Program

MIDDLE, END = (0.45, 0.6), (0.9, 1.0)
MORE_MEMORY, SLACK_MB, MORE_FILES = 0.3, 24.0, 12


@dataclass(frozen=True)
class Sample:
    """`at`: the part of the run that is over; `pid` tells one life of a program from the next."""

    name: str
    pid: int
    at: float
    mb: float
    files: int


@dataclass(frozen=True)
class Growth:
    """Of one life of a program: medians of the middle and of the end."""

    name: str
    mb: tuple[float, float]
    files: tuple[float, float]

    @property
    def bounded(self) -> bool:
        return (
            self.mb[1] <= self.mb[0] * (1 + MORE_MEMORY) + SLACK_MB and self.files[1] <= self.files[0] + MORE_FILES
        )  # fmt: skip


class Sampler(threading.Thread):
    """Looks at the programs of a lab for `seconds`, about a hundred times."""

    def __init__(self, lab: Lab, seconds: float) -> None:
        super().__init__(daemon=True)
        self._lab, self._seconds, self._over = lab, seconds, threading.Event()
        self.samples: list[Sample] = []

    def run(self) -> None:
        began = time.monotonic()
        while not self._over.wait(self._seconds / 100):
            at = (time.monotonic() - began) / self._seconds
            for program in (*self._lab.servers, *self._lab.agents):
                self._look(program, at)

    def end(self) -> None:
        self._over.set()
        self.join(30)

    def _look(self, program: Program, at: float) -> None:
        try:
            pid = program.pid
            family = [pid, *_descendants(pid)]
            mb = sum(_rss_mb(each) for each in family)
            files = sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in family)
        except (OSError, AssertionError, ValueError, IndexError):
            return  # it is being ended or started
        self.samples.append(Sample(program.name, pid, at, mb, files))

    def growth(self) -> list[Growth]:
        """Of each program that was not ended between the middle and the end."""
        lives: dict[tuple[str, int], list[Sample]] = {}
        for sample in self.samples:
            lives.setdefault((sample.name, sample.pid), []).append(sample)
        found = []
        for (name, _), life in lives.items():
            parts = [[each for each in life if low <= each.at <= high] for low, high in (MIDDLE, END)]
            if all(parts):
                mb = [statistics.median(each.mb for each in part) for part in parts]
                files = [statistics.median(each.files for each in part) for part in parts]
                found.append(Growth(name, (mb[0], mb[1]), (files[0], files[1])))
        return found


def _descendants(pid: int) -> list[int]:
    """Its worker processes, and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += [int(child), *_descendants(int(child))]
    return found


def _rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    (resident,) = [line.split()[1] for line in lines if line.startswith("VmRSS")]
    return int(resident) / 1024
