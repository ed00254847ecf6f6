"""Packets that rules of nftables hand to the agent: `log group`, over netlink (nfnetlink_log).

What comes while nobody listens, or faster than it is read, is not told; `on_gap` hears since when that may be.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import select
import socket
import struct
import threading
import time
from collections.abc import Callable

from heddle.host.netlink import ACK, NETFILTER, Netlink, Request, attribute, attributes, open_socket

log = logging.getLogger(__name__)

GROUP = 20061
HEAD = 128
_PACKET, _CONFIG = 4 << 8, 4 << 8 | 1
_COMMAND, _MODE, _TIMEOUT = 1, 2, 4  # NFULA_CFG_*
_BIND, _COPY = 1, 2
_MARK, _PAYLOAD, _PREFIX = 2, 9, 10  # NFULA_*
_HEADER = struct.Struct("=IHHII")
_SOON, _ROOM = 10, 1 << 21  # hundredths of a second, and bytes
# The mark, the prefix and the head of the packet.
Take = Callable[[int, str, bytes], None]


class Nflog:
    """Reads from a thread until it is closed, in the namespace of who made it.  Raises `NetlinkError`."""

    def __init__(self, take: Take, on_gap: Callable[[float], None], group: int = GROUP) -> None:
        self._take, self._on_gap = take, on_gap
        self._closed = threading.Event()
        self._waker, self._woken = socket.socketpair()
        self._socket = open_socket(NETFILTER)
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        try:
            self._ask(group)
        except OSError:
            for each in (self._socket, self._waker, self._woken):
                each.close()
            raise
        self._thread = threading.Thread(target=self._serve, name="logged packets", daemon=True)
        self._thread.start()

    def _ask(self, group: int) -> None:
        """Have what rules log under the group, as soon as there is something."""
        asked, head = Netlink(opened=self._socket), struct.pack("!BBH", 0, 0, group)
        asked.ask(Request(_CONFIG, head + attribute(_COMMAND, bytes([_BIND])), ACK, "the group of logged packets"))
        settings = attribute(_MODE, struct.pack("!IBx", HEAD, _COPY)) + attribute(_TIMEOUT, struct.pack("!I", _SOON))
        asked.ask(Request(_CONFIG, head + settings, ACK, "the settings of logged packets"))

    def close(self) -> None:
        """The group is free for another when this returns."""
        self._closed.set()
        self._waker.close()
        self._thread.join(timeout=1)

    def _serve(self) -> None:
        heard = time.time()
        with self._socket, self._woken:
            while not self._closed.is_set():
                ready = select.select([self._socket, self._woken], [], [], 1.0)[0]
                if self._socket not in ready:
                    heard = time.time()
                    continue
                try:
                    data = self._socket.recv(1 << 18)
                except OSError as error:
                    if error.errno == errno.ENOBUFS:
                        self._on_gap(heard)
                    continue
                heard = time.time()
                self._hear(data)

    def _hear(self, data: bytes) -> None:
        place = 0
        while place + _HEADER.size <= len(data):
            size, kind, *_ = _HEADER.unpack_from(data, place)
            if size < _HEADER.size:
                return
            if kind == _PACKET:
                self._tell(attributes(data[place + _HEADER.size : place + size], 4))
            place += (size + 3) & ~3

    def _tell(self, fields: dict[int, bytes]) -> None:
        mark = int.from_bytes(fields.get(_MARK, b""), "big")
        prefix = fields.get(_PREFIX, b"").rstrip(b"\0").decode(errors="replace")
        try:
            self._take(mark, prefix, fields.get(_PAYLOAD, b""))
        except Exception:
            log.exception("a packet could not be told")
