"""Messages of neighbour discovery to a group of the link (RFC 4861), from the calling thread's network namespace."""

from __future__ import annotations

import socket
import struct

ALL_NODES, ALL_ROUTERS = "ff02::1", "ff02::2"
SOLICITATION = struct.pack("!BBHI", 133, 0, 0, 0)


def send(interface: str, message: bytes, group: str, source: str = "") -> None:
    """Send an ICMPv6 message, whose checksum the kernel fills in, from a link-local address of the interface.

    `source`: which of them.  Raises `OSError` where the interface is not there, or is down.
    """
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_ICMPV6) as sender:
        index = socket.if_nametoindex(interface)
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        if source:
            sender.bind((source, 0, 0, index))
        sender.sendto(message, (group, 0, 0, index))
