"""Keeps the kernel's own network stack away from the devices that are ports of a userspace bridge.

Open vSwitch's userspace datapath reads a device beside the kernel, which still gets every frame: it
would answer for the host's addresses and, where it forwards, carry frames past the security groups.
So each such device has an nftables ingress chain that drops what the kernel gets (Open vSwitch gets its
frames before that), and no IPv6.  The table is ours alone.
"""

from __future__ import annotations

import contextlib
import logging
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from heddle.host.run import CommandError, finish, run, start

log = logging.getLogger(__name__)

TABLE = "netdev heddle_ovs"
HOOK = re.compile(r'hook ingress devices?[ ={]+"?([^"\s}]+)"?[ }]+priority -500; policy drop;')
DEVICES = Path("/sys/class/net")
IPV6 = Path("/proc/sys/net/ipv6/conf")


class Guard:
    """The guarded devices of this host.  `begin` and `end` embrace other work, so that nft runs beside it."""

    def __init__(self) -> None:
        self.guarded: set[str] = set()
        self._process: subprocess.Popen[str] | None = None
        self._wanted: set[str] = set()

    def load(self) -> None:
        """Read what is there.  Raises `CommandError` when nft does not work."""
        run(["nft", "-f", "-"], f"add table {TABLE}\n")
        self.guarded = set(HOOK.findall(run(["nft", "list", "table", *TABLE.split()])))

    def begin(self, names: Iterable[str]) -> None:
        """Start to guard these devices and no others."""
        with contextlib.suppress(CommandError):
            self.end()
        self._wanted = set(names)
        lines = [_deletion(name) for name in sorted(self.guarded - self._wanted)]
        fresh = [name for name in sorted(self._wanted - self.guarded) if (DEVICES / name).exists()]
        self._wanted = (self._wanted & self.guarded) | set(fresh)
        lines += [_deletion(name) + _addition(name) for name in fresh]
        for name in fresh:
            with contextlib.suppress(OSError):
                (IPV6 / name / "disable_ipv6").write_text("1", encoding="ascii")
        if lines:
            self._process = start(["nft", "-f", "-"], "".join([f"add table {TABLE}\n", *lines]))

    def end(self) -> None:
        """Wait for what `begin` started.  Raises `CommandError`; then nothing was changed."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            finish(process)
        except CommandError:
            self._one_by_one()
            raise
        self.guarded = set(self._wanted)

    def _one_by_one(self) -> None:
        """A device that vanished meanwhile must not leave the others without their chains."""
        for name in sorted(self._wanted - self.guarded):
            try:
                run(["nft", "-f", "-"], f"add table {TABLE}\n" + _deletion(name) + _addition(name))
                self.guarded.add(name)
            except CommandError as error:
                log.warning("device=%s cannot be guarded: %s", name, error)

    def remove(self) -> None:
        """Remove all of it: before the kernel's datapath its chains would drop every frame.  Raises `CommandError`."""
        run(["nft", "-f", "-"], f"add table {TABLE}\ndelete table {TABLE}\n")
        self.guarded = set()


def chain_of(device: str) -> str:
    """A chain's name: nft knows fewer characters than devices may have, and has words of its own."""
    return "d_" + "".join(each if each.isalnum() or each in "_-" else f".{ord(each):x}" for each in device)


def _addition(device: str) -> str:
    hook = f'{{ type filter hook ingress device "{device}" priority -500; policy drop; }}'
    return f"add chain {TABLE} {chain_of(device)} {hook}\n"


def _deletion(device: str) -> str:
    """Works as well where the chain went away with its device."""
    return f"add chain {TABLE} {chain_of(device)}\ndelete chain {TABLE} {chain_of(device)}\n"
