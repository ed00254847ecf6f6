"""Packets that flows of a bridge hand to the agent (OFPT_PACKET_IN of OpenFlow 1.3), over a connection of their own.

vswitchd sends them to who has set a length for them, which this connection does; the way in which fragments are taken
comes with the same message, and is told as it is set anyway.  Nobody waits for an answer: what comes while there is no
connection, or faster than it is read, is not told.
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable
from pathlib import Path

from heddle.host.switch_link import HELLO, SwitchLink, message

log = logging.getLogger(__name__)

RETRY = 0.1
_VERSION, _SET_CONFIG, _PACKET_IN = 4, 9, 10
_NX_MATCH, _WHOLE = 3, 0xFFFF
_BEGIN = message(_VERSION, HELLO, xid=1) + message(_VERSION, _SET_CONFIG, struct.pack("!HH", _NX_MATCH, _WHOLE), 2)
_FIXED = struct.Struct("!IHBBQ")
# The table and the cookie of the flow, and the beginning of the frame.
Take = Callable[[int, int, bytes], None]


class PacketIns:
    """Reads from a thread until it is closed; `on_gap` is told since when there was no connection, when there is again.

    `folder` holds vswitchd's sockets.
    """

    def __init__(self, folder: Path, bridge: str, take: Take, on_gap: Callable[[float], None]) -> None:
        self._take, self._on_gap = take, on_gap
        self._link = SwitchLink(folder, bridge, _BEGIN, RETRY, self._hear, self._ended, self._is_back)
        self._lost_at = time.time()
        self._link.start()

    def close(self) -> None:
        self._link.close()

    def _ended(self) -> None:
        self._lost_at = time.time()

    def _is_back(self) -> None:
        self._on_gap(self._lost_at)

    def _hear(self, kind: int, body: bytes) -> None:
        if kind == _PACKET_IN and len(body) >= _FIXED.size + 4:
            _, _, _, table, cookie = _FIXED.unpack_from(body)
            (match,) = struct.unpack_from("!H", body, _FIXED.size + 2)
            try:
                self._take(table, cookie, body[_FIXED.size + (match + 7 & ~7) + 2 :])
            except Exception:
                log.exception("a packet could not be told")
