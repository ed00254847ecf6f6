"""A connection to a bridge of vswitchd that stays open, and is made again when it ends (OpenFlow 1.3 and later).

It is read by a thread of its own, which answers echo requests; what else the switch says is heard by whoever made it.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

HEADER = struct.Struct("!BBHI")
HELLO = 0
_ECHO_REQUEST, _ECHO_REPLY = 2, 3


def message(version: int, kind: int, body: bytes = b"", xid: int = 0) -> bytes:
    return HEADER.pack(version, kind, HEADER.size + len(body), xid) + body


class SwitchLink:
    """`begin` is sent whenever it is made, tried every `retry` seconds; `hear` gets a message's kind and body.

    `on_end` is called when it has ended and nobody closed it, `on_back` when it was made again.  `folder` holds
    vswitchd's sockets.
    """

    def __init__(
        self, folder: Path, bridge: str, begin: bytes, retry: float, hear: Callable[[int, bytes], None],
        on_end: Callable[[], None], on_back: Callable[[], None],
    ) -> None:  # fmt: skip
        self._path, self._begin, self._retry = str(folder / f"{bridge}.mgmt"), begin, retry
        self._hear, self._on_end, self._on_back = hear, on_end, on_back
        self._closed = threading.Event()
        self._socket: socket.socket | None = self._connect()
        self._thread = threading.Thread(target=self._serve, name=f"link to {bridge}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def send(self, data: bytes) -> bool:
        """Whether there was a connection that took it."""
        connection = self._socket
        try:
            if connection is not None:
                connection.sendall(data)
        except OSError:
            return False
        return connection is not None

    def close(self) -> None:
        self._closed.set()
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _connect(self) -> socket.socket | None:
        made = socket.socket(socket.AF_UNIX)
        try:
            made.connect(self._path)
            made.sendall(self._begin)
        except OSError:
            made.close()
            return None
        return made

    def _serve(self) -> None:
        while not self._closed.is_set():
            connection = self._socket
            if connection is not None:
                self._read(connection)
                self._socket = None
                if not self._closed.is_set():
                    self._on_end()
            while not self._closed.wait(self._retry):
                self._socket = self._connect()
                if self._socket is not None:
                    self._on_back()
                    break

    def _read(self, connection: socket.socket) -> None:
        """Until the end."""
        unread = b""
        with contextlib.suppress(OSError):
            while data := connection.recv(1 << 18):
                unread += data
                place = 0
                while len(unread) - place >= HEADER.size:
                    version, kind, size, xid = HEADER.unpack_from(unread, place)
                    size = max(size, HEADER.size)
                    if len(unread) - place < size:
                        break
                    body = unread[place + HEADER.size : place + size]
                    place += size
                    if kind == _ECHO_REQUEST:
                        connection.sendall(message(version, _ECHO_REPLY, body, xid))
                    else:
                        self._hear(kind, body)
                unread = unread[place:]
        connection.close()
