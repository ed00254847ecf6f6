"""Packets that flows of a bridge hand to the agent (OFPT_PACKET_IN of OpenFlow 1.3), over a connection of their own.

vswitchd sends them to who has set a length for them, which this connection does; the way in which fragments are taken
comes with the same message, and is told as it is set anyway.  Nobody waits for an answer: what comes while there is no
connection, or faster than it is read, is not told.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

RETRY = 0.1
_VERSION, _HEADER = 4, struct.Struct("!BBHI")
_HELLO, _ECHO_REQUEST, _ECHO_REPLY, _SET_CONFIG, _PACKET_IN = 0, 2, 3, 9, 10
_NX_MATCH, _WHOLE = 3, 0xFFFF
_FIXED = struct.Struct("!IHBBQ")
# The table and the cookie of the flow, and the beginning of the frame.
Take = Callable[[int, int, bytes], None]


class PacketIns:
    """Reads from a thread until it is closed; `on_gap` is told since when there was no connection, when there is again.

    `folder` holds vswitchd's sockets.
    """

    def __init__(self, folder: Path, bridge: str, take: Take, on_gap: Callable[[float], None]) -> None:
        self._path = str(folder / f"{bridge}.mgmt")
        self._take, self._on_gap = take, on_gap
        self._closed = threading.Event()
        self._socket: socket.socket | None = self._connect()
        self._lost_at = 0.0 if self._socket else time.time()
        threading.Thread(target=self._serve, name=f"packets of {bridge}", daemon=True).start()

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
            made.sendall(_HEADER.pack(_VERSION, _HELLO, 8, 1))
            made.sendall(_HEADER.pack(_VERSION, _SET_CONFIG, 12, 2) + struct.pack("!HH", _NX_MATCH, _WHOLE))
        except OSError:
            made.close()
            return None
        return made

    def _serve(self) -> None:
        while not self._closed.is_set():
            if self._socket is not None:
                self._read(self._socket)
                self._socket, self._lost_at = None, time.time()
            while not self._closed.wait(RETRY):
                self._socket = self._connect()
                if self._socket is not None:
                    self._on_gap(self._lost_at)
                    break

    def _read(self, connection: socket.socket) -> None:
        """Until the end."""
        unread = b""
        with contextlib.suppress(OSError):
            while data := connection.recv(1 << 18):
                unread += data
                place = 0
                while len(unread) - place >= _HEADER.size:
                    _, kind, size, xid = _HEADER.unpack_from(unread, place)
                    if size < _HEADER.size or len(unread) - place < size:
                        break
                    self._hear(connection, kind, xid, unread[place + _HEADER.size : place + size])
                    place += size
                unread = unread[place:]
        connection.close()

    def _hear(self, connection: socket.socket, kind: int, xid: int, body: bytes) -> None:
        if kind == _ECHO_REQUEST:
            connection.sendall(_HEADER.pack(_VERSION, _ECHO_REPLY, 8 + len(body), xid) + body)
        elif kind == _PACKET_IN and len(body) >= _FIXED.size + 4:
            _, _, _, table, cookie = _FIXED.unpack_from(body)
            (match,) = struct.unpack_from("!H", body, _FIXED.size + 2)
            try:
                self._take(table, cookie, body[_FIXED.size + (match + 7 & ~7) + 2 :])
            except Exception:
                log.exception("a packet could not be told")
