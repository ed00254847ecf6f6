"""A connection to a bridge that stays open: it ends when vswitchd does, at the same moment, and flows with it.

It is cheap to ask over it what no flow says: how the bridge takes fragments (OFPT_GET_CONFIG_REQUEST of OpenFlow 1.4).
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

RETRY = 0.02
HELLO = b"\x05\x00\x00\x08\x00\x00\x00\x00"
GET_CONFIG = b"\x05\x07\x00\x08\x00\x00\x00\x00"
_ECHO_REQUEST, _ECHO_REPLY, _CONFIG = 2, 3, 8
_HEADER, _NX_MATCH = struct.Struct("!BBHI"), 3
ANSWER = 2.0


class Watch:
    """Keeps a connection to a bridge, from a thread, and calls `on_back` whenever it had to be made again.

    Then vswitchd was restarted, or the bridge made anew, and its flows are lost.  `folder` holds
    vswitchd's sockets.
    """

    def __init__(self, folder: Path, bridge: str, on_back: Callable[[], None]) -> None:
        self._path = str(folder / f"{bridge}.mgmt")
        self._bridge = bridge
        self._on_back = on_back
        self._closed, self._answered = threading.Event(), threading.Event()
        self._fragments = -1
        self._socket: socket.socket | None = self._connect()
        self._thread = threading.Thread(target=self._serve, name=f"watch {bridge}", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def matches_first_fragments(self) -> bool | None:
        """Whether the ports of first fragments are matched; None when vswitchd does not answer."""
        connection = self._socket
        self._answered.clear()
        try:
            if connection is None:
                return None
            connection.sendall(GET_CONFIG)
        except OSError:
            return None
        return self._fragments == _NX_MATCH if self._answered.wait(ANSWER) else None

    def _serve(self) -> None:
        while not self._closed.is_set():
            connection = self._socket
            if connection is not None:
                self._read(connection)
                self._socket = None
                if not self._closed.is_set():
                    log.warning("bridge=%s vswitchd closed the connection: its flows are lost", self._bridge)
            while not self._closed.wait(RETRY):
                self._socket = self._connect()
                if self._socket is not None:
                    self._on_back()
                    break

    def _connect(self) -> socket.socket | None:
        made = socket.socket(socket.AF_UNIX)
        try:
            made.connect(self._path)
            made.sendall(HELLO)
        except OSError:
            made.close()
            return None
        return made

    def _read(self, connection: socket.socket) -> None:
        """Until the end."""
        unread = b""
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                unread += data
                while len(unread) >= _HEADER.size and len(unread) >= (size := max(_length(unread), _HEADER.size)):
                    self._take(connection, unread[:size])
                    unread = unread[size:]
        connection.close()

    def _take(self, connection: socket.socket, message: bytes) -> None:
        """Answers echo requests; of what else the switch tells only its settings are of interest."""
        kind = message[1]
        if kind == _ECHO_REQUEST:
            connection.sendall(message[:1] + bytes([_ECHO_REPLY]) + message[2:])
        elif kind == _CONFIG and len(message) >= _HEADER.size + 2:
            self._fragments = int.from_bytes(message[8:10], "big") & _NX_MATCH
            self._answered.set()

    def close(self) -> None:
        self._closed.set()
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _length(message: bytes) -> int:
    return int(_HEADER.unpack_from(message)[2])
