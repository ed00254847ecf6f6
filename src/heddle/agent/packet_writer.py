"""What hears of packets that logs ask for, and writes them down, while there are ports that a log concerns.

A host without such ports has neither the file open nor a thread.  What the host kept back, because there was more than
the setting network_log.rate_limit lets through, is counted where it was kept back, and told in a line.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from heddle.agent.mirror import Mirror
from heddle.agent.packet_logs import PacketLogs, stamp
from heddle.config import Settings
from heddle.errors import HeddleError
from heddle.host.log_file import LogFile
from heddle.host.packets import Packet
from heddle.view.types import Ref

log = logging.getLogger(__name__)

SECOND = 1.0


class Listener(Protocol):
    def close(self) -> None: ...


class PacketWriter:
    """`listen` begins to call `take` of this writer; `suppressed` is what was kept back since some moment.

    `problem`: why nothing is written of a port that a log concerns, "" where it is.
    """

    def __init__(
        self, settings: Settings, listen: Callable[[PacketWriter], Listener], suppressed: Callable[[], int]
    ) -> None:
        path = settings.network_log.local_output_log_base
        self.file = LogFile(Path(path) if path else Path(settings.paths.log) / "packets.log", stamp)
        self.suppressed = 0
        self.problem = ""
        self._logs = PacketLogs()
        self._listen, self._read_suppressed = listen, suppressed
        self._seen = 0
        self._listener: Listener | None = None
        self._ended = threading.Event()

    def follow(self, mirror: Mirror, changed: Iterable[Ref] | None, numbers: Mapping[int, str]) -> None:
        """The ports that logs concern are these now, by the numbers under which their packets are told."""
        if not numbers and self._listener is None:
            return
        self._logs.follow(mirror, changed if self._listener else None, numbers)
        self.problem = ""
        if self._listener is None:
            try:
                self._begin()
            except OSError as error:
                self.problem = f"its packets are not logged: {error}"
                log.warning("packets are not logged: %s", error)
        elif not numbers:
            self.close()
            self.file.end()
            self.file.close()

    def _begin(self) -> None:
        listener = self._listen(self)
        self.file.begin()
        self._seen = self._kept_back()
        self._listener = listener
        self._ended = threading.Event()
        threading.Thread(target=self._tick, args=(self._ended,), name="packet log", daemon=True).start()

    def take(self, number: int, direction: str, event: str, packet: Packet | None) -> None:
        """A packet was told."""
        line = self._logs.line(number, direction, event, packet, time.time()) if packet is not None else ""
        if line:
            self.file.write([line])

    def _tick(self, ended: threading.Event) -> None:
        while not ended.wait(SECOND):
            self.file.touch()
            now = self._kept_back()
            more = now - self._seen if now >= self._seen else now
            self._seen = now
            if more:
                self.suppressed += more
                self.file.tell(f"event=SUPPRESSED packets={more}")

    def _kept_back(self) -> int:
        try:
            return self._read_suppressed()
        except (HeddleError, OSError):
            return self._seen

    def figures(self) -> dict[str, int]:
        """What the agent's record shows, nothing while no log concerns a port; the lost are among the not logged."""
        if self._listener is None:
            return {}
        kept_back = self.suppressed + self.file.lost
        return {"packets_logged": self.file.written, "packets_not_logged": kept_back, "packets_lost": self.file.lost}

    def close(self) -> None:
        self._ended.set()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
