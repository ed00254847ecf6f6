"""A connection to a bridge that stays open: it ends when vswitchd does, at the same moment, and flows with it."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

RETRY = 0.02
HELLO = b"\x05\x00\x00\x08\x00\x00\x00\x00"


class Watch:
    """Keeps a connection to a bridge, from a thread, and calls `on_back` whenever it had to be made again.

    Then vswitchd was restarted, or the bridge made anew, and its flows are lost.  `folder` holds
    vswitchd's sockets.
    """

    def __init__(self, folder: Path, bridge: str, on_back: Callable[[], None]) -> None:
        self._path = str(folder / f"{bridge}.mgmt")
        self._bridge = bridge
        self._on_back = on_back
        self._closed = threading.Event()
        self._socket: socket.socket | None = self._connect()
        self._thread = threading.Thread(target=self._serve, name=f"watch {bridge}", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        return self._socket is not None

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
        """Until the end; answers echo requests, what else the switch tells is of no interest here."""
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                if len(data) == 8 and data[1] == 2:
                    connection.sendall(data[:1] + b"\x03" + data[2:])
        connection.close()

    def close(self) -> None:
        self._closed.set()
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
