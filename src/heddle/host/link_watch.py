"""News of the host's network devices, from the kernel: which came, changed or went, and which are ports of a bridge."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

from heddle.host.netlink import attributes

_ROUTE, _LINKS = 0, 1
_NEWLINK, _DELLINK = 16, 17
_NAME, _MASTER = 3, 10
_HEADER = struct.Struct("=IHHII")
_BODY = 16


class LinkWatch:
    """Calls `changed` from a thread with the names of devices, each with whether it is a port of a bridge or the like;
    with the name "" when news were lost."""

    def __init__(self, changed: Callable[[dict[str, bool]], None]) -> None:
        self._changed = changed
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _ROUTE)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((0, _LINKS))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="links", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                names = links_told(self._socket.recv(1 << 17))
            except OSError:
                if self._ended.is_set():
                    return
                names = {"": False}
            if names and not self._ended.is_set():
                self._changed(names)


def links_told(data: bytes) -> dict[str, bool]:
    """The devices that the messages are about."""
    found: dict[str, bool] = {}
    offset = 0
    while offset + _HEADER.size <= len(data):
        size, kind, *_ = _HEADER.unpack_from(data, offset)
        if size < _HEADER.size:
            break
        if kind in (_NEWLINK, _DELLINK):
            told = attributes(data[offset + _HEADER.size : offset + size], _BODY)
            found[told.get(_NAME, b"").rstrip(b"\0").decode()] = _MASTER in told
        offset += (size + 3) & ~3
    return found
