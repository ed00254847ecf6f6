"""`heddle upgrade`: what is in the way of an upgrade, found before it begins.

`check` looks and changes nothing; `list` names the checks; `explain` tells what one reads and what to do then.
`describe` and `rehearse` are what the check of an earlier release asks of the program of this one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
from typing import TYPE_CHECKING

from heddle import config
from heddle.cli import checking
from heddle.errors import ConfigError, HeddleError

if TYPE_CHECKING:
    from heddle.checks.openstack.context import OpenStack
    from heddle.config import Settings

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

OWN_SETTINGS = True
SERVICES = ("neutron", "nova")


def register(commands: Subparsers) -> None:
    upgrade = commands.add_parser("upgrade", help="what is in the way of an upgrade")
    what = upgrade.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = what.add_parser("check", help="look for it, and change nothing", epilog=checking.EPILOG, allow_abbrev=False)
    check.add_argument("--target", metavar="TARGET",
                       help="what the upgrade leads to: the path of a wheel, of an environment of Python that has it, "
                       "or a release, as 0.2.0; default: the program that runs")  # fmt: skip
    for name in SERVICES:
        check.add_argument(f"--{name}-conf", metavar="FILE", action="append", default=[], dest=name,
                           help=f"look at a running OpenStack, by {name}'s settings; may be repeated, as --config-file")
    checking.add_options(check)
    what.add_parser("list", help="name all checks")
    explain = what.add_parser("explain", help="what a check reads, and what to do about what it finds")
    explain.add_argument("id", metavar="ID")
    what.add_parser("describe", help="what this release is, as JSON: the program that another one's check asks")
    what.add_parser("rehearse", help="run the migrations of this release on a copy that a check has made; its URL is "
                    "read from standard input")  # fmt: skip


def run(args: argparse.Namespace, settings: Settings | None) -> int:
    if args.action in ("describe", "rehearse"):
        return {"describe": _describe, "rehearse": _rehearse}[args.action](args)
    actions = {"check": _check, "list": _list, "explain": _explain}
    return checking.answered(lambda: actions[args.action](args))


def _check(args: argparse.Namespace) -> int:
    from heddle.checks.registry import chosen
    from heddle.cli.target.find import opened

    checks = chosen(args.only, args.skip)
    if files := {name: mine for name in SERVICES if (mine := getattr(args, name))}:
        return checking.run(args, "upgrade check", checks, cloud=_openstack(args, files))
    if not args.target:
        return checking.run(args, "upgrade check", checks)
    checking.end_in_order()
    words = ["--config", args.config] if args.config else []
    with opened(args.target, [*words, *(word for each in args.overrides for word in ("--set", each))]) as coming:
        return checking.run(args, "upgrade check", checks, coming)


def _openstack(args: argparse.Namespace, files: dict[str, list[str]]) -> OpenStack:
    """A running OpenStack, by the files of its services."""
    from heddle.checks.openstack.context import OpenStack
    from heddle.checks.registry import UnknownCheck

    if args.target:
        raise UnknownCheck("--target leads to a release of Heddle: leave it out beside --neutron-conf and --nova-conf")
    return OpenStack(files)


def _describe(args: argparse.Namespace) -> int:
    from heddle.checks.target.description import encode
    from heddle.checks.target.itself import describe

    try:
        found = describe(config.load(args.config, args.overrides))
    except ConfigError as error:
        found = describe(None, str(error))
    print(encode(found))
    return 0


def _rehearse(args: argparse.Namespace) -> int:
    import msgspec

    from heddle.store.engine import Store
    from heddle.store.examine.rehearsal import rehearse
    from heddle.store.examine.scratch import expect_copy, is_copy

    url = sys.stdin.readline().strip()
    if not is_copy(url):
        raise HeddleError("this is no copy that a check has made, so nothing is migrated: see `heddle db migrate`")
    _end_with_the_asker()
    store = Store(url, 2)
    try:
        expect_copy(store)
        print(msgspec.json.encode(rehearse(store)).decode())
    finally:
        store.close()
    return 0


def _end_with_the_asker() -> None:
    """Who made the copy keeps standard input open until it removes the copy, or is no more."""

    def watch() -> None:
        os.read(sys.stdin.fileno(), 1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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
    print(describe(check, shutil.get_terminal_size().columns if sys.stdout.isatty() else 0))
    return 0
