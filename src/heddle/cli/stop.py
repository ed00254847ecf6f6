"""`heddle stop`: end the server and the agent; networks, routers and guests keep carrying traffic."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from heddle.cli.layout import Layout
from heddle.cli.supervisor import end, holder
from heddle.config import Settings
from heddle.errors import HeddleError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def register(commands: Subparsers) -> None:
    commands.add_parser("stop", help="end the server and the agent; traffic goes on")


def run(args: argparse.Namespace, settings: Settings) -> int:
    print("Heddle has ended; what carries traffic stays." if stop(Layout(settings)) else "Heddle is not running.")
    return 0


def stop(layout: Layout) -> bool:
    """Whether there was something to end.  Raises `HeddleError` when it does not end."""
    pid = holder(layout.lock)
    if not pid:
        return False
    if not end(pid):
        raise HeddleError(f"process {pid} holds {layout.lock} and did not end: see {layout.log_file('heddle')}")
    return True
