"""`heddle metrics`: the figures for a monitoring system, as `GET /metrics` gives them.

For a collector that reads files, where a token for the API would have to be renewed:
`heddle metrics > heddle.prom.new && mv heddle.prom.new heddle.prom`.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from heddle.cli.client import Client, credentials
from heddle.config import Settings

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def register(commands: Subparsers) -> None:
    commands.add_parser("metrics", help="figures for a monitoring system, in Prometheus' text format")


def run(args: argparse.Namespace, settings: Settings) -> int:
    print(Client(credentials(settings)).text("/metrics"), end="")
    return 0
