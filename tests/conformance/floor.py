"""`python -m tests.conformance.floor`: how long the suites take against a server that answers at once.

Tempest itself needs time: it starts workers, builds requests, checks answers, sleeps between polls.  To know how
much, a run against Heddle is recorded (`exchange.py`), with names that are the same each time (`seeded`), and then
played to the same tests by a server that only looks the answers up.  The tests must pass there as they did when
recorded.  A third run, against Heddle without a recorder, is what the floor is compared with.

    --regex REGEX    only tests whose names match
    --workers N      processes that run tests at once (default 3)
    --rounds N       play and run so often, one after the other (default 1)
    --output FOLDER  keep the files there

Exit status 0 when all passed the same in all runs, and Heddle is within 60 s of the floor.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cloud import running
from tests.conformance import report, settings, suite
from tests.conformance.run import SETTINGS, describe
from tests.real.testhost import TestHost, host

PORT = 9697
HERE = Path(__file__).parent
SEEDED = {"PYTHONPATH": str(HERE / "seeded"), "PYTHONHASHSEED": "0"}
WITHIN = 60.0
_REQUEST = re.compile(r"^\S+ \S+ (\d+) INFO tempest\.lib\.common\.rest_client .* ([0-9.]+)s$")


@dataclass(frozen=True)
class Run:
    """`waited`: seconds that each worker waited for answers, of `seconds` in all; `requests` is their number."""

    name: str
    seconds: float
    results: list[report.Result]
    requests: int
    waited: dict[str, float]

    @property
    def outcome(self) -> dict[str, str]:
        return {result.id: result.status for result in self.results}

    def line(self) -> str:
        passed = sum(result.status == "success" for result in self.results)
        each = ", ".join(f"{seconds:.1f}" for seconds in self.waited.values())
        text = f"{self.seconds:7.1f} s, {passed} of {len(self.results)} passed"
        return f"{self.name:9}{text}; {self.requests} requests, workers waited {each} s for them"


@contextlib.contextmanager
def serving(where: TestHost, *arguments: str) -> Iterator[None]:
    """A server of `exchange.py` in the host; what it says at its end is printed."""
    server = where.python(str(HERE / "exchange.py"), *arguments, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    process = server.stdout.readline().strip()
    assert process, "the server of answers does not start"
    try:
        yield
    finally:
        where.run("kill", process)
        print(f"{arguments[0]}: {server.communicate(timeout=10)[0].strip()}", flush=True)


def timed(name: str, where: TestHost, folder: Path, site: settings.Site, args: argparse.Namespace,
          extra: Mapping[str, str] | None = None) -> Run:  # fmt: skip
    folder.mkdir()
    suite.workspace(folder)
    settings.write(folder / "tempest.conf", site, folder)
    names = suite.chosen(folder, args.regex)
    began = time.monotonic()
    results = suite.run_tests(where, folder, names, args.workers, extra)
    seconds = time.monotonic() - began
    count, waited = waits(folder / "tempest.log")
    return Run(name, seconds, results, count, waited)


def waits(log: Path) -> tuple[int, dict[str, float]]:
    """The number of requests, and by worker the seconds that it waited for answers, as tempest logs them."""
    count, waited = 0, defaultdict[str, float](float)
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if found := _REQUEST.match(line):
            count += 1
            waited[found[1]] += float(found[2])
    return count, dict(waited)


def measure(args: argparse.Namespace, folder: Path) -> list[Run]:
    answers = str(folder / "answers.jsonl")
    with running(Path("/var/tmp"), SETTINGS) as cloud, serving(cloud.host, "record", answers, str(PORT), "9696"):
        site = describe(cloud, False, f"http://127.0.0.1:{PORT}")
        runs = [timed("recorded", cloud.host, folder / "recorded", site, args, SEEDED)]
    for number in range(args.rounds):
        with host("stub", ovs=False) as where, serving(where, "play", answers, str(PORT)):
            runs.append(timed("floor", where, folder / f"floor{number}", site, args, SEEDED))
        with running(Path("/var/tmp"), SETTINGS) as cloud:
            runs.append(timed("heddle", cloud.host, folder / f"heddle{number}", describe(cloud, False), args))
    return runs


def differences(runs: Sequence[Run]) -> list[str]:
    """Tests that did not end in one run as they did when recorded."""
    first = runs[0].outcome
    return [
        f"{run.name}: {id}: {status}, recorded: {first.get(id, 'not run')}"
        for run in runs[1:]
        for id, status in sorted(run.outcome.items())
        if first.get(id) != status
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regex", default="", help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=3, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="heddle-floor-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        runs = measure(args, folder)
    finally:
        if args.output:
            shutil.copytree(folder, args.output, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".stestr", "locks"))
        shutil.rmtree(folder, ignore_errors=True)
    different = differences(runs)
    print("\n".join([*different, *(run.line() for run in runs)]))
    floor, ours = (statistics.median(run.seconds for run in runs if run.name == name) for name in ("floor", "heddle"))
    print(f"the suites' own floor: {floor:.1f} s; Heddle: {ours:.1f} s, {ours - floor:+.1f} s")
    return 1 if different or ours - floor > WITHIN else 0


if __name__ == "__main__":
    sys.exit(main())
