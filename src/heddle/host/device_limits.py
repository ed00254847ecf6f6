"""The nftables table that limits what passes single devices of this host, at the devices themselves (netdev hooks).

A chain goes away with its device, and does not come back with another of that name: the table is then written anew, for
the devices that are there.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from heddle.host.bridge_rules import BridgeRules
from heddle.host.nft import Chain, Table
from heddle.host.run import CommandError

DEVICES = Path("/sys/class/net")
_DEVICE = re.compile(r'device "([^"]+)"')


class DeviceLimits:
    def __init__(self) -> None:
        self._rules = BridgeRules()
        self._wanted = Table("", "")
        self._devices: dict[str, int] = {}

    def close(self) -> None:
        self._rules.close()

    def ensure(self, table: Table) -> set[str]:
        """Have the table be there, without chains for devices that are not, whose names are returned.

        Raises `CommandError`.
        """
        self._wanted = table
        devices = _indexes(table.chains)
        kept = all(devices.get(name) == index for name, index in self._devices.items())
        try:
            if kept:
                self._rules.ensure((_at(table, devices),))
        except CommandError:
            kept = False
        if not kept:
            self._replace()
        self._devices = devices if kept else self._devices
        return {_device(chain) for chain in table.chains} - self._devices.keys()

    def _replace(self) -> None:
        self._devices = _indexes(self._wanted.chains)
        self._rules.replace((_at(self._wanted, self._devices),))

    def disturbed(self) -> bool:
        """Whether it was changed by hand.  Raises `CommandError`."""
        return self._rules.disturbed()

    def repair(self) -> bool:
        """Whether it was changed by hand; then it is written anew.  Raises `CommandError`."""
        if not self._rules.disturbed():
            return False
        self._replace()
        return True


def _device(chain: Chain) -> str:
    found = _DEVICE.search(chain.hook)
    return found[1] if found else ""


def _indexes(chains: Iterable[Chain]) -> dict[str, int]:
    """The number of each device that is there."""
    found = {}
    for name in map(_device, chains):
        with contextlib.suppress(OSError, ValueError):
            found[name] = int((DEVICES / name / "ifindex").read_text(encoding="ascii"))
    return found


def _at(table: Table, devices: Collection[str]) -> Table:
    """Without the chains of other devices."""
    return replace(table, chains=tuple(chain for chain in table.chains if _device(chain) in devices))
