"""A connection to a bridge that stays open: it ends when vswitchd does, at the same moment, and flows with it.

It is cheap to ask over it what no flow says: how the bridge takes fragments (OFPT_GET_CONFIG_REQUEST of OpenFlow 1.4).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from heddle.host.switch_link import HELLO, SwitchLink, message

log = logging.getLogger(__name__)

RETRY = 0.02
_VERSION, _GET_CONFIG, _CONFIG = 5, 7, 8
_NX_MATCH = 3
ANSWER = 2.0


class Watch:
    """Keeps a connection to a bridge, from a thread, and calls `on_back` whenever it had to be made again.

    Then vswitchd was restarted, or the bridge made anew, and its flows are lost.  `folder` holds
    vswitchd's sockets.
    """

    def __init__(self, folder: Path, bridge: str, on_back: Callable[[], None]) -> None:
        self._bridge = bridge
        self._answered = threading.Event()
        self._fragments = -1
        self._link = SwitchLink(folder, bridge, message(_VERSION, HELLO), RETRY, self._hear, self._ended, on_back)
        self._link.start()

    @property
    def connected(self) -> bool:
        return self._link.connected

    def matches_first_fragments(self) -> bool | None:
        """Whether the ports of first fragments are matched; None when vswitchd does not answer."""
        self._answered.clear()
        if not self._link.send(message(_VERSION, _GET_CONFIG)):
            return None
        return self._fragments == _NX_MATCH if self._answered.wait(ANSWER) else None

    def close(self) -> None:
        self._link.close()

    def _ended(self) -> None:
        log.warning("bridge=%s vswitchd closed the connection: its flows are lost", self._bridge)

    def _hear(self, kind: int, body: bytes) -> None:
        """Of what the switch tells only its settings are of interest."""
        if kind == _CONFIG and len(body) >= 2:
            self._fragments = int.from_bytes(body[:2], "big") & _NX_MATCH
            self._answered.set()
