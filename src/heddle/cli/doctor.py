"""`heddle doctor`: is the running cloud well?  The checks of `heddle upgrade check` that are about its health."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from heddle.cli import checking

if TYPE_CHECKING:
    from heddle.config import Settings

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

OWN_SETTINGS = True


def register(commands: Subparsers) -> None:
    doctor = commands.add_parser(
        "doctor", help="is the running cloud well?", epilog=checking.EPILOG, allow_abbrev=False,
        description="Is the running cloud well?  It is looked at, and nothing is changed; `heddle upgrade list` names "
        "the checks, `heddle upgrade explain ID` tells of one what to do.",
    )  # fmt: skip
    checking.add_options(doctor)


def run(args: argparse.Namespace, settings: Settings | None) -> int:
    from heddle.checks.registry import chosen

    return checking.answered(lambda: checking.run(args, "doctor", chosen(args.only, args.skip, doctor=True)))
