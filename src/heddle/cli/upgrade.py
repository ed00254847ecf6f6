"""`heddle upgrade`: what is in the way of an upgrade, found before it begins.

`check` looks and changes nothing; `list` names the checks; `explain` tells what one reads and what to do then.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from heddle.cli import checking

if TYPE_CHECKING:
    from heddle.config import Settings

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

OWN_SETTINGS = True


def register(commands: Subparsers) -> None:
    upgrade = commands.add_parser("upgrade", help="what is in the way of an upgrade")
    what = upgrade.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = what.add_parser("check", help="look for it, and change nothing", epilog=checking.EPILOG, allow_abbrev=False)
    check.add_argument("--target", metavar="VERSION", type=_release,
                       help="the release that the upgrade leads to, as 0.2.0; default: the one that runs")  # fmt: skip
    checking.add_options(check)
    what.add_parser("list", help="name all checks")
    explain = what.add_parser("explain", help="what a check reads, and what to do about what it finds")
    explain.add_argument("id", metavar="ID")


def _release(text: str) -> str:
    from heddle.checks.releases import parse

    if parse(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no release: write it as 0.2.0")
    return text


def run(args: argparse.Namespace, settings: Settings | None) -> int:
    actions = {"check": _check, "list": _list, "explain": _explain}
    return checking.answered(lambda: actions[args.action](args))


def _check(args: argparse.Namespace) -> int:
    from heddle.checks.registry import chosen

    return checking.run(args, "upgrade check", chosen(args.only, args.skip), args.target or "")


def _list(args: argparse.Namespace) -> int:
    from heddle.checks.registry import registry
    from heddle.cli.columns import columns

    rows = [(check.id, check.severity.title, check.title) for check in registry().values()]
    print("\n".join(columns(("id", "at worst", "what is well"), rows)))
    return 0


def _explain(args: argparse.Namespace) -> int:
    from heddle.checks.describe import describe
    from heddle.checks.registry import chosen

    (check,) = chosen([args.id], [])
    print(describe(check))
    return 0
