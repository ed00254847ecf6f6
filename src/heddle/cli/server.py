"""`heddle server`: the API server alone, as the user that the settings name."""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import pwd
import threading
import time
from typing import TYPE_CHECKING

from heddle.cli import bootstrap, logs
from heddle.cli.layout import Layout
from heddle.cli.privileges import drop_privileges
from heddle.config import Settings, with_workers
from heddle.errors import HeddleError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

log = logging.getLogger(__name__)
_M_ARENA_MAX = -8
TRIM_SECONDS = 30.0


def register(commands: Subparsers) -> None:
    server = commands.add_parser("server", help="run the API server alone (heddle up starts it)")
    server.add_argument("--listeners", default="", help=argparse.SUPPRESS)
    server.add_argument("--worker", default="1/1", help=argparse.SUPPRESS)
    server.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)


def run(args: argparse.Namespace, settings: Settings) -> int:
    layout = Layout(settings)
    number, workers = map(int, args.worker.split("/"))
    settings = with_workers(settings, workers)
    if not args.parent:
        layout.prepare()
    drop_privileges(settings, args.parent)
    _share_the_heap()
    if args.parent:
        logs.to_file(layout.log_file("server" if number == 1 else f"server-{number}"))
    else:
        logs.to_terminal()
    try:
        _serve(settings, args.listeners, number)
    except HeddleError as error:
        log.error("the server ends: %s", error)
        return 1
    except Exception:
        log.exception("the server ends")
        return 1
    return 0


def _share_the_heap() -> None:
    """One heap for all threads, and what it has free goes back to the system now and then.

    With a heap for each thread, as glibc has it, long lists leave each of them large; and a heap keeps what
    lies below its last piece in use.
    """
    library = ctypes.CDLL(None)
    try:
        library.mallopt(_M_ARENA_MAX, 1)
        trim = library.malloc_trim
    except AttributeError:
        log.debug("this C library has no mallopt")
        return

    def give_back() -> None:
        while True:
            time.sleep(TRIM_SECONDS)
            trim(0)

    threading.Thread(target=give_back, name="trim", daemon=True).start()


def _serve(settings: Settings, listeners: str, number: int) -> None:
    from heddle.api import listening
    from heddle.api.server import serve

    if number == 1:
        bootstrap.prepare(settings)
    sockets = listening.adopt(listeners) if listeners else listening.listen(settings)
    user = pwd.getpwuid(os.geteuid()).pw_name

    def ready() -> None:
        log.info("serving url=%s user=%s pid=%d", settings.public_url, user, os.getpid())

    serve(settings, sockets, ready, number)
