"""`heddle capacity`: what hosts can promise to ports, what of it is claimed, and what is free.

The units are kilobits and thousands of packets a second.  Of what a host has less of than when it promised, less than
nothing is free.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from heddle.cli.client import Client, credentials
from heddle.cli.columns import columns
from heddle.config import Settings

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

HEADS = ("host", "of", "direction", "unit", "total", "claimed", "free", "ports")


def register(commands: Subparsers) -> None:
    capacity = commands.add_parser("capacity", help="what hosts can promise to ports, what is claimed and what is free")
    capacity.add_argument("--host", default="", metavar="HOST", help="this host only")
    capacity.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace, settings: Settings) -> int:
    every = Client(credentials(settings)).get("/heddle/v1/capacities")["capacities"]
    found = [each for each in every if args.host in ("", each["host"])]
    print(json.dumps(found, indent=1) if args.json else "\n".join(text(found)))
    return 0


def text(found: list[dict[str, Any]]) -> list[str]:
    rows = [
        (
            each["host"], each["provider"] or "the host", each["direction"], each["unit"],
            *(str(each[name]) for name in ("total", "claimed", "free")), str(len(each["ports"])),
        )
        for each in found
    ]  # fmt: skip
    return columns(HEADS, rows) if rows else ["no host tells what it can promise (agent.resource_provider_bandwidths)"]
