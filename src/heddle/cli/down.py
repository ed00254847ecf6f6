"""`heddle down`: remove everything that Heddle made on this host, and nothing else.

In the order of use: the supervisor with its children, the programs in our namespaces, the bridges, the
namespaces, the devices and tables that are left, the files, the user.  A step that finds nothing says nothing;
one that fails is reported and the others go on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from heddle.cli.layout import Layout, is_ours
from heddle.cli.stop import stop
from heddle.config import Settings
from heddle.errors import HeddleError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def register(commands: Subparsers) -> None:
    down = commands.add_parser("down", help="end Heddle and remove all that it made on this host, the database too")
    down.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace, settings: Settings) -> int:
    layout = Layout(settings)
    if not args.yes and not _agreed(layout):
        print("Nothing was changed.")
        return 1
    steps = _Steps()
    stop(layout)
    _data_plane(steps, layout)
    _files(steps, layout)
    print(f"Removed {steps.removed} things; {steps.failed} could not be removed." if steps.removed or steps.failed
          else "There is nothing of Heddle on this host.")  # fmt: skip
    return 1 if steps.failed else 0


def _agreed(layout: Layout) -> bool:
    if not sys.stdin.isatty():
        raise HeddleError("down removes the cloud's networks and its database: confirm with --yes")
    answer = input(f"Remove Heddle's networks, guests' ports and the database in {layout.state}? [y/N] ")
    return answer.strip().lower() in ("y", "yes")


class _Steps:
    """Runs the steps and counts."""

    def __init__(self) -> None:
        self.removed = 0
        self.failed = 0

    def do(self, what: str, work: Callable[[], Iterable[str]]) -> None:
        try:
            names = list(work())
        except (HeddleError, OSError) as error:
            self.failed += 1
            print(f"  {what}: {error}", file=sys.stderr)
            return
        self.removed += len(names)
        for first in range(0, len(names), 4):
            print(f"  removed {what}: {', '.join(names[first : first + 4])}")


def _data_plane(steps: _Steps, layout: Layout) -> None:
    from heddle.host import teardown

    devices: list[str] = []

    def bridges() -> list[str]:
        names, ports = teardown.remove_bridges()
        bridges, more = teardown.remove_linux_bridges()
        devices.extend([*ports, *more])
        return names + bridges

    ours = teardown.our_namespaces()
    steps.do("process", lambda: teardown.end_ha(layout.run))
    steps.do("process", lambda: teardown.end_metadata(layout.run))
    steps.do("process", lambda: teardown.end_processes_in(ours))
    steps.do("queues of card", teardown.remove_queues)
    steps.do("bridge", bridges)
    steps.do("namespace", lambda: teardown.remove_namespaces(ours))
    steps.do("folder", teardown.remove_guest_folders)
    steps.do("device", lambda: teardown.remove_links(devices))
    steps.do("nft table", teardown.remove_tables)
    steps.do("switch", lambda: ["the Open vSwitch that the setup started"] if teardown.end_vswitch() else [])


def _files(steps: _Steps, layout: Layout) -> None:
    from heddle.host import teardown

    made = layout.recorded()

    def files() -> list[str]:
        there = [Path(name) for name in made["files"] if Path(name).exists()]
        for path in there:
            path.unlink()
        return [str(path) for path in there]

    def folders() -> list[str]:
        mine = [folder for folder in reversed(layout.folders) if is_ours(folder)]
        return [str(folder) for folder in mine if teardown.remove_folder(folder)]

    steps.do("file", files)
    steps.do("folder", folders)
    steps.do("user", lambda: [user for user in made["users"] if teardown.remove_user(user)])
