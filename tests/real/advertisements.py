"""Asks the routers on a guest's link what they advertise (RFC 4861), and prints the first answer as JSON.

    {"lifetime": s, "managed": …, "other": …, "mtu": bytes, "servers": […],
     "prefixes": {CIDR: [autonomous, preferred s]}}

As `python advertisements.py DEVICE SECONDS`, in the guest; prints null when nobody answers within the seconds.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
import sys
import time
from typing import Any


def read(message: bytes) -> dict[str, Any]:
    """A router advertisement, from its type on."""
    flags, lifetime = struct.unpack_from("!BH", message, 5)
    found: dict[str, Any] = {
        "lifetime": lifetime, "managed": bool(flags & 0x80), "other": bool(flags & 0x40), "mtu": 0, "servers": [],
        "prefixes": {},
    }  # fmt: skip
    at = 16
    while at + 8 <= len(message) and message[at + 1]:
        option = message[at:at + 8 * message[at + 1]]
        if option[0] == 3:
            preferred, address = struct.unpack_from("!I", option, 8)[0], ipaddress.IPv6Address(option[16:32])
            found["prefixes"][f"{address}/{option[2]}"] = [bool(option[3] & 0x40), preferred]
        elif option[0] == 5:
            found["mtu"] = struct.unpack_from("!I", option, 4)[0]
        elif option[0] == 25:
            found["servers"] = [str(ipaddress.IPv6Address(option[i:i + 16])) for i in range(8, len(option), 16)]
        at += len(option)
    return found


def ask(device: str, seconds: float) -> dict[str, Any] | None:
    index = socket.if_nametoindex(device)
    solicitation = struct.pack("!BBHI", 133, 0, 0, 0)
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as link:
        link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            link.sendto(solicitation, ("ff02::2", 0, 0, index))
            link.settimeout(1)
            try:
                while (message := link.recv(2048))[0] != 134:
                    pass
            except TimeoutError:
                continue
            return read(message)
    return None


if __name__ == "__main__":
    print(json.dumps(ask(sys.argv[1], float(sys.argv[2]))))
