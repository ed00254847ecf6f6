"""`heddle routes`: the API's table of contents, one line per route with the permission that it needs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from heddle.config import Settings

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def register(commands: Subparsers) -> None:
    routes = commands.add_parser("routes", help="print the routes of the API and the permission for each")
    routes.add_argument("match", nargs="?", default="", help="only those whose path contains this")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from heddle.api.routes import ROUTES

    rows = [(route.method, route.path, route.permission or "-") for route in ROUTES if args.match in route.path]
    width = max((len(path) for _, path, _ in rows), default=0)
    for method, path, permission in rows:
        print(f"{method:<7} {path:<{width}}  {permission}")
    return 0
