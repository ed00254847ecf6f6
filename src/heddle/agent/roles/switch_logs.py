"""Logs of packets on Open vSwitch: who hears of what the flows of logged ports tell (`logged_flows.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

from heddle.agent.logged_flows import MEANING, METER
from heddle.agent.mirror import Mirror
from heddle.agent.owners import INT
from heddle.agent.packet_writer import PacketWriter
from heddle.agent.wiring import Wiring
from heddle.config import Settings
from heddle.host.flow_meters import PACKETS, Meter, Meters
from heddle.host.openflow import cookie_of
from heddle.host.packet_ins import PacketIns
from heddle.host.packets import of_frame
from heddle.view.types import Ref


class SwitchLogs:
    """`folder` holds vswitchd's sockets; `meter`: what all logs of the host may be told of."""

    make_packet_ins: ClassVar[Callable[..., PacketIns]] = PacketIns

    def __init__(self, settings: Settings, wiring: Wiring, folder: Path) -> None:
        self._wiring, self._folder = wiring, folder
        self.meter = Meter(PACKETS, settings.network_log.rate_limit, settings.network_log.burst_limit)
        self.writer = PacketWriter(settings, self._listen, self._kept_back)
        self._meters: Meters | None = None

    def _kept_back(self) -> int:
        return self._meters.dropped(METER) if self._meters else 0

    def follow(self, mirror: Mirror, changed: Iterable[Ref] | None, meters: Meters) -> None:
        """Flows are about to come, and to go."""
        self._meters = meters
        logged = {cookie_of(port.id): port.id for port in self._wiring.ports.values() if port.logged}
        self.writer.follow(mirror, changed, logged)

    def _listen(self, writer: PacketWriter) -> PacketIns:
        def take(table: int, cookie: int, frame: bytes) -> None:
            if table in MEANING:
                writer.take(cookie, *MEANING[table], of_frame(frame))

        return type(self).make_packet_ins(
            self._folder, INT, take, lambda since: writer.file.gap(since, "vswitchd_not_reached")
        )
