"""The gate of highly available routers on br-int: flows of which each lets one router that is active here pass.

They bear a cookie of their own, by which the agent leaves them alone, as it does what the switch learned of routers
elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence

from heddle.host.openflow import HA_PREFIX, Flows
from heddle.host.run import CommandError, run

BRIDGE = "br-int"
HA_COOKIE = HA_PREFIX << 48 | 1
_PRIORITY = 10
OneFlow = tuple[int, str, str]


def number_of(router_id: str) -> int:
    """The number of a router on every host: 64 bits that follow from its id, never 0."""
    return int.from_bytes(hashlib.blake2b(router_id.encode(), digest_size=8).digest(), "big") or 1


class Gate:
    """`flows_of`: the flows (table, match, actions) with which a router, by its number, passes."""

    def __init__(self, flows_of: Callable[[int], Sequence[OneFlow]], flows: Flows | None = None) -> None:
        self._flows_of = flows_of
        self._flows = flows or Flows(BRIDGE)

    def warm_up(self) -> None:
        """Be ready to change it at once."""
        self._flows.warm_up()

    def set(self, opened: Iterable[str], closed: Iterable[str]) -> None:
        """Let these routers pass, and those no longer, all at once.  Raises `CommandError`."""
        lines = [f"delete_strict {self._place(each)}" for id in closed for each in self._flows_of(number_of(id))]
        lines += [self._addition(each) for id in opened for each in self._flows_of(number_of(id))]
        self._flows.apply(lines)

    def make(self, opened: Iterable[str]) -> bool:
        """Let these routers pass and no other; whether anything was otherwise.  Raises `CommandError`."""
        wanted = {number_of(id): id for id in opened}
        found: dict[int, set[int]] = {}
        text = run(["ovs-ofctl", "-O", "OpenFlow15", "--no-stats", "dump-flows", BRIDGE, f"cookie=0x{HA_COOKIE:x}/-1"])
        for table, number in re.findall(r"table=(\d+),.*?metadata=0x([0-9a-f]+)", text):
            found.setdefault(int(number, 16), set()).add(int(table))
        right = {number for number in wanted if found.get(number) == {each[0] for each in self._flows_of(number)}}
        lines = [
            f"delete_strict table={table},priority={_PRIORITY},metadata=0x{number:x}"
            for number, tables in found.items()
            if number not in wanted
            for table in tables
        ]
        lines += [self._addition(each) for number in wanted.keys() - right for each in self._flows_of(number)]
        self._flows.apply(lines)
        return bool(lines)

    def close(self) -> None:
        self._flows.close()

    def _place(self, flow: OneFlow) -> str:
        return f"table={flow[0]},priority={_PRIORITY},{flow[1]}"

    def _addition(self, flow: OneFlow) -> str:
        return f"add cookie=0x{HA_COOKIE:016x},{self._place(flow)},actions={flow[2]}"


__all__ = ["HA_COOKIE", "CommandError", "Gate", "number_of"]
