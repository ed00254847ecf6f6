"""Measure, and print the figures beside the reference's: `make bench`, or `bench/run.py --help`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.engines import servers

from bench import machine, objects, rows
from bench.api_bench import Bench, Options
from bench.client import ApiError, Dial, from_environment
from bench.rows import API_ROWS, BY_NAME, Measured

GROUPS = {
    "api": API_ROWS, "restart": ("restart", "restart-pings"), "footprint": ("processes", "memory"),
    "floating": ("floating", "floating-silent", "forward", "forward-silent"),
    "routed": ("routed", "routed-snat", "routed-floating"),
    "lab": tuple(name for name in BY_NAME if name.startswith("lab-")),
}  # fmt: skip
CALM_SECONDS = 180


class Run:
    """What was asked for, and what has been found."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.measured: dict[str, Measured] = {}
        self.found: dict[str, Any] = {}
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """A progress line."""
        print(f"[{time.monotonic() - self._started:6.1f} s] {text}", file=sys.stderr, flush=True)

    def wants(self, *names: str) -> bool:
        return any(name in self.args.only for name in names)

    def take(self, names: Sequence[str], work: Callable[[], dict[str, Measured]]) -> None:
        """Measure some rows; what fails is shown as not measured, and the others follow."""
        if not self.wants(*names):
            return
        self.say(f"measuring {', '.join(BY_NAME[name].title if name in BY_NAME else name for name in names)}")
        try:
            found = work()
        except Exception as error:
            traceback.print_exc()
            found = {name: Measured(None, f"failed: {type(error).__name__}: {error}"[:300]) for name in names}
        for name, each in found.items():
            self.measured[name] = each
            value = "not measured" if each.value is None else rows.number(each.value) + " " + BY_NAME[name].unit
            self.say(f"{BY_NAME[name].title}: {value}   {each.detail}")

    def turns(self, names: Sequence[str], work: Callable[[], Sequence[Measured]], times: int = 1) -> None:
        """The same for work that measures these rows in this order, `times` times: what counts of them."""

        def turn() -> Sequence[Measured]:
            self.calm()
            return work()

        self.take(names, lambda: rows.best_of(names, [turn() for _ in range(times)]))

    def calm(self) -> None:
        """Wait until the machine's load is below what was asked for, for a while at most."""
        end = time.monotonic() + CALM_SECONDS
        while os.getloadavg()[0] >= self.args.calm and time.monotonic() < end:
            time.sleep(1)
        self.say(f"load {os.getloadavg()[0]:.2f}")

    def new_database(self) -> str:
        """The URL of an empty database on a server that syncs each commit; "" for a file of SQLite's."""
        engine = self.args.engine
        return "" if engine == "sqlite" else servers.server(engine, durable=True).new_database()

    def api(self, url: str, token: str, dial: Dial | None) -> dict[str, Measured]:
        quick = self.args.quick
        options = Options(
            url, token, requests=60 if quick else 200, list_requests=3 if quick else 10, dial=dial, say=self.say,
            sizes=(1000, 10000) if not quick or dial else (1000,), concurrency=(1,) if quick else (1, 8),
        )  # fmt: skip
        if quick and self.wants("post-port-8"):
            options.concurrency = (1, 8)
        if self.args.full:
            options.sizes = (*options.sizes, 100_000)
        if not self.wants("post-network", "post-subnet", "post-port", "post-port-8"):
            options.phases = ("populated",)
        if not self.wants("bulk", "list", "get-port", "list-1000", "list-id", "page", "device", "put-port",
                          "delete-port"):  # fmt: skip
            options.phases = tuple(set(options.phases) - {"populated"})
        # What would remain disturbs the rows after these; without such rows all goes with the cloud.
        options.keep = dial is not None and self.args.only <= set(API_ROWS)
        bench = Bench(options)
        bench.also = [work for name, work in (("router", objects.routers), ("group", objects.group_with_rules))
                      if self.wants(name)]  # fmt: skip
        self.found["api"] = bench.run()
        return rows.api_rows(self.found["api"]["results"])


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog=f"rows: {' '.join([*BY_NAME, *GROUPS, 'scaling'])}")  # fmt: skip
    parser.add_argument("--url", help="measure this Networking v2.0 server (API rows only); default: a Heddle of its "
                        "own, in scratch namespaces")  # fmt: skip
    parser.add_argument("--token", default="", help="X-Auth-Token; default: by the OS_ variables")
    parser.add_argument("--only", nargs="+", metavar="ROW", default=[], help="these rows or groups only")
    parser.add_argument("--quick", action="store_true", help="fewer requests and rounds")
    parser.add_argument("--full", action="store_true", help="up to 100,000 ports")
    parser.add_argument("--engine", choices=servers.ENGINES, default="sqlite", help="the database of the Heddle that "
                        "is started: a server of its own that syncs each commit (default sqlite)")  # fmt: skip
    parser.add_argument("--set", action="append", metavar="SECTION.KEY=VALUE", default=[], dest="settings",
                        help="a setting of that Heddle; may be repeated")  # fmt: skip
    parser.add_argument("--state-dir", type=Path, default=Path("/var/tmp"), help="where the database is put while "
                        "measuring (default /var/tmp)")  # fmt: skip
    parser.add_argument("--calm", type=float, metavar="LOAD", default=1000, help="before each turn of a row of hosts "
                        f"wait until the load over a minute is lower, at most {CALM_SECONDS} s")  # fmt: skip
    parser.add_argument("--keep-logs", type=Path, metavar="DIR", help="copy the logs of the Heddle that was measured")
    parser.add_argument("-o", "--output", type=Path, default=Path("bench-result.json"), help="the figures as JSON")
    args = parser.parse_args(argv)
    names = [*BY_NAME, "scaling"]
    wanted = [part for word in args.only for part in word.split(",")]
    unknown = set(wanted) - set(names) - set(GROUPS)
    if unknown:
        parser.error(f"no row {', '.join(sorted(unknown))}; there are: {' '.join([*names, *GROUPS])}")
    args.only = {name for word in wanted for name in GROUPS.get(word, (word,))} or set(names)
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    signal.signal(signal.SIGTERM, _end)
    run = Run(args)
    run.found["machine"] = machine.describe(args.state_dir)
    with contextlib.suppress(KeyboardInterrupt):
        (_other if args.url else _own)(run)
    command = "bench/run.py " + shlex.join(sys.argv[1:] if argv is None else argv)
    print(machine.text(run.found["machine"]))
    if run.found.get("scaling"):
        print("\n" + run.found["scaling"]["text"])
    print("\n" + rows.table(run.measured, command.strip(), args.engine))
    run.found["rows"] = {name: {"value": each.value, "detail": each.detail} for name, each in run.measured.items()}
    args.output.write_text(json.dumps({"command": command, **run.found}, indent=1) + "\n", encoding="utf-8")
    print(f"figures in {args.output}")
    return 1 if any(each.value is None and each.detail.startswith("failed") for each in run.measured.values()) else 0


def _end(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _other(run: Run) -> None:
    """The API rows of a server that is there."""
    try:
        token, url = (run.args.token, "") if run.args.token else from_environment()
    except (ApiError, OSError, ValueError) as error:
        raise SystemExit(f"no token: {error}; give --token, or the OS_ variables") from error
    run.take(API_ROWS, lambda: run.api(run.args.url or url, token, None))
    for row in rows.ROWS:
        if row.data_plane and row.name in run.args.only:
            run.measured[row.name] = Measured(None, "needs a host that this program starts")


def _own(run: Run) -> None:
    """All rows of a Heddle that is started for it."""
    if run.wants("scaling"):
        _scaling(run)
    if run.args.only - {"scaling", *GROUPS["lab"]}:
        _one_host(run)
    if run.wants(*GROUPS["lab"]):
        _hosts(run)


def _one_host(run: Run) -> None:
    from bench import cloud, dataplane, floating, passage, restart, routers, upgrade_check
    from bench.guests import Net

    run.say("starting Heddle in scratch namespaces")
    rounds = 5 if run.args.quick else 20
    settings = list(run.args.settings)
    if url := run.new_database():
        settings.append(f"database.url={url}")
    with cloud.running(run.args.state_dir, tuple(settings), logs=run.args.keep_logs) as made:
        run.take(API_ROWS, lambda: run.api(cloud.URL, made.token, made.space.dial))
        run.turns(("check",), lambda: (upgrade_check.one_machine(made, rounds),))
        run.turns(("ping",), lambda: (dataplane.first_pings(made, rounds),))
        run.turns(("routers",), lambda: (routers.routers(made),))
        run.turns(("rule",), lambda: (dataplane.rule(made, 3),))
        run.turns(GROUPS["floating"], lambda: floating.floating(made, 10 if run.args.quick else 50))
        run.turns(GROUPS["routed"], lambda: passage.passage(made, 5 if run.args.quick else 21))
        if run.wants("ports", *GROUPS["restart"], *GROUPS["footprint"]):
            net = Net(made, "ports", 103)
            run.args.only.add("ports")
            run.turns(("ports",), lambda: (dataplane.ports_active(made, net),))
            run.turns(GROUPS["restart"], lambda: restart.restart(made, net))
            run.take(GROUPS["footprint"], lambda: dataplane.footprint(made))


def _hosts(run: Run) -> None:
    from bench import lab

    if lacking := lab.missing():
        run.measured |= {name: Measured(None, lacking) for name in run.args.only & set(GROUPS["lab"])}
        return
    run.say("starting a lab of several hosts")
    lab.measure(run, run.args.quick, run.args.keep_logs)


def _scaling(run: Run) -> None:
    from bench import scaling

    run.say("measuring requests among many ports")
    folder = Path(tempfile.mkdtemp(prefix="heddle-bench-", dir=run.args.state_dir))
    try:
        rounds = 30 if run.args.quick else 200
        run.found["scaling"] = scaling.scaling(folder, run.args.full, rounds, run.say, run.new_database)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
