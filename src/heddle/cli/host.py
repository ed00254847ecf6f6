"""`heddle host`: which hosts may join the cloud through a broker, and the secrets of their agents.

It works on the database, on a machine that has the server's settings.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from heddle.config import Settings
from heddle.errors import HeddleError

if TYPE_CHECKING:
    from heddle.store.engine import Tx

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

# It becomes part of a queue's name and of scopes.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def register(commands: Subparsers) -> None:
    host = commands.add_parser("host", help="hosts that join through a broker: their keys")
    what = host.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("add", "make HOST known, and print the key of its agent"),
        ("key", "print the key of a host that is known"),
    ):
        command = what.add_parser(name, help=text)
        command.add_argument("host", metavar="HOST", help="its name, as agent.host says (by default the host's name)")
        command.add_argument("--output", type=Path, metavar="FILE", help="write the key into a new file (mode 0600) "
                             "instead; copy it to the host, where agent.key_file says")  # fmt: skip
    remove = what.add_parser("remove", help="make HOST unknown: its agent is refused, what it carries goes on")
    remove.add_argument("host", metavar="HOST")
    what.add_parser("list", help="print the hosts that are known")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from heddle.control import host_keys
    from heddle.store.admin import opened

    if args.action != "list" and not _NAME.fullmatch(args.host):
        raise HeddleError(
            f"{args.host!r} cannot be a host's name: letters, digits, dots, dashes and underscores, at most 128"
        )
    with opened(settings.database_url) as store:
        if args.action == "list":
            with store.read() as tx:
                return _list(tx)
        if args.action == "remove":
            store.write(lambda tx: host_keys.remove(tx, args.host))
            print(f"Host {args.host} is unknown from now on; its agent is refused within seconds.")
            return 0
        if args.output is not None and args.output.exists():
            raise HeddleError(f"{args.output} exists: name a file that does not, or remove it first")
        does = host_keys.add if args.action == "add" else host_keys.key
        _tell(store.write(lambda tx: does(tx, args.host)), args.output)
    return 0


def _list(tx: Tx) -> int:
    from heddle.store.query import host_keys

    found = host_keys.every(tx)
    width = max((len(host) for host, _ in found), default=0)
    for host, since in found:
        print(f"{host:<{width}}  {since}")
    if not found:
        print("No host is known: `heddle host add HOST` makes one so.", file=sys.stderr)
    return 0


def _tell(key: str, file: Path | None) -> None:
    if file is None:
        print(key)
        return
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
            out.write(key + "\n")
    except OSError as error:
        raise HeddleError(
            f"the key cannot be written to {file}: {error.strerror}; `heddle host key` shows it"
        ) from error
    print(f"The key is in {file}.")
