"""`heddle up`: start the server and the agent of this host, and keep them running."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from heddle.api import listening
from heddle.cli import logs, preflight
from heddle.cli.credentials import write_private
from heddle.cli.layout import Layout
from heddle.cli.supervisor import Child, Lock, Supervisor, holder, program
from heddle.config import Settings
from heddle.errors import HeddleError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

log = logging.getLogger(__name__)


def register(commands: Subparsers) -> None:
    up = commands.add_parser("up", help="start Heddle on this host: the server and the agent")
    up.add_argument("--detach", action="store_true", help="run in the background; returns when the API answers")
    up.add_argument("--wait", type=float, default=60, metavar="SECONDS", help="how long --detach waits (default 60)")
    up.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace, settings: Settings) -> int:
    layout = Layout(settings)
    running = holder(layout.lock)
    if running and args.detach and answers(settings):
        print(f"Heddle is running already as process {running}: {settings.public_url}")
        return 0
    if not args.supervised and not running and not preflight.passed(settings):
        return 1
    layout.prepare()
    if args.detach:
        return _detach(args, layout)
    lock = Lock(layout.lock)
    lock.take()
    _supervise(args, layout)
    lock.release()
    return 0


def start_quietly(args: argparse.Namespace, layout: Layout) -> int:
    """Start in the background and say only what is wrong."""
    with contextlib.redirect_stdout(io.StringIO()):
        return run(args, layout.settings)


def answers(settings: Settings) -> bool:
    """Whether the API of this host is up."""
    try:
        with urllib.request.urlopen(f"{_local_url(settings)}/readyz", timeout=3) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError, ValueError):
        return False


def _local_url(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.server.listen, settings.server.listen)
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{settings.server.port}"


def _supervise(args: argparse.Namespace, layout: Layout) -> None:
    if args.supervised:
        logs.to_file(layout.log_file("heddle"))
    else:
        logs.to_terminal()
    write_private(layout.pid, f"{os.getpid()}\n")
    children = [*servers(args, layout.settings), Child("agent", program([*same_settings(args), "agent", "--parent"]))]

    def say() -> None:
        log.info("ready url=%s", layout.settings.public_url)
        if not args.supervised:
            print(f"Heddle is ready: {layout.settings.public_url}   (Ctrl-C ends it)", flush=True)

    try:
        Supervisor(children, lambda: answers(layout.settings), say).run()
    finally:
        layout.pid.unlink(missing_ok=True)


def servers(args: argparse.Namespace, settings: Settings) -> list[Child]:
    """The processes that answer requests, by sockets that are opened here.  Raises `ConfigError`."""
    words = [*same_settings(args), *_policy(settings)]
    fds = [sock.detach() for sock in listening.listen(settings)]
    common = program([*words, "server", "--listeners", ",".join(map(str, fds)), "--worker"])
    count = settings.workers
    names = ["server", *(f"server-{number}" for number in range(2, count + 1))]
    return [Child(name, [*common, f"{i}/{count}", "--parent"], fds) for i, name in enumerate(names, 1)]


def _policy(settings: Settings) -> list[str]:
    """The words that give each server process, whenever it starts, the policy as it is now.  Raises `ConfigError`."""
    from heddle.api.policy import Policy

    file = settings.identity.policy_file
    if not file:
        return []
    Policy(file)
    copy = Layout(settings).keep_policy(Path(file).read_text(encoding="utf-8"))
    return ["--set", f"identity.policy_file={copy}"]


def same_settings(args: argparse.Namespace) -> list[str]:
    """The words that give another call of this program the settings of this one."""
    words = ["--config", str(Path(args.config).resolve())] if args.config else []
    for item in args.overrides:
        words += ["--set", item]
    return words


def _detach(args: argparse.Namespace, layout: Layout) -> int:
    """Start this command once more in the background, and wait until the API answers."""
    if running := holder(layout.lock):
        raise HeddleError(
            f"Heddle runs as process {running} but {layout.settings.public_url}/readyz does not answer: look at "
            f"{layout.log_file('server')}, or `heddle stop` and start again"
        )
    output = layout.log / "output.log"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            program([*same_settings(args), "up", "--supervised"]),
            stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, cwd="/",
        )  # fmt: skip
    deadline = time.monotonic() + args.wait
    while not answers(layout.settings):
        if process.poll() is not None or time.monotonic() > deadline:
            return _explain(process, layout, args.wait)
        time.sleep(0.05)
    print(f"Heddle is ready: {layout.settings.public_url}   process {process.pid}, logs in {layout.log}")
    return 0


def _explain(process: subprocess.Popen[bytes], layout: Layout, seconds: float) -> int:
    """Say why it does not run, and leave nothing half started."""
    ended = process.poll() is not None
    if not ended:
        process.terminate()
        process.wait()
    what = f"ended with status {process.returncode}" if ended else f"was not ready within {seconds:g} s"
    print(f"heddle: the start failed: the supervisor {what}. The last lines of its logs:", file=sys.stderr)
    for path in (layout.log / "output.log", layout.log_file("server"), layout.log_file("heddle")):
        for line in logs.tail(path):
            print(f"  {path.name}: {line}", file=sys.stderr)
    return 1
