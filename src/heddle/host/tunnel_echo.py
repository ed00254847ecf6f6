"""Frames that the switches of other hosts send back through their tunnels.

The flows of every host's br-tun answer a frame of the tunnel ID 0, which no network has (`agent/tunnel.py`): it goes
back to where the tunnel came from, under another MAC, so that an answer is answered by nobody.  Such a frame leaves and
returns as those of guests do: what lets it pass lets them pass, be it a firewall, the encapsulation or the MTU.

The switch is given the frames, and gives back those that return, over a connection of its own (OpenFlow 1.3).
"""

from __future__ import annotations

import json
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from heddle.host.run import run
from heddle.host.switch_link import HELLO, SwitchLink, message

BRIDGE = "br-tun"
ETHERTYPE = 0x88B5  # for experiments within a site (IEEE 802)
REQUEST, ANSWER = "0e:4e:dd:00:00:01", "0e:4e:dd:00:00:02"
SENDER = bytes.fromhex("0e4edd000000")
TRIES = 3
_BURST, _PAUSE = 32, 0.002
_VERSION, _SET_CONFIG, _PACKET_IN, _PACKET_OUT = 4, 9, 10, 13
_NX_MATCH, _WHOLE = 3, 0xFFFF
_BEGIN = message(_VERSION, HELLO, xid=1) + message(_VERSION, _SET_CONFIG, struct.pack("!HH", _NX_MATCH, _WHOLE), 2)
_FIXED = struct.Struct("!IHBBQ")
_NUMBER = struct.Struct("!8sI")
_NO_BUFFER, _FROM_CONTROLLER, _SET_FIELD, _OUTPUT = 0xFFFFFFFF, 0xFFFFFFFD, 25, 0
_TUNNEL_ID, _IPV4_TARGET, _IPV6_TARGET = 0x80004C08, 0x00014004, 0x0001DC10


class Asked(NamedTuple):
    """A frame whose packet has `mtu` bytes, to `address` by the tunnel port `port` of the bridge."""

    address: str
    port: int
    mtu: int


def ports(ovsdb: str, kinds: Collection[str]) -> dict[str, int]:
    """The numbers of the tunnel ports of these kinds that there are.  Raises `CommandError`."""
    if not kinds:
        return {}
    listed = run(["ovs-vsctl", f"--db={ovsdb}", "--timeout=2", "--format=json", "--columns=name,ofport", "--if-exists",
                  "list", "Interface", *(f"{kind}0" for kind in sorted(kinds))])  # fmt: skip
    return {name.removesuffix("0"): number for name, number in json.loads(listed)["data"]
            if isinstance(number, int) and number > 0}  # fmt: skip


def answered(folder: Path, wanted: Collection[Asked], wait: float) -> dict[Asked, float]:
    """The seconds after which those came back that did; each is tried three times, for `wait` seconds.

    `folder` holds vswitchd's sockets.  Raises `OSError` where the bridge cannot be reached.
    """
    frames = _Frames(folder)
    try:
        for _ in range(TRIES):
            frames.ask([each for each in wanted if each not in frames.found])
            end = time.monotonic() + wait
            while len(frames.found) < len(wanted) and time.monotonic() < end:
                frames.news.wait(end - time.monotonic())
                frames.news.clear()
            if len(frames.found) == len(wanted):
                break
        return dict(frames.found)
    finally:
        frames.close()


class _Frames:
    """`news` is set when one has returned."""

    def __init__(self, folder: Path) -> None:
        self.found: dict[Asked, float] = {}
        self.news = threading.Event()
        self._token = secrets.token_bytes(8)
        self._sent: list[tuple[Asked, float]] = []
        nothing: Callable[[], None] = lambda: None  # noqa: E731
        self._link = SwitchLink(folder, BRIDGE, _BEGIN, 1.0, self._hear, nothing, nothing)
        if not self._link.connected:
            self._link.close()
            raise OSError(f"{BRIDGE} of Open vSwitch cannot be reached")
        self._link.start()

    def close(self) -> None:
        self._link.close()

    def ask(self, wanted: Collection[Asked]) -> None:
        for count, each in enumerate(wanted, 1):
            self._sent.append((each, time.monotonic()))
            self._link.send(packet_out(each, _NUMBER.pack(self._token, len(self._sent) - 1)))
            if count % _BURST == 0:
                time.sleep(_PAUSE)

    def _hear(self, kind: int, body: bytes) -> None:
        if kind != _PACKET_IN or len(body) < _FIXED.size + 4:
            return
        (match,) = struct.unpack_from("!H", body, _FIXED.size + 2)
        frame = body[_FIXED.size + (match + 7 & ~7) + 2 :]
        if len(frame) < 14 + _NUMBER.size:
            return
        token, number = _NUMBER.unpack_from(frame, 14)
        if secrets.compare_digest(token, self._token) and number < len(self._sent):
            each, at = self._sent[number]
            if len(frame) >= 14 + each.mtu:
                self.found.setdefault(each, time.monotonic() - at)
                self.news.set()


def packet_out(asked: Asked, mark: bytes) -> bytes:
    """The message that has the switch send a request; its payload begins with `mark`."""
    head = bytes.fromhex(REQUEST.replace(":", "")) + SENDER + struct.pack("!H", ETHERTYPE)
    frame = head + mark.ljust(asked.mtu, b"\0")
    family, target = (socket.AF_INET6, _IPV6_TARGET) if ":" in asked.address else (socket.AF_INET, _IPV4_TARGET)
    actions = _set_field(_TUNNEL_ID, bytes(8)) + _set_field(target, socket.inet_pton(family, asked.address))
    actions += struct.pack("!HHIH6x", _OUTPUT, 16, asked.port, 0)
    return message(
        _VERSION, _PACKET_OUT, struct.pack("!IIH6x", _NO_BUFFER, _FROM_CONTROLLER, len(actions)) + actions + frame, 3
    )


def _set_field(field: int, value: bytes) -> bytes:
    size = 8 + len(value)
    return struct.pack("!HHI", _SET_FIELD, size + 7 & ~7, field) + value + bytes(-size % 8)
