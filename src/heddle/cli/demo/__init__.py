"""`heddle demo`: two tenants' networks, built through the API as the tenants, checked with packets, left running.

    access.py    passwords, clouds.yaml and openrc files; connections as admin, blue and red
    build.py     what each of them asks the API for
    outside.py   the simulated outside behind br-ex
    guests.py    lab guests on the tenants' ports, with addresses by DHCP
    plan.py      the expectations, as rows
    probes.py    how a row is tried, and what proves a "no"
    table.py     the rows as a table
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from heddle.config import Settings

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def register(commands: Subparsers) -> None:
    demo = commands.add_parser("demo", help="start Heddle, build two tenants' networks and check them with packets")
    demo.add_argument("--patience", type=float, default=1.0, metavar="FACTOR",
                      help="multiplies every time limit, for a machine that is slow (default 1)")  # fmt: skip


def run(args: argparse.Namespace, settings: Settings) -> int:
    from heddle.cli.demo.show import show

    return show(args, settings)
