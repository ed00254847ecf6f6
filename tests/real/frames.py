"""Sends and catches frames in a guest's namespace, for what ping cannot show.

    frames.py send <device> <frame in hex>...
    frames.py catch <device> <seconds> <nonce in hex>    prints each frame that has the nonce
    frames.py tcp <address> <port> <seconds>             "open" or "closed"
    frames.py listen <port>                              accepts for ever
    frames.py ping <address> <seconds> <interval>        prints sent and lost
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time

ALL = 3


def packets(device: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    made.bind((device, 0))
    return made


def send(device: str, *frames: str) -> None:
    with packets(device) as out:
        for frame in frames:
            out.send(bytes.fromhex(frame))


def catch(device: str, seconds: str, nonce: str) -> None:
    end = time.monotonic() + float(seconds)
    with packets(device) as source:
        print("ready", flush=True)
        while (left := end - time.monotonic()) > 0:
            if select.select([source], [], [], left)[0]:
                frame, address = source.recvfrom(65536)
                if bytes.fromhex(nonce) in frame and address[2] != socket.PACKET_OUTGOING:
                    print(frame.hex(), flush=True)


def tcp(address: str, port: str, seconds: str) -> None:
    try:
        socket.create_connection((address, int(port)), timeout=float(seconds)).close()
        print("open")
    except OSError:
        print("closed")


def listen(port: str) -> None:
    family = socket.AF_INET6 if socket.has_ipv6 else socket.AF_INET
    with socket.create_server(("", int(port)), family=family, dualstack_ipv6=True) as server:
        print("ready", flush=True)
        while True:
            server.accept()[0].close()


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ping(address: str, seconds: str, interval: str) -> None:
    """Echo requests at a fixed rate from one socket; an answer counts up to 1 s after its request."""
    got: set[int] = set()
    lost_at: list[int] = []
    count = int(float(seconds) / float(interval))
    ident = os.getpid() & 0xFFFF
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.connect((address, 0))
        print("ready", flush=True)
        start = time.monotonic()
        for number in range(count + int(1 / float(interval))):
            if number < count:
                body = struct.pack("!BBHHH", 8, 0, 0, ident, number) + b"heddle--"
                raw.send(body[:2] + struct.pack("!H", checksum(body)) + body[4:])
            wake = start + (number + 1) * float(interval)
            while select.select([raw], [], [], max(0.0, wake - time.monotonic()))[0]:
                kind, _, _, ident_back, sequence = struct.unpack("!BBHHH", raw.recv(2048)[20:28])
                if kind == 0 and ident_back == ident:
                    got.add(sequence)
            if len(got) == count:
                break
    lost_at = [number for number in range(count) if number not in got]
    print(count, len(lost_at), lost_at[:20], flush=True)


if __name__ == "__main__":
    {"send": send, "catch": catch, "tcp": tcp, "listen": listen, "ping": ping}[sys.argv[1]](*sys.argv[2:])
