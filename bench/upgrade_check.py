"""How long `heddle upgrade check` takes as a whole command: all well, and with a database and a broker that are dead.

In a cloud where all is well each check must say so, or that it does not apply; whatever else it says is told, and
nothing was measured.  With the dead ones each check must have a result.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bench.measure import percentile
from bench.rows import Measured

if TYPE_CHECKING:
    from tests.cluster.lab import Lab

    from bench.cloud import Cloud

COMMAND = ("upgrade", "check", "--format", "json")
WELL = {"success", "not_applicable"}
Run = Callable[[], str]


def one_machine(cloud: Cloud, rounds: int) -> Measured:
    return healthy(lambda: cloud.command(*COMMAND, check=False), rounds)


def hosts(lab: Lab, rounds: int) -> tuple[Measured, Measured]:
    """All well, and then with the database and the broker dead; they are started again at the end."""

    def run() -> str:
        return lab.heddle(lab.servers[0], *COMMAND, check=False)

    well = healthy(run, rounds)
    lab.database.kill()
    lab.broker.kill()
    try:
        return well, dead(run, rounds)
    finally:
        lab.database.start()
        lab.broker.start()


def healthy(run: Run, rounds: int) -> Measured:
    """The median.  Raises `RuntimeError` with what is not well."""
    took, told = _timed(run, rounds)
    for each in told:
        bad = [found for found in each if found["status"] not in WELL]
        if bad:
            raise RuntimeError("; ".join(f"{found['id']}: {found['status']}: {found['details']}" for found in bad))
    return _median(took, told)


def dead(run: Run, rounds: int) -> Measured:
    """The longest."""
    took, told = _timed(run, rounds)
    found = _median(took, told)
    return Measured(max(took), f"longest of {len(took)}; {found.detail}")


def _timed(run: Run, rounds: int) -> tuple[list[float], list[list[dict[str, Any]]]]:
    took, told = [], []
    for _ in range(rounds):
        began = time.monotonic()
        text = run()
        took.append(time.monotonic() - began)
        told.append(json.loads(text)["checks"])
    return sorted(took), told


def _median(took: list[float], told: list[list[dict[str, Any]]]) -> Measured:
    counts = Counter(found["status"] for found in told[-1])
    slowest = max(told[-1], key=lambda found: found["seconds"])
    words = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in sorted(counts.items()))
    return Measured(
        percentile(took, 0.5),
        f"p50 {percentile(took, 0.5):.2f}, worst {took[-1]:.2f} s of {len(took)}; {words}; the slowest check "
        f"{slowest['id']} {slowest['seconds']:.2f} s",
    )
