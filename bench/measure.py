"""Many requests on several threads, and what they took."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bench.client import Client

Job = tuple[str, str, Any]


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """Nearest-rank percentile of a sorted, non-empty sequence."""
    rank = max(0, min(len(ordered) - 1, int(-(-fraction * len(ordered) // 1)) - 1))
    return ordered[rank]


def summarize(latencies: Iterable[float]) -> dict[str, float]:
    """Seconds -> a summary in milliseconds; empty without samples."""
    ordered = sorted(latencies)
    if not ordered:
        return {}
    found = {"mean_ms": sum(ordered) / len(ordered), "min_ms": ordered[0], "max_ms": ordered[-1]}
    found |= {f"p{rank}_ms": percentile(ordered, rank / 100) for rank in (50, 95, 99)}
    return {key: round(value * 1000, 3) for key, value in found.items()}


class _Tally:
    """What all threads saw."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = jobs
        self.answers: list[bytes | None] = [None] * len(jobs)
        self.latencies: list[float] = []
        self.errors: dict[str, int] = {}
        self.bytes = self.connects = 0
        self._lock = threading.Lock()
        self._cursor = itertools.count()

    def work(self, client: Client, barrier: threading.Barrier) -> None:
        own: list[float] = []
        bad: list[str] = []
        barrier.wait()
        while (index := next(self._cursor)) < len(self.jobs):
            started = time.perf_counter()
            try:
                status, payload = client.raw(*self.jobs[index])
            except OSError as error:
                bad.append(type(error).__name__)
                client.close()
                continue
            if 200 <= status < 300:
                own.append(time.perf_counter() - started)
                self.answers[index] = payload
            else:
                bad.append(str(status))
        client.close()
        with self._lock:
            self.latencies.extend(own)
            self.bytes += client.bytes_read
            self.connects += client.connects
            for key in bad:
                self.errors[key] = self.errors.get(key, 0) + 1


def measure(
    connect: Callable[[], Client], op: str, concurrency: int, jobs: Sequence[Job], units: int = 1
) -> tuple[dict[str, Any], list[Any]]:
    """Send the jobs (method, path, body) from `concurrency` threads.

    Returns the row of the result, and the decoded answers in the jobs' order, None for one that failed.  The
    answers are decoded after the clock has stopped.
    """
    tally = _Tally(jobs)
    barrier = threading.Barrier(concurrency + 1)
    threads = [threading.Thread(target=tally.work, args=(connect(), barrier), daemon=True) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    barrier.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    wall = max(time.perf_counter() - started, 1e-9)
    ok = len(tally.latencies)
    row: dict[str, Any] = {
        "op": op, "concurrency": concurrency, "requests": len(jobs), "ok": ok, "errors": tally.errors,
        "wall_s": round(wall, 3), "req_per_s": round(ok / wall, 2), **summarize(tally.latencies),
        "bytes_per_answer": tally.bytes // max(1, ok), "connections": tally.connects,
    }  # fmt: skip
    if units != 1:
        row |= {"units_per_request": units, "units_per_s": round(ok * units / wall, 2)}
    return row, [json.loads(answer) if answer else None for answer in tally.answers]


def line(row: dict[str, Any]) -> str:
    """A result row as text."""
    times = "  ".join(f"{rank} {row.get(f'{rank}_ms', 0):.2f}" for rank in ("p50", "p95", "p99"))
    text = f"{row['op']:28s} c={row['concurrency']:<3d} n={row['requests']:<6d} {row['req_per_s']:10.1f} /s  {times} ms"
    return text + (f"  ERRORS {row['errors']}" if row["errors"] else "")
