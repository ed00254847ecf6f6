"""`heddle metering`: what metering labels have counted, in all and at each router.

Hosts tell it every `agent.report_seconds`; bytes are those of IP packets, with their headers.
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

HEADS = ("label", "name", "project", "router", "packets", "bytes")


def register(commands: Subparsers) -> None:
    metering = commands.add_parser("metering", help="what metering labels have counted, at each router")
    metering.add_argument("--label", default="", metavar="L", help="this label only, by its id or its name")
    metering.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace, settings: Settings) -> int:
    every = Client(credentials(settings)).get("/heddle/v1/metering")["metering"]
    found = [each for each in every if args.label in ("", each["label_id"], each["name"])]
    print(json.dumps(found, indent=1) if args.json else "\n".join(text(found)))
    return 0


def text(found: list[dict[str, Any]]) -> list[str]:
    """A line for each label, and one for each router that it has counted at."""
    rows: list[tuple[str, ...]] = []
    for label in found:
        project = "all" if label["shared"] else label["project_id"]
        rows.append((label["label_id"], label["name"], project, "", str(label["packets"]), str(label["bytes"])))
        rows += [
            ("", "", "", router["router_id"], str(router["packets"]), str(router["bytes"]))
            for router in label["routers"]
        ]
    return columns(HEADS, rows) if rows else ["no metering labels"]
