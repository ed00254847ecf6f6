"""What the figures were taken on: kernel, processors, load, and what a durable write costs."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

from bench.measure import summarize

SYNCS = 100


def describe(folder: Path) -> dict[str, Any]:
    """`folder` is where the database lies; the syncs are of 4 KiB appended to a file there, in ms."""
    return {
        "kernel": platform.release(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "cpu": _cpu(),
        "load_1m": os.getloadavg()[0],
        "fsync": sync_times(folder),
    }


def sync_times(folder: Path, count: int = SYNCS) -> dict[str, float]:
    """p50_ms and p99_ms of an appended and synced block."""
    path = folder / "fsync.probe"
    times = []
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for _ in range(count):
            started = time.perf_counter()
            os.write(handle, bytes(4096))
            os.fdatasync(handle)
            times.append(time.perf_counter() - started)
    finally:
        os.close(handle)
        path.unlink()
    found = summarize(times)
    return {"p50_ms": found["p50_ms"], "p99_ms": found["p99_ms"]}


def text(found: dict[str, Any]) -> str:
    sync = found["fsync"]
    return (
        f"kernel {found['kernel']}, {found['cpus']} x {found['cpu']}, load {found['load_1m']:.2f}, "
        f"Python {found['python']}, disk sync p50 {sync['p50_ms']:.2f} ms, p99 {sync['p99_ms']:.2f} ms"
    )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
