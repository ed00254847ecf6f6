"""Programs at devices: which one runs on the frames that come from a device, and on those that go to it (tc, clsact).

One of ours is known by its name, which begins with our mark, and by the tag of its instructions.  Others may have
programs at the same device; each has a place of its own.  A program goes away with its device, and is replaced at once.
"""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass

from heddle.host.bpf import Loaded
from heddle.host.netlink import ADD, CREATE, DUMP, REPLACE, Netlink, Request, attributes, nested, text, u32
from heddle.host.netns import MARK

COMING, GOING = 0xFFFFFFF2, 0xFFFFFFF3  # the two sides of a device, as the kernel names them

_NEWQDISC, _NEWFILTER, _DELFILTER, _GETFILTER = 36, 44, 45, 46
_HEAD = struct.Struct("=BxxxiIII")
_CLSACT, _PARENT = 0xFFFF0000, 0xFFFFFFF1
_PLACE = 0x4ED  # among the programs of a side
_INFO = _PLACE << 16 | socket.htons(3)
_HANDLE = 1
_DESCRIPTOR, _NAME, _FLAGS, _TAG = 6, 7, 8, 10
_DIRECT = 1
ABSENT = (errno.ENOENT, errno.EINVAL, errno.ENODEV, errno.EOPNOTSUPP)


@dataclass(frozen=True, slots=True)
class Side:
    """A side of a device, that by its index."""

    index: int
    parent: int


class FrameFilters:
    """Remembers what it has attached, and asks the kernel about a side of which it knows nothing."""

    def __init__(self) -> None:
        self._netlink = Netlink()
        self._known: dict[Side, bytes] = {}

    def close(self) -> None:
        self._netlink.close()

    def forget(self) -> None:
        """What there is may have changed: ask about each again."""
        self._known.clear()

    def ensure(self, side: Side, code: bytes, what: str) -> bool:
        """Have a program at a side of a device; returns whether it had to be attached.  Raises `OSError`."""
        if self._known.get(side) == code:
            return False
        loaded = Loaded(code, MARK)
        try:
            there = self._tag(side) == loaded.tag
            if not there:
                self._attach(side, loaded, what)
        finally:
            loaded.close()
        self._known[side] = code
        return not there

    def differs(self, side: Side, code: bytes) -> bool:
        """Whether another program than this is there (b"": whether any is).  Raises `OSError`."""
        if not code:
            return bool(self._tag(side))
        loaded = Loaded(code, MARK)
        loaded.close()
        return self._tag(side) != loaded.tag

    def remove(self, side: Side) -> bool:
        """Have no program of ours at a side of a device; returns whether there was one.  Raises `OSError`."""
        if self._known.get(side) == b"":
            return False
        there = bool(self._tag(side))
        if there:
            body = _HEAD.pack(0, side.index, _HANDLE, side.parent, _INFO) + text(1, "bpf")
            self._run([Request(_DELFILTER, body, 0, f"deletion of the program at device {side.index}", ABSENT)])
        self._known[side] = b""
        return there

    def _attach(self, side: Side, loaded: Loaded, what: str) -> None:
        base = _HEAD.pack(0, side.index, _CLSACT, _PARENT, 0) + text(1, "clsact")
        options = (u32(_DESCRIPTOR, loaded.descriptor), text(_NAME, f"{MARK} {what}"), u32(_FLAGS, _DIRECT))
        body = _HEAD.pack(0, side.index, _HANDLE, side.parent, _INFO) + text(1, "bpf") + nested(2, *options)
        self._run([
            Request(_NEWQDISC, base, ADD, f"clsact at device {side.index}", (errno.EEXIST,)),
            Request(_NEWFILTER, body, CREATE | REPLACE, f"the program '{what}' at device {side.index}"),
        ])  # fmt: skip

    def _tag(self, side: Side) -> str:
        """The tag of our program at a side of a device, "" when there is none."""
        body = _HEAD.pack(0, side.index, 0, side.parent, 0)
        for _, answer in self._netlink.ask(Request(_GETFILTER, body, DUMP, "list of programs", ABSENT)):
            if _HEAD.unpack_from(answer)[4] == _INFO:
                options = attributes(attributes(answer, _HEAD.size).get(2, b""))
                if options.get(_NAME, b"").startswith(MARK.encode()):
                    return options.get(_TAG, b"").hex()
        return ""

    def _run(self, requests: list[Request]) -> None:
        failures = self._netlink.run(requests)
        if failures:
            raise failures[0]
