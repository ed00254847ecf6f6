"""A connection as it is carried from one host's kernel to another's: the record that travels, and its strict check.

A record has what the other kernel needs to go on with the connection: the tuple with which it came, the one with which
answers come (other than the mirror of the first where addresses or ports are translated, so that SNAT, floating IPs
and forwarded ports follow from the two), status, state, timeout, mark and zone.

Left out: the helpers of a connection, what they expect and the shifts of sequence numbers that they cause (an FTP
session keeps its control connection, a transfer that begins after the change does not), counters, labels, and the
window of a TCP stream: the other kernel is told to be liberal with it.

TCP, UDP, ICMP, ICMPv6 and SCTP have records; tuples are packed: both addresses, then two ports, or for ICMP the
identifier, type and code.
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

import msgspec

from heddle.errors import HeddleError

ICMP, TCP, UDP, ICMPV6, SCTP = 1, 6, 17, 58, 132
PROTOCOLS = frozenset({ICMP, TCP, UDP, ICMPV6, SCTP})
SEEN_REPLY, ASSURED, FIXED_TIMEOUT = 0x2, 0x4, 0x400
# What of a status says something to another kernel; the rest is its own, or follows from the tuples.
STATUS = SEEN_REPLY | ASSURED | FIXED_TIMEOUT
LIVING_TCP = range(3, 6)  # established, or closed by one side
LIVING_SCTP = range(4, 5)  # established
_SIZES = {12: socket.AF_INET, 36: socket.AF_INET6}
_STATE_SIZES = {TCP: 5, SCTP: 9}
_MOST_TIMEOUT = 0x7FFFFFFF // 1000
_ANSWERED = {8: 0, 13: 14, 15: 16, 17: 18, 128: 129, 139: 140}
_ANSWERS = {answer: asked for asked, answer in _ANSWERED.items()}


class BadRecord(HeddleError):
    """A record of a connection that no kernel can have."""


class Name(NamedTuple):
    """What tells a connection from others of its namespace: zone, protocol, and the packed tuple with which it came."""

    zone: int
    protocol: int
    original: bytes


class Connection(msgspec.Struct, frozen=True, array_like=True):
    """`reply`: the packed tuple of answers, empty where it is the mirror of `original`.

    `state`: of TCP its state, both window scales and both flags, a byte each; of SCTP its state and both tags; else
    empty.  `timeout` in seconds.
    """

    protocol: int
    original: bytes
    reply: bytes
    status: int
    timeout: int
    state: bytes = b""
    mark: int = 0
    zone: int = 0

    @property
    def name(self) -> Name:
        return Name(self.zone, self.protocol, self.original)

    @property
    def answers(self) -> bytes:
        """The tuple with which answers come."""
        return self.reply or mirrored(self.protocol, self.original)


def family_of(original: bytes) -> int:
    return _SIZES[len(original)]


def split(packed: bytes) -> tuple[bytes, bytes, bytes]:
    """Source, destination, and the four bytes of the protocol."""
    size = (len(packed) - 4) // 2
    return packed[:size], packed[size : 2 * size], packed[2 * size :]


def mirrored(protocol: int, packed: bytes) -> bytes:
    """The tuple of answers where nothing is translated."""
    source, target, last = split(packed)
    if protocol in (ICMP, ICMPV6):
        kind = last[2]
        return target + source + last[:2] + bytes([_ANSWERED.get(kind, _ANSWERS.get(kind, kind))]) + last[3:]
    return target + source + last[2:] + last[:2]


def worth(each: Connection) -> bool:
    """Whether it is worth being carried: one that lives, and that its kernel has seen answered."""
    if each.protocol == TCP:
        return bool(each.status & ASSURED) and each.state[0] in LIVING_TCP
    if each.protocol == SCTP:
        return bool(each.status & ASSURED) and each.state[0] in LIVING_SCTP
    return each.protocol == UDP and bool(each.status & SEEN_REPLY)


def check_name(name: Name) -> None:
    """Raises `BadRecord`."""
    if name.protocol not in PROTOCOLS or len(name.original) not in _SIZES:
        raise BadRecord("a connection of a protocol that is not carried, or whose tuple is not of its size")
    if not 0 <= name.zone <= 0xFFFF:
        raise BadRecord("a connection's zone is no number of 16 bits")
    four = len(name.original) == 12
    if (name.protocol == ICMP and not four) or (name.protocol == ICMPV6 and four):
        raise BadRecord("ICMP of the other version of IP")


def check(each: Connection) -> None:
    """Raises `BadRecord`."""
    check_name(each.name)
    if each.reply and len(each.reply) != len(each.original):
        raise BadRecord("the two tuples of a connection are of different versions of IP")
    if len(each.state) != _STATE_SIZES.get(each.protocol, 0):
        raise BadRecord("a connection's state is not of the size that its protocol has")
    if each.protocol == TCP and (not 1 <= each.state[0] <= 9 or max(each.state[1:3]) > 14):
        raise BadRecord("a TCP connection's state is none")
    if each.protocol == SCTP and not 1 <= each.state[0] <= 8:
        raise BadRecord("an SCTP connection's state is none")
    if not 0 <= each.timeout <= _MOST_TIMEOUT or not 0 <= each.mark <= 0xFFFFFFFF or each.status & ~STATUS:
        raise BadRecord("a connection's timeout, mark or status is out of range")


def described(name: Name) -> str:
    """For errors and logs."""
    source, target, last = split(name.original)
    ends = [socket.inet_ntop(family_of(name.original), end) for end in (source, target)]
    first, second = struct.unpack("!HH", last)
    return f"protocol {name.protocol} {ends[0]} {first} to {ends[1]} {second} in zone {name.zone}"
