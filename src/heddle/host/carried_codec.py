"""Connections between ctnetlink's messages and the records that are carried (`carried.py`).  Pure.

The kernel lays the attributes of a tuple out in one order for each version of IP, so a tuple is read by one unpack at
its length; whatever looks otherwise (another protocol, a tuple without ports) is not carried.

A connection is made with the answers' tuple that it would have untranslated, and with what is to be translated beside
it: given a translated one, the kernel would find nothing to do, and translate nothing.
"""

from __future__ import annotations

import struct

from heddle.host.carried import (
    ICMP,
    ICMPV6,
    PROTOCOLS,
    SCTP,
    STATUS,
    TCP,
    Connection,
    Name,
    described,
    family_of,
    mirrored,
    split,
)
from heddle.host.netlink import ADD, Request, attribute, attributes, nested

NEW, GET, DELETE = 1 << 8, 1 << 8 | 1, 1 << 8 | 2
_ORIGINAL, _REPLY, _STATUS, _STATE, _NAT_SOURCE, _TIMEOUT, _MARK, _NAT_TARGET, _ZONE = 1, 2, 3, 4, 6, 7, 8, 13, 18
_HEAD = struct.Struct("=BBH")
_ATTRIBUTE = struct.Struct("=HH")
# By length: headers of tuple and addresses, source, target, protocol, its number, ports or ICMP's three.
_PORTS = {
    52: struct.Struct("8x 4x4s 4x4s 4x 4xB3x 4x2s2x 4x2s2x"),
    76: struct.Struct("8x 4x16s 4x16s 4x 4xB3x 4x2s2x 4x2s2x"),
}
_ECHO = {
    60: struct.Struct("8x 4x4s 4x4s 4x 4xB3x 4x2s2x 4xB3x 4xB3x"),
    84: struct.Struct("8x 4x16s 4x16s 4x 4xB3x 4x2s2x 4xB3x 4xB3x"),
}
_LIBERAL = 0x08
_TCP_ESTABLISHED = bytes((3, 0, 0, 0, 0))
_SCTP_ESTABLISHED = bytes((4, 0, 0, 0, 0, 0, 0, 0, 0))
_CONFIRMED = 0x8


def read(body: bytes) -> Connection | None:
    """The connection that a message of ctnetlink is about; None when it is none that is carried.

    An event leaves out what has not changed: without a state it is an established one.
    """
    found = _flat(body, _HEAD.size)
    came = _tuple(found.get(_ORIGINAL, b""))
    answered = _tuple(found.get(_REPLY, b""))
    if came is None or answered is None or came[0] != answered[0] or len(came[1]) != len(answered[1]):
        return None
    protocol, original = came
    reply = answered[1] if answered[1] != mirrored(protocol, original) else b""
    return Connection(
        protocol,
        original,
        reply,
        _number(found, _STATUS) & STATUS,
        min(_number(found, _TIMEOUT), 0x7FFFFFFF // 1000),
        _state(protocol, found.get(_STATE, b"")),
        _number(found, _MARK),
        _number(found, _ZONE),
    )


def creation(each: Connection, least_timeout: int = 0) -> Request:
    """Make it; the kernel refuses one that is there."""
    original, answers = each.original, each.answers
    plain = mirrored(each.protocol, original)
    parts = [_packed(_ORIGINAL, each.protocol, original), _packed(_REPLY, each.protocol, plain)]
    parts += _translations(each.protocol, answers, plain)
    status = each.status | _CONFIRMED
    parts.append(attribute(_STATUS, status.to_bytes(4, "big")))
    parts.append(attribute(_TIMEOUT, max(each.timeout, least_timeout, 1).to_bytes(4, "big")))
    parts.append(attribute(_MARK, each.mark.to_bytes(4, "big")) if each.mark else b"")
    parts.append(_state_of(each))
    parts.append(_zone(each.zone))
    body = _HEAD.pack(family_of(original), 0, 0) + b"".join(parts)
    return Request(NEW, body, ADD, f"connection {described(each.name)}")


def deletion(name: Name, ignore: tuple[int, ...] = ()) -> Request:
    """Delete the connection that came with this tuple."""
    body = _packed(_ORIGINAL, name.protocol, name.original) + _zone(name.zone)
    head = _HEAD.pack(family_of(name.original), 0, 0)
    return Request(DELETE, head + body, 0, f"deletion of connection {described(name)}", ignore)


def deletion_by_answers(each: Connection, ignore: tuple[int, ...] = ()) -> Request:
    """Delete whatever connection is answered as this one is."""
    body = _packed(_REPLY, each.protocol, each.answers) + _zone(each.zone)
    head = _HEAD.pack(family_of(each.original), 0, 0)
    return Request(DELETE, head + body, 0, f"deletion of what is answered like {described(each.name)}", ignore)


def _flat(data: bytes, offset: int) -> dict[int, bytes]:
    """As `attributes`, but with the header of each kept: tuples are read by their length."""
    found: dict[int, bytes] = {}
    end = len(data)
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[offset : offset + length]
        offset += (length + 3) & ~3
    return found


def _tuple(data: bytes) -> tuple[int, bytes] | None:
    size = len(data)
    if (ports := _PORTS.get(size)) is not None:
        source, target, protocol, first, second = ports.unpack(data)
        if protocol not in PROTOCOLS or protocol in (ICMP, ICMPV6):
            return None
        return protocol, source + target + first + second
    if (echo := _ECHO.get(size)) is not None:
        source, target, protocol, identifier, kind, code = echo.unpack(data)
        return (protocol, source + target + identifier + bytes((kind, code))) if protocol in (ICMP, ICMPV6) else None
    return None


def _number(found: dict[int, bytes], kind: int) -> int:
    return int.from_bytes(found.get(kind, b"")[4:], "big")


def _state(protocol: int, data: bytes) -> bytes:
    if protocol not in (TCP, SCTP):
        return b""
    parts = attributes(attributes(data, 4).get(1 if protocol == TCP else 3, b""))
    if protocol == TCP:
        if not parts.get(1):
            return _TCP_ESTABLISHED
        return b"".join((parts.get(kind) or b"\0")[:1] for kind in range(1, 6))
    if not parts.get(1):
        return _SCTP_ESTABLISHED
    return parts[1][:1] + parts.get(2, b"\0\0\0\0") + parts.get(3, b"\0\0\0\0")


def _state_of(each: Connection) -> bytes:
    if each.protocol == TCP:
        state, *rest = each.state
        scales = b"".join(attribute(2 + place, bytes([scale])) for place, scale in enumerate(rest[:2]))
        flags = b"".join(attribute(4 + place, bytes((flag | _LIBERAL, 0xFF))) for place, flag in enumerate(rest[2:]))
        return nested(_STATE, nested(1, attribute(1, bytes([state])), scales, flags))
    if each.protocol == SCTP:
        tags = attribute(2, each.state[1:5]) + attribute(3, each.state[5:9])
        return nested(_STATE, nested(3, attribute(1, each.state[:1]), tags))
    return b""


def _packed(kind: int, protocol: int, packed: bytes) -> bytes:
    source, target, last = split(packed)
    first = 1 if len(source) == 4 else 3
    parts = attribute(1, bytes([protocol]))
    if protocol in (ICMP, ICMPV6):
        at = 4 if protocol == ICMP else 7
        parts += attribute(at, last[:2]) + attribute(at + 1, last[2:3]) + attribute(at + 2, last[3:])
    else:
        parts += attribute(2, last[:2]) + attribute(3, last[2:])
    return nested(kind, nested(1, attribute(first, source), attribute(first + 1, target)), nested(2, parts))


def _translation(kind: int, address: bytes, port: bytes) -> bytes:
    """To this address and port alone."""
    first = 1 if len(address) == 4 else 4
    ends = attribute(first, address) + attribute(first + 1, address)
    return nested(kind, ends, nested(3, attribute(1, port), attribute(2, port)))


def _translations(protocol: int, answers: bytes, plain: bytes) -> list[bytes]:
    """From the tuples of answers as they are, and as they would be untranslated.  ICMP's identifier is as a port."""
    (source, target, last), (was_source, was_target, was) = split(answers), split(plain)
    if protocol in (ICMP, ICMPV6):
        ports = (was[:2], last[:2]), (was[:2], was[:2])
    else:
        ports = (last[:2], last[2:]), (was[:2], was[2:])
    found: list[bytes] = []
    if (source, ports[0][0]) != (was_source, ports[1][0]):
        found.append(_translation(_NAT_TARGET, source, ports[0][0]))
    if (target, ports[0][1]) != (was_target, ports[1][1]):
        found.append(_translation(_NAT_SOURCE, target, ports[0][1]))
    return found


def _zone(zone: int) -> bytes:
    return attribute(_ZONE, zone.to_bytes(2, "big")) if zone else b""
