"""`python -m tests.stateful.run`: many generated requests against one cloud, and what must hold afterwards.

Requests come from the model and the routes, by several people in several projects, right ones, nearly right ones
and wild ones.  No answer may be a 500, every route is to be answered with success at least once, and the database is
looked at directly: see `invariants.py`.

    --requests N    how many (default 50000)
    --seed N        the same seed asks the same (default: drawn, and printed)
    --every N       look at the database after so many requests, too (default 5000)
    --log FILE      write each request and the status of its answer there

A failure prints the few requests that lead to it: those of the run that are not needed are left out by replaying.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.stateful import invariants, shrink
from tests.stateful.determined import determined
from tests.stateful.explore import Explorer, Key
from tests.stateful.world import World

Progress = Callable[[str], None]


@dataclass(slots=True)
class Result:
    """`unreached`: the routes that were never answered with success; `failure`: the text of what went wrong, or ""."""

    requests: int
    seconds: float
    unreached: list[Key]
    statuses: dict[int, int]
    failure: str


def explore(
    requests: int, seed: int, folder: Path, *, every: int = 5000, progress: Progress = lambda text: None,
    patience: float = 120.0, log: Path | None = None,
) -> Result:  # fmt: skip
    """Ask so often; then, and after each `every` requests, look at the database."""
    started = time.monotonic()
    with determined(seed) as source:
        world = World(folder / "cloud", seed, source)
        explorer = Explorer(world)
        failure, wrong = "", None
        try:
            explorer.start()
            due = every
            while len(world.log) < requests:
                explorer.step()
                if len(world.log) >= due:
                    due += every
                    invariants.check(world, explorer.followers)
                    progress(_told(explorer, time.monotonic() - started))
            explorer.finish()
            invariants.check(world, explorer.followers)
        except Exception as error:
            wrong = error
        if wrong is not None:
            failure = f"seed {seed}, request {len(world.log)}: {type(wrong).__name__}: {wrong}\n"
            progress(failure + "leaving out what is not needed for it ...")
            kept = shrink.shrink(world, wrong, folder, source, patience)
            failure += "\n".join(str(step) for step in kept)
        if log:
            log.write_text("\n".join(world.told), encoding="utf-8")
        world.close()
        unreached = [(route.method, route.path) for route in explorer.open]
        return Result(
            len(world.log), time.monotonic() - started, unreached, dict(sorted(explorer.statuses.items())), failure
        )


def _told(explorer: Explorer, seconds: float) -> str:
    world = explorer.world
    objects = sum(len(pool) for pool in world.known.values())
    asked, statuses = len(world.log), dict(sorted(explorer.statuses.items()))
    return (
        f"{asked:6} requests, {asked / seconds:.0f}/s, {len(explorer.open)} routes without success so far, "
        f"{objects} objects known, statuses {statuses}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=50_000, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help=argparse.SUPPRESS)
    parser.add_argument("--every", type=int, default=5000, help=argparse.SUPPRESS)
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)

    def progress(text: str) -> None:
        print(text, flush=True)

    with tempfile.TemporaryDirectory(prefix="heddle-stateful-") as folder:
        result = explore(args.requests, args.seed, Path(folder), every=args.every, progress=progress, log=args.log)
    print(f"{result.requests} requests in {result.seconds:.0f} s, seed {args.seed}, statuses {result.statuses}")
    for method, path in result.unreached:
        print(f"never answered with success: {method} {path}")
    if result.failure:
        print(result.failure)
    return 1 if result.failure or result.unreached else 0


if __name__ == "__main__":
    sys.exit(main())
