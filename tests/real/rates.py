"""How much comes through to a guest: what another pours out is counted on the receiver's card."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.real.testhost import TestHost
from tests.real.traffic import TOOL, eventually


@dataclass(frozen=True)
class Rate:
    """Kilobits of Ethernet frames, and frames, a second."""

    kbps: float
    frames: float


def _counted(host: TestHost, guest: str) -> tuple[int, int]:
    texts = [f"/sys/class/net/eth0/statistics/rx_{name}" for name in ("bytes", "packets")]
    size, frames = host.guest(guest, "cat", *texts, check=True).split()
    return int(size), int(frames)


def rate(host: TestHost, guest: str, seconds: float = 0.35) -> Rate:
    """What comes to a guest, for so long."""
    before, start = _counted(host, guest), time.monotonic()
    time.sleep(seconds)
    after, took = _counted(host, guest), time.monotonic() - start
    return Rate((after[0] - before[0]) / 125 / took, (after[1] - before[1]) / took)


def comes(host: TestHost, guest: str, low: float, high: float, what: str = "kbps") -> None:
    """Fails unless so much comes to a guest within some seconds."""
    found: list[Rate] = []

    def within() -> bool:
        found.append(rate(host, guest))
        return low <= getattr(found[-1], what) <= high

    assert eventually(within, 10), f"{guest} gets {found}, not {low:g} to {high:g} {what}"


@contextlib.contextmanager
def pouring(host: TestHost, source: str, address: str, size: int = 1200, per_second: int = 4000) -> Iterator[None]:
    """One guest sends datagrams meanwhile, as many as it is told to."""
    command = ["ip", "netns", "exec", source, sys.executable, TOOL, "pour", address, str(size), str(per_second)]
    child = host.popen(*command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    try:
        yield
    finally:
        for pid in Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text(encoding="ascii").split():
            os.kill(int(pid), signal.SIGKILL)
        child.wait()
