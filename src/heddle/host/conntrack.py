"""Connections that the kernel tracks: those through a router are cut when what let them through is taken away.

Dumped, deleted and marked over netlink.  A connection is named to the kernel by the tuple and the zone with which it
came.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from heddle.host.connection import ICMP, ICMPV6, Tracked
from heddle.host.netlink import DUMP, Netlink, NetlinkError, Request, attribute, attributes, nested
from heddle.host.netns import Namespace

_NEW, _GET, _DELETE = 1 << 8, 1 << 8 | 1, 1 << 8 | 2
_ORIGINAL, _REPLY, _MARK, _ZONE, _ID = 1, 2, 8, 18, 12
_HEAD = struct.Struct("=BBH")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Service:
    """Ports of an IPv4 address; `protocol` is a number."""

    address: str
    protocol: int
    first: int
    last: int


class Passing(NamedTuple):
    """A connection as it began and as it is answered: who answers, and under which address its source is known there.

    These are others than `target` and `source` where an address is translated.
    """

    source: Address
    target: Address
    answerer: Address
    answered: Address


def cut(namespace: Namespace, addresses: Collection[str], services: Collection[Service] = ()) -> int:
    """Delete the IPv4 connections to one of the addresses, those that left under it, and those to the services.

    Returns how many.
    """
    if not addresses and not services:
        return 0
    reached = {
        (ipaddress.ip_address(each.address).packed, each.protocol, port)
        for each in services
        for port in range(each.first, each.last + 1)
    }
    raw = {ipaddress.ip_address(address).packed for address in addresses}
    head = _HEAD.pack(socket.AF_INET, 0, 0)
    doomed: list[Request] = []
    for _, body in namespace.filter.ask(Request(_GET, head, DUMP, "list of connections")):
        found = attributes(body, _HEAD.size)
        came = found.get(_ORIGINAL, b"")
        concerned = _destination(came) in raw or _destination(found.get(_REPLY, b"")) in raw
        if concerned or (reached and _service(came) in reached):
            doomed.append(_deletion(head, found))
    failures = namespace.filter.run(doomed)
    return len(doomed) - len(failures)


def cut_where(namespace: Namespace, doomed: Callable[[Passing], bool]) -> int:
    """Delete the connections of which `doomed` says so; returns how many."""
    found = [request for each, request in _passing(namespace.filter) if doomed(each)]
    return len(found) - len(namespace.filter.run(found))


def _passing(filter: Netlink) -> Iterator[tuple[Passing, Request]]:
    """Every connection, and the request that deletes it."""
    for family in (socket.AF_INET, socket.AF_INET6):
        head = _HEAD.pack(family, 0, 0)
        for _, body in filter.ask(Request(_GET, head, DUMP, "list of connections")):
            found = attributes(body, _HEAD.size)
            came, answer = (attributes(attributes(found.get(kind, b"")).get(1, b"")) for kind in (_ORIGINAL, _REPLY))
            ends = [ipaddress.ip_address(raw) for tuple_ in (came, answer) for _, raw in sorted(tuple_.items())]
            if len(ends) == 4:
                yield Passing(*ends), _deletion(head, found)


def _deletion(head: bytes, found: dict[int, bytes]) -> Request:
    name = b"".join(attribute(kind, found[kind]) for kind in (_ORIGINAL, _ZONE, _ID) if kind in found)
    return Request(_DELETE, head + name, 0, "deletion of a connection", (errno.ENOENT,))


def forget(filter: Netlink, gone: Collection[tuple[int, str]]) -> int:
    """Delete the connections of zones: those of the address, or all of the zone where that is "".  Returns how many."""
    if not gone:
        return 0
    wanted = {(zone, ipaddress.ip_address(address).packed if address else b"") for zone, address in gone}
    doomed: list[Request] = []
    for family in (socket.AF_INET, socket.AF_INET6):
        head = _HEAD.pack(family, 0, 0)
        for _, body in filter.ask(Request(_GET, head, DUMP, "list of connections")):
            found = attributes(body, _HEAD.size)
            zone = int.from_bytes(found.get(_ZONE, b""), "big")
            ends = {b"", *attributes(attributes(found.get(_ORIGINAL, b"")).get(1, b"")).values()}
            if any((zone, end) in wanted for end in ends):
                doomed.append(_deletion(head, found))
    return len(doomed) - len(filter.run(doomed))


def mark(filter: Netlink, connections: Iterable[Tracked], number: int) -> list[NetlinkError]:
    """Give these connections a mark; one that is no longer there is no failure.  Returns the failures."""
    value = attribute(_MARK, number.to_bytes(4, "big"))
    return filter.run(
        Request(_NEW, _name(each) + value, 0, f"mark of a connection {each}", (errno.ENOENT,)) for each in connections
    )


def _name(each: Tracked) -> bytes:
    """The head of a request for a connection, its tuple, and its zone."""
    family = socket.AF_INET6 if ":" in each.source else socket.AF_INET
    first = 3 if family == socket.AF_INET6 else 1
    ends = (socket.inet_pton(family, address) for address in (each.source, each.target))
    addresses = nested(1, *(attribute(first + place, packed) for place, packed in enumerate(ends)))
    protocol = attribute(1, bytes([each.protocol]))
    if each.protocol in (ICMP, ICMPV6):
        first = 4 if each.protocol == ICMP else 7
        protocol += attribute(first, each.source_port.to_bytes(2, "big"))
        protocol += attribute(first + 1, bytes([each.target_port])) + attribute(first + 2, bytes([each.code]))
    else:
        ports = (each.source_port, each.target_port)
        protocol += b"".join(attribute(2 + place, port.to_bytes(2, "big")) for place, port in enumerate(ports))
    tuple_ = nested(_ORIGINAL, addresses, nested(2, protocol))
    return _HEAD.pack(family, 0, 0) + tuple_ + attribute(_ZONE, each.zone.to_bytes(2, "big"))


def _destination(tuple_: bytes) -> bytes:
    return attributes(attributes(tuple_).get(1, b"")).get(2, b"")


def _service(tuple_: bytes) -> tuple[bytes, int, int]:
    """Where a connection goes: address, protocol and port."""
    parts = attributes(attributes(tuple_).get(2, b""))
    return _destination(tuple_), int.from_bytes(parts.get(1, b""), "big"), int.from_bytes(parts.get(3, b""), "big")
