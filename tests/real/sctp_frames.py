"""Frames of SCTP: INITs (RFC 9260) and their answers, of a test's own making, for not every kernel has SCTP.

A nonce tells them from others, and their ports one from another.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from ipaddress import ip_address

from tests.fakes.objects import ip, mac
from tests.real.testhost import TestHost
from tests.real.traffic import bare, catching, send

from heddle.host.wire import checksum

INIT, ACKNOWLEDGED, SCTP = 1, 2, 132
NONCE = "7363747073637470"
Ports = tuple[int, int]


def address(number: int, version: int) -> str:
    return ip(number) if version == 4 else f"2001:db8::{number}"


def frame(source: int, sink: int, ports: Ports, kind: int = INIT, version: int = 4) -> str:
    """A frame with the first packet of an association, or with the answer to it."""
    body = packet(source, sink, ports, kind)
    ends = b"".join(ip_address(address(each, version)).packed for each in (source, sink))
    if version == 6:
        top = struct.pack("!IHBB", 6 << 28, len(body), SCTP, 64) + ends
    else:
        top = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, 64, SCTP, 0) + ends
        top = top[:10] + struct.pack("!H", checksum(top)) + top[12:]
    return bare(mac(sink)) + bare(mac(source)) + ("86dd" if version == 6 else "0800") + (top + body).hex()


def packet(source: int, sink: int, ports: Ports, kind: int = INIT) -> bytes:
    """It without its addresses."""
    parameter = struct.pack("!HH", 0xC001, 4 + len(NONCE) // 2) + bytes.fromhex(NONCE)
    chunk = struct.pack("!BBHIIHHI", kind, 0, 20 + len(parameter), _tag(source), 65535, 1, 1, 1) + parameter
    head = struct.pack("!HHI", *ports, _tag(sink) if kind == ACKNOWLEDGED else 0)
    return head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk


def arrived(host: TestHost, source: int, sink: int, *sent: Ports, kind: int = INIT, version: int = 4) -> set[Ports]:
    """Which of these packets, by their source and destination ports, come to the other guest."""
    with catching(host, [f"g{sink}"], NONCE, 0.4) as caught:
        send(host, f"g{source}", *(frame(source, sink, ports, kind, version) for ports in sent))
    start = 2 * (14 + (20 if version == 4 else 40))
    return {(int(each[start:start + 4], 16), int(each[start + 4:start + 8], 16)) for each in caught[f"g{sink}"]}


def _tag(number: int) -> int:
    """The verification tag of a guest."""
    return number * 0x11111111


def crc32c(data: Iterable[int]) -> int:
    """The checksum of RFC 9260, appendix A."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF
