"""The head of an IP packet, read: who sends what to whom.  Pure.

Only what is there is told: a head may be cut off, and a fragment that is not the first has no ports.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from heddle.host.connection import PROTOCOLS

ICMP_TYPES = frozenset({1, 58})
_WITH_PORTS = frozenset({6, 17, 33, 132, 136})
_NAMES = {number: name for name, number in PROTOCOLS.items()}
_IPV4, _IPV6, _TAGS = 0x0800, 0x86DD, (0x8100, 0x88A8)
_EXTENSIONS, _FRAGMENT, _AUTHENTICATION = frozenset({0, 43, 60, 135}), 44, 51


@dataclass(frozen=True, slots=True)
class Packet:
    """`kind` and `code` are ICMP's.  `has_ports`: they were there."""

    protocol: int
    source: str
    target: str
    source_port: int = 0
    target_port: int = 0
    kind: int = 0
    code: int = 0
    has_ports: bool = False


def protocol_name(number: int) -> str:
    return _NAMES.get(number, str(number))


def of_frame(frame: bytes) -> Packet | None:
    """The packet in an Ethernet frame, None where there is none."""
    place = 12
    while len(frame) >= place + 2:
        (kind,) = struct.unpack_from("!H", frame, place)
        if kind not in _TAGS:
            return of_packet(frame[place + 2 :]) if kind in (_IPV4, _IPV6) else None
        place += 4
    return None


def of_packet(data: bytes) -> Packet | None:
    """What an IP packet is, None for what is none."""
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= 20:
        (fragment,) = struct.unpack_from("!H", data, 6)
        body = b"" if fragment & 0x1FFF else data[(data[0] & 15) * 4 :]
        return _packet(data[9], socket.inet_ntop(socket.AF_INET, data[12:16]),
                       socket.inet_ntop(socket.AF_INET, data[16:20]), body)  # fmt: skip
    if version == 6 and len(data) >= 40:
        protocol, body = _behind_extensions(data[6], data[40:])
        return _packet(protocol, socket.inet_ntop(socket.AF_INET6, data[8:24]),
                       socket.inet_ntop(socket.AF_INET6, data[24:40]), body)  # fmt: skip
    return None


def _behind_extensions(protocol: int, body: bytes) -> tuple[int, bytes]:
    while len(body) >= 8:
        if protocol in _EXTENSIONS:
            protocol, body = body[0], body[8 + body[1] * 8 :]
        elif protocol == _AUTHENTICATION:
            protocol, body = body[0], body[8 + body[1] * 4 :]
        elif protocol == _FRAGMENT:
            later = struct.unpack_from("!H", body, 2)[0] & 0xFFF8
            protocol, body = body[0], b"" if later else body[8:]
            if later:
                break
        else:
            break
    return protocol, body


def _packet(protocol: int, source: str, target: str, body: bytes) -> Packet:
    if protocol in ICMP_TYPES and len(body) >= 2:
        return Packet(protocol, source, target, kind=body[0], code=body[1])
    if protocol in _WITH_PORTS and len(body) >= 4:
        source_port, target_port = struct.unpack_from("!HH", body)
        return Packet(protocol, source, target, source_port, target_port, has_ports=True)
    return Packet(protocol, source, target)
