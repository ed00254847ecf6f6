"""What `heddle upgrade check` and `heddle doctor` have in common: run checks, print results, give the exit code."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from heddle import __version__, config
from heddle.errors import ConfigError

if TYPE_CHECKING:
    from heddle.checks.base import Check
    from heddle.checks.context import Context

EPILOG = (
    "Exit codes: 0 all is well; 1 there are warnings; 2 there are failures; 255 something could not be looked at; "
    "64 the command line was wrong, and nothing was looked at."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("table", "json", "junit"), default="table", help="default: table")
    parser.add_argument("--only", action="append", default=[], metavar="ID", help="only this check; may be repeated")
    parser.add_argument("--skip", action="append", default=[], metavar="ID", help="not this check; may be repeated")
    parser.add_argument("--warnings-ok", action="store_true", help="exit code 0 where there are only warnings")


def run(args: argparse.Namespace, name: str, checks: list[Check], target: str = "") -> int:
    """Run the checks and print what they found, under a name such as "upgrade check"; `target`: a release, or ""."""
    from heddle.checks import engine, formats
    from heddle.cli.meter import clear_line, replace_line

    def progress(done: int, total: int, open: list[str]) -> None:
        replace_line(f"{done} of {total} checks; waiting for {', '.join(open[:3])}")

    context = _context(args, target or __version__)
    try:
        results = engine.run(checks, context, progress)
    finally:
        clear_line()
        context.close()
    if args.format == "json":
        print(formats.as_json(name, results))
    elif args.format == "junit":
        print(formats.as_junit(name, results))
    else:
        print(formats.table(f"{name.title()} Results", results, coloured=sys.stdout.isatty()))
    sys.stdout.flush()
    return engine.exit_code(results, warnings_ok=args.warnings_ok)


def usage(error: Exception) -> int:
    """A check was named that there is not: nothing has been looked at."""
    print(f"heddle: {error}", file=sys.stderr)
    return 64


def _context(args: argparse.Namespace, target: str) -> Context:
    """Settings that cannot be read are a finding of a check, and no end."""
    from heddle.checks.context import Context

    file = config.file_of(args.config)
    try:
        return Context(config.load(args.config, args.overrides), file=file, target=target)
    except ConfigError as error:
        return Context(None, str(error), file, target)
