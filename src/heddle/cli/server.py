"""`heddle server`: the API server alone, as the user that the settings name."""

from __future__ import annotations

import argparse
import logging
import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

from heddle.cli import logs
from heddle.cli.layout import Layout
from heddle.config import Settings

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

log = logging.getLogger(__name__)


def register(commands: Subparsers) -> None:
    server = commands.add_parser("server", help="run the API server alone (heddle up starts it)")
    server.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)


def run(args: argparse.Namespace, settings: Settings) -> int:
    layout = Layout(settings)
    if not args.parent:
        layout.prepare()
    drop_privileges(settings, args.parent)
    if args.parent:
        logs.to_file(layout.log_file("server"))
    else:
        logs.to_terminal()
    try:
        _serve(settings)
    except Exception:
        log.exception("the server ends")
        return 1
    return 0


def drop_privileges(settings: Settings, parent: int) -> None:
    """Become the server's user; end with `parent` where there is one."""
    from heddle.host import process

    if os.geteuid() == 0 and settings.server.user and settings.server.user != "root":
        folders = (settings.paths.state, settings.paths.run, settings.paths.log)
        process.reveal(Path(folder) for folder in folders)
        process.become(settings.server.user)
    if parent:
        process.die_with(parent)


def _serve(settings: Settings) -> None:
    from heddle.api.server import serve
    from heddle.cli import bootstrap

    bootstrap.prepare(settings)
    user = pwd.getpwuid(os.geteuid()).pw_name

    def ready() -> None:
        log.info("serving url=%s user=%s pid=%d", settings.public_url, user, os.getpid())

    serve(settings, ready)
