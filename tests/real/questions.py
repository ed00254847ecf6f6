"""Questions that guests ask of their network's server; run in a guest's namespace, answers as lines on stdout.

    dns SERVER TYPE NAME...        a line for each name: the code of the answer and what it says, sorted
    dhcp6 OPTION...                by Solicit: the options of these numbers that come back, as "number hex"
"""

from __future__ import annotations

import secrets
import socket
import struct
import sys
from pathlib import Path

import dns.message
import dns.query
import dns.rcode

ADVERTISE, SOLICIT = 2, 1
CLIENT_ID, ASSOCIATION, WANTED, ELAPSED = 1, 3, 6, 8
SERVERS = "ff02::1:2"


def ask_names(server: str, kind: str, *names: str) -> None:
    for name in names:
        answer = dns.query.udp(dns.message.make_query(name, kind), server, timeout=3)
        found = sorted(str(item) for each in answer.answer for item in each)
        print(dns.rcode.to_text(answer.rcode()), *found)


def option(code: int, value: bytes) -> bytes:
    return struct.pack("!HH", code, len(value)) + value


def parsed(body: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 4 <= len(body):
        code, length = struct.unpack_from("!HH", body, at)
        found[code] = body[at + 4:at + 4 + length]
        at += 4 + length
    return found


def ask_options(*wanted: str) -> None:
    """RFC 8415: without a lease, nothing is kept of it."""
    mac = bytes.fromhex(Path("/sys/class/net/eth0/address").read_text(encoding="ascii").strip().replace(":", ""))
    number = secrets.token_bytes(3)
    codes = b"".join(struct.pack("!H", int(each)) for each in wanted)
    message = bytes([SOLICIT]) + number + option(CLIENT_ID, b"\0\3\0\1" + mac)
    message += option(ASSOCIATION, struct.pack("!III", 7, 0, 0)) + option(ELAPSED, b"\0\0") + option(WANTED, codes)
    index = socket.if_nametoindex("eth0")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.bind(("::", 546))
        client.settimeout(1)
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        for _ in range(5):
            client.sendto(message, (SERVERS, 547, 0, index))
            try:
                answer = client.recv(4096)
            except TimeoutError:
                continue
            if answer[0] == ADVERTISE and answer[1:4] == number:
                found = parsed(answer[4:])
                print(*(f"{code} {found[code].hex()}" for code in map(int, wanted) if code in found), sep="\n")
                return
    sys.exit("no answer")


if __name__ == "__main__":
    {"dns": ask_names, "dhcp6": ask_options}[sys.argv[1]](*sys.argv[2:])
