"""A connection as Open vSwitch tracks it, and how one that lives is cut: its entry says so, and stays.  Pure.

To forget an entry is not enough: the next frame from the other end would begin the connection anew, the other way
round, and pass wherever that direction is open.  So the entry is kept and bears the mark `CUT` and no other: nothing
that rules had agreed to, so that its frames meet them again, and the pipeline drops its answers.

Open vSwitch's userspace datapath changes the mark of an entry only with a frame that belongs to it.  One is made here
for each connection and handed to vswitchd as a packet-out; it goes to the connection table and nowhere else, and need
not fit into the window of a TCP stream for that.  The kernel's datapath uses the kernel's table, which is told the mark
itself (`conntrack.py`); it would take such frames for invalid ones.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from heddle.host.wire import checksum

CUT = 0x4
ICMP, ICMPV6 = 1, 58
_TCP, _UDP = 6, 17
_ACK = 0x10
_MACS = bytes.fromhex("024e4444ff02024e4444ff01")

PROTOCOLS = {"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "dccp": 33, "icmpv6": 58, "sctp": 132, "udplite": 136}
_LINE = re.compile(
    r"^(\w+),orig=\(src=([^,]+),dst=([^,)]+)(?:,id=(\d+))?(?:,type=(\d+),code=(\d+))?(?:,sport=(\d+),dport=(\d+))?"
    r"[^)]*\)(?:,reply=\(src=([^,)]+))?[^\n]*?,zone=(\d+)(?:[^\n]*?,mark=(\d+))?", re.MULTILINE,
)


class Tracked(NamedTuple):
    """A connection as it began: `source` sent the first frame.

    `protocol` is a number; `source_port` and `target_port` are 0 where there are none or Open vSwitch does not tell
    them, and of ICMP the identifier and the type, with its `code`.  `translated`: who answers in the place of the
    target, "" where that does itself.  `number` and `side` are of associations that the pipeline learned, see
    `associations.py`: those of the port that agreed to it, 0 for what the connection table has.
    """

    zone: int
    protocol: int
    source: str
    target: str
    source_port: int = 0
    target_port: int = 0
    code: int = 0
    mark: int = 0
    translated: str = ""
    number: int = 0
    side: int = 0


def parse_connections(text: str) -> Iterator[Tracked]:
    """The lines of dpctl/dump-conntrack; what has no protocol that we know is left out."""
    for name, source, target, identifier, kind, code, source_port, target_port, by, zone, mark in _LINE.findall(text):
        protocol = PROTOCOLS.get(name, int(name) if name.isdecimal() else -1)
        if not 0 <= protocol <= 255:
            continue
        yield Tracked(
            int(zone), protocol, source, target, int(identifier or source_port or 0), int(kind or target_port or 0),
            int(code or 0), int(mark or 0), by if by != target else "",
        )


def packet_out(each: Tracked) -> str:
    """The line of a bundle that marks an entry."""
    mark = f"ct(commit,zone={each.zone},exec(set_field:0x{CUT:x}->ct_mark))"
    return f"packet-out in_port=controller,packet={frame_of(each).hex()},actions={mark}"


def frame_of(each: Tracked) -> bytes:
    """An Ethernet frame that belongs to a connection, in the direction in which it began."""
    if ":" in each.source:
        source, target = (socket.inet_pton(socket.AF_INET6, address) for address in (each.source, each.target))
        body = _body(each, source + target)
        head = struct.pack("!IHBB", 6 << 28, len(body), each.protocol, 64)
        return _MACS + b"\x86\xdd" + head + source + target + body
    source, target = (socket.inet_pton(socket.AF_INET, address) for address in (each.source, each.target))
    body = _body(each, source + target)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, each.protocol, 0) + source + target
    return _MACS + b"\x08\x00" + head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def _body(each: Tracked, addresses: bytes) -> bytes:
    """What is in the IP packet, with its checksum."""
    ports = struct.pack("!HH", each.source_port, each.target_port)
    if each.protocol == _TCP:
        body, place = ports + struct.pack("!IIBBHHH", 0, 0, 0x50, _ACK, 0, 0, 0), 16
    elif each.protocol == _UDP:
        body, place = ports + struct.pack("!HH", 8, 0), 6
    elif each.protocol in (ICMP, ICMPV6):
        body, place = struct.pack("!BBHHH", each.target_port, each.code, 0, each.source_port, 0), 2
    else:
        return bytes(8)
    covered = b"" if each.protocol == ICMP else addresses + struct.pack("!II", len(body), each.protocol)
    value = checksum(covered + body) or 0xFFFF
    return body[:place] + struct.pack("!H", value) + body[place + 2:]
