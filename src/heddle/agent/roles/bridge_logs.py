"""Logs of packets on Linux bridges: who hears of what the rules of logged ports tell (`agent/bridge/logged.py`)."""

from __future__ import annotations

from heddle.agent.bridge.filter import TABLE
from heddle.agent.bridge.logged import MEANING, SUPPRESSED
from heddle.agent.packet_writer import PacketWriter
from heddle.config import Settings
from heddle.host.meters import counters
from heddle.host.netlink import NETFILTER, Netlink
from heddle.host.nflog import Nflog
from heddle.host.packets import of_packet


def packet_writer(settings: Settings) -> PacketWriter:
    filter = Netlink(NETFILTER)
    return PacketWriter(settings, _listen, lambda: counters(filter, TABLE).get(SUPPRESSED, (0, 0))[0])


def _listen(writer: PacketWriter) -> Nflog:
    def take(mark: int, prefix: str, head: bytes) -> None:
        if prefix in MEANING:
            writer.take(mark, *MEANING[prefix], of_packet(head))

    return Nflog(take, lambda since: writer.file.gap(since, "more_than_was_read"))
