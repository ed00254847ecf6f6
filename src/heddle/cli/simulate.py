"""`heddle simulate`: what the control plane takes with many hosts, of which only the agents are there.

It starts a PostgreSQL, a RabbitMQ and servers of its own, and removes them at the end, also after Ctrl-C.  A cloud that
runs on the same machine is not touched.
"""

from __future__ import annotations

import argparse
import json
import signal
from typing import TYPE_CHECKING

from heddle.cli.meter import replace_line
from heddle.config import Settings
from heddle.errors import HeddleError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

TOGETHER = 50


def register(commands: Subparsers) -> None:
    simulate = commands.add_parser(
        "simulate", help="measure the control plane with many hosts that are not there",
        description="Start a PostgreSQL, a RabbitMQ, servers and many agents on this machine, whose hosts are not "
        "there, and measure how long changes take to reach them. Everything is removed at the end.",
    )  # fmt: skip
    for name, default, text in (
        ("hosts", 10, "agents"),
        ("ports", 200, "ports on them"),
        ("changes", 50, "how often each kind of change is made and measured"),
        ("servers", 2, "server processes"),
    ):
        simulate.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"{text}, default {default}"
        )
    simulate.add_argument(
        "--processes", type=int, default=0, metavar="N",
        help=f"processes that the agents share, default one for every {TOGETHER}",
    )  # fmt: skip
    simulate.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace, settings: Settings) -> int:
    for name in ("hosts", "ports", "changes", "servers"):
        if getattr(args, name) < 1:
            raise HeddleError(f"--{name} {getattr(args, name)}: give a number from 1")
    if args.processes < 0:
        raise HeddleError(f"--processes {args.processes}: give a number from 1, or 0 for one per {TOGETHER} hosts")
    import msgspec

    from heddle.simulate.cloud import SimulatedCloud
    from heddle.simulate.report import text
    from heddle.simulate.run import simulate

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cloud = SimulatedCloud(args.hosts, args.processes or -(-args.hosts // TOGETHER), args.servers)
    try:
        figures = simulate(cloud, args.ports, args.changes, replace_line)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        replace_line("cleaning up")
        cloud.stop()
        replace_line("")
    print(json.dumps(msgspec.to_builtins(figures), indent=1) if args.json else "\n".join(text(figures)))
    return 0

