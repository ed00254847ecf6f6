"""Announcements of new addresses: gratuitous ARP, so that neighbours forget who had the address before.

Sent through packet sockets in the namespace, without a process.
"""

from __future__ import annotations

import contextlib
import heapq
import ipaddress
import socket
import struct
import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

from heddle.host.netlink import within
from heddle.host.netns import path_of

_ARP = 0x0806
_IPV6 = 0x86DD


class Announcement(NamedTuple):
    """An interface, its MAC and an address of it (without a prefix length)."""

    interface: str
    mac: str
    address: str


def announce(namespace: str, announcements: Iterable[Announcement]) -> None:
    """Send each once, in a namespace or in that of the caller ("").

    An interface that is gone meanwhile is skipped; raises `OSError` when the namespace is.
    """
    every = list(announcements)
    if every and not namespace:
        _send(every)
    elif every:
        within(path_of(namespace), lambda: _send(every))


class Announcer:
    """Sends announcements from a thread of its own: at once, and a few times more.

    More, because the way to the neighbours may only just be being made; of its own, because the kernel takes some ten
    milliseconds to close a packet socket.  The thread lives as long as there is something to send.
    """

    def __init__(self, delays: tuple[float, ...] = (0.0, 0.2, 0.7, 2.0)) -> None:
        self._delays = delays
        self._due: list[tuple[float, int, str, list[Announcement]]] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._count = 0

    def start(self, namespace: str, announcements: Iterable[Announcement]) -> None:
        """Send them after each of the delays (seconds from now).  Returns at once."""
        every = list(announcements)
        if not every:
            return
        now = time.monotonic()
        with self._changed:
            for delay in self._delays:
                self._count += 1
                heapq.heappush(self._due, (now + delay, self._count, namespace, every))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="announce", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Forget what is still to be sent."""
        with self._changed:
            self._due.clear()
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._due:
                    self._thread = None
                    return
                wait = self._due[0][0] - time.monotonic()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                _, _, namespace, every = heapq.heappop(self._due)
            with contextlib.suppress(OSError):
                announce(namespace, every)


def frame(item: Announcement) -> bytes:
    """The Ethernet frame: an ARP request for the own address, or an unsolicited neighbour advertisement."""
    mac = bytes.fromhex(item.mac.replace(":", ""))
    address = ipaddress.ip_address(item.address).packed
    if len(address) == 4:
        head = b"\xff" * 6 + mac + struct.pack("!HHHBBH", _ARP, 1, 0x0800, 6, 4, 1)
        return head + mac + address + b"\0" * 6 + address
    everybody = ipaddress.ip_address("ff02::1").packed
    body = struct.pack("!BBHI", 136, 0, 0, 0xA0000000) + address + b"\x02\x01" + mac
    pseudo = address + everybody + struct.pack("!IxxxB", len(body), 58)
    body = body[:2] + struct.pack("!H", _checksum(pseudo + body)) + body[4:]
    ip = struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + address + everybody
    return b"\x33\x33\0\0\0\1" + mac + struct.pack("!H", _IPV6) + ip + body


def _send(every: list[Announcement]) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as packets:
        for item in every:
            with contextlib.suppress(OSError):
                packets.sendto(frame(item), (item.interface, 0))


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
