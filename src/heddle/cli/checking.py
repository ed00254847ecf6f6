"""What `heddle upgrade check` and `heddle doctor` have in common: run checks, print results, give the exit code."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from heddle import config
from heddle.errors import ConfigError

if TYPE_CHECKING:
    from heddle.checks.base import Check, Cloud
    from heddle.checks.context import Context
    from heddle.checks.target.coming import Coming

USAGE, UNSEEN = 64, 255
EPILOG = (
    "Exit codes: 0 all is well; 1 there are warnings; 2 there are failures; 255 something could not be looked at; "
    "64 the command line was wrong, and nothing was looked at."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("table", "json", "junit"), default="table", help="default: table")
    parser.add_argument("--only", action="append", default=[], metavar="ID", help="only this check; may be repeated")
    parser.add_argument("--skip", action="append", default=[], metavar="ID", help="not this check; may be repeated")
    parser.add_argument("--warnings-ok", action="store_true", help="exit code 0 where there are only warnings")


def run(
    args: argparse.Namespace, name: str, checks: list[Check], coming: Coming | None = None, cloud: Cloud | None = None
) -> int:
    """Run the checks and print what they found, under a name such as "upgrade check".

    `coming`: an upgrade's target; `cloud`: what is looked at, None for Heddle's own.
    """
    from heddle.checks import engine, formats
    from heddle.cli.meter import clear_line, replace_line

    def progress(done: int, total: int, open: list[str]) -> None:
        replace_line(f"{done} of {total} checks; waiting for {', '.join(open[:3])}")

    end_in_order()
    cloud = cloud or _context(args, coming)
    try:
        results = engine.run(checks, cloud, progress)
    finally:
        clear_line()
        cloud.close()
    if args.format == "json":
        print(formats.as_json(name, results))
    elif args.format == "junit":
        print(formats.as_junit(name, results))
    else:
        print(formats.table(f"{name.title()} Results", results, coloured=sys.stdout.isatty()))
    sys.stdout.flush()
    return engine.exit_code(results, warnings_ok=args.warnings_ok)


def answered(look: Callable[[], int]) -> int:
    """The exit code of `look`.  Whatever it raises is one line, and a code that nobody takes for a warning."""
    from heddle.checks.base import NoQuestion

    try:
        return look()
    except NoQuestion as error:
        print(f"heddle: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNSEEN
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        print(f"heddle: nothing could be looked at: {type(error).__name__}: {reason}", file=sys.stderr)
        return UNSEEN


def end_in_order() -> None:
    """Who is told to end removes first what was made to be looked at."""

    def end(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        sys.exit(128 + number)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, end)


def _context(args: argparse.Namespace, coming: Coming | None) -> Context:
    """Settings that cannot be read are a finding of a check, and no end."""
    from heddle.checks.context import Context

    file = config.file_of(args.config)
    try:
        settings, given = config.load(args.config, args.overrides), config.given(args.config, args.overrides)
    except ConfigError as error:
        return Context(None, str(error), file, coming=coming)
    return Context(settings, file=file, given=given, coming=coming)
