"""`python -m tests.load.run`: eight clients with a mixed load against several servers on one database, for minutes.

Prints what was asked and answered how often, and fails if a status was not one that users are to see, if something is
twice or lost in the database, or if it is not what the clients were told: see `mixed.py` and `cloud.py`.

    --engine NAME     sqlite, postgresql or mariadb; may be given several times (default: each, one after the other)
    --minutes N       how long on each (default 3)
    --servers N       (default 2)
    --workers N       one server of so many workers instead
    --clients N       (default 8)
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.engines.servers import ENGINES
from tests.load.cloud import QUOTAS, Servers, Workers, check, running
from tests.load.mixed import Mixed, all_at_once

LOOKS = 4  # the database is looked at so often, the last time at the end


def load(kind: type[Servers], engine: str, minutes: float, count: int, clients: int) -> Counter[tuple[str, int]]:
    """Raises `AssertionError` or `Failure` when something does not hold."""
    seed = random.randrange(10**6)
    place = tempfile.TemporaryDirectory(prefix="heddle-load-")
    with place as folder, running(kind(Path(folder), count, engine)) as cloud:
        sites = [cloud.loaded(QUOTAS), cloud.loaded(QUOTAS)]
        everybody = [Mixed(sites[n % 2], cloud.ports, seed=seed + n) for n in range(clients)]
        for _ in range(LOOKS):
            all_at_once(everybody, minutes * 60 / LOOKS)
            statuses = check(cloud, everybody, QUOTAS)
            print(f"{engine}: {statuses.total()} requests, and all that must hold holds", flush=True)
    return statuses


def told(statuses: Counter[tuple[str, int]]) -> list[str]:
    """A line for each kind of request."""
    lines = []
    for asked in sorted({asked for asked, _ in statuses}):
        answers = {status: number for (kind, status), number in sorted(statuses.items()) if kind == asked}
        lines.append(f"  {asked:<20} " + "  ".join(f"{status}: {number}" for status, number in answers.items()))
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", action="append", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--minutes", type=float, default=3.0, help=argparse.SUPPRESS)
    parser.add_argument("--servers", type=int, default=2, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--clients", type=int, default=8, help=argparse.SUPPRESS)
    args = parser.parse_args()
    for engine in args.engine or ENGINES:
        kind, count, what = (Workers, args.workers, "workers") if args.workers else (Servers, args.servers, "servers")
        statuses = load(kind, engine, args.minutes, count, args.clients)
        print("\n".join([f"{engine}: {count} {what}, {args.clients} clients", *told(statuses)]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
