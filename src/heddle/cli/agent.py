"""`heddle agent`: the agent of this host alone, as root."""

from __future__ import annotations

import argparse
import logging
import os
from typing import TYPE_CHECKING

from heddle.cli import logs
from heddle.cli.layout import Layout
from heddle.config import Settings
from heddle.errors import HeddleError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

log = logging.getLogger(__name__)


def register(commands: Subparsers) -> None:
    agent = commands.add_parser("agent", help="run this host's agent alone (heddle up starts it)")
    agent.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)


def run(args: argparse.Namespace, settings: Settings) -> int:
    if os.geteuid() != 0:
        raise HeddleError("the agent changes this host's network, so it must run as root: use sudo")
    layout = Layout(settings)
    if args.parent:
        from heddle.host.process import die_with

        die_with(args.parent)
        logs.to_file(layout.log_file("agent"))
    else:
        layout.prepare()
        logs.to_terminal()
    try:
        _work(settings)
    except Exception:
        log.exception("the agent ends")
        return 1
    return 0


def _work(settings: Settings) -> None:
    from heddle.agent.run import run_agent
    from heddle.bus.registry import agent_bus

    log.info("agent starts host=%s roles=%s pid=%d", settings.host, ",".join(settings.agent.roles), os.getpid())
    run_agent(settings, agent_bus(settings))
