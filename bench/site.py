"""What the rows of a host need: the host, a client of its cloud's API, and a hold on its agent."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Protocol

from tests.real.testhost import TestHost

from bench.client import Client


class Site(Protocol):
    """`host` is the host, `name` as agents and bindings name it, `api` a client as the administrator."""

    host: TestHost
    name: str
    api: Client

    def log_tail(self) -> str:
        """The end of the agent's log."""

    def agent(self) -> int:
        """The id of the agent's process."""

    def spent(self) -> dict[str, float]:
        """Processor time so far of the "server" and of the "agent", in seconds."""

    def kill_agent(self) -> None:
        """Kill the agent; it stays away until `release`."""

    def release(self) -> None:
        """Let it be started again."""


class Spent:
    """Processor time from now on, as text."""

    def __init__(self, site: Site) -> None:
        self._site, self._before = site, site.spent()

    def __str__(self) -> str:
        used = {role: seconds - self._before[role] for role, seconds in self._site.spent().items()}
        return f"processor time: server {used['server']:.2f}, agent {used['agent']:.2f} s"


def pss(pid: int) -> int:
    """Proportional memory of a process in KB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid: int) -> int:
    """Resident memory of a process in KB, all that it shares with others included."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Rss:"))


def family(pid: int) -> list[int]:
    """A process and all that descend from it; some may have ended meanwhile."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                found += family(int(child))
    return found
