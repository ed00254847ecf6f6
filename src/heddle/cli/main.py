"""`heddle <command>`: one file per command, each with `register(subparsers)` and `run(args, settings) -> int`.

Exit codes: 0 it worked; 1 it did not, with one line that says why; 64 the command line was wrong; 78 the
settings are wrong.  A command with `OWN_SETTINGS` reads them by itself.  The files of the commands import what they
need only when they run, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from heddle import config
from heddle.errors import ConfigError, HeddleError

COMMANDS = (
    "up", "stop", "down", "status", "demo", "guest", "preflight", "server", "agent", "routes", "policy", "db",
    "host", "bootstrap", "ha", "wait", "audit", "metrics", "metering", "capacity", "simulate", "upgrade", "doctor",
)  # fmt: skip

USAGE, FAILED, WRONG_SETTINGS, INTERRUPTED = 64, 1, 78, 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(prog="heddle", description="A private cloud's network in one program.")
    top.add_argument("--config", metavar="FILE", help=f"settings file, default {config.DEFAULT_FILE} if it is there")
    top.add_argument(
        "--set", metavar="SECTION.NAME=VALUE", action="append", default=[], dest="overrides",
        help="change one setting, for example --set server.port=9697; may be repeated",
    )  # fmt: skip
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"heddle.cli.{name}").register(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        command = importlib.import_module(f"heddle.cli.{args.command}")
        own = getattr(command, "OWN_SETTINGS", False)
        code: int = command.run(args, None if own else config.load(args.config, args.overrides))
        return code
    except ConfigError as error:
        return _say(error, WRONG_SETTINGS)
    except HeddleError as error:
        return _say(error, FAILED)
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _say(error: HeddleError, code: int) -> int:
    print(f"heddle: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
