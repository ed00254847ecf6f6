"""Traffic of one guest until standard input is closed, in its namespace, and what became of it, as JSON.

flows.py ping INTERVAL ADDRESS...       echo requests to each address at a fixed rate; an answer counts up to 2 s
                                        after the last request
flows.py echo PORT                      sends back what comes, for ever
flows.py stream INTERVAL ADDRESS PORT   numbered records on one TCP connection, and their echoes
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
import sys
import threading
import time

LATE, DELIVERED, WARM = 2.0, 15.0, 0.5
RECORD = struct.Struct("!Q56s")


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ended() -> threading.Event:
    """Set when standard input is closed."""
    event = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        event.set()

    threading.Thread(target=wait, daemon=True).start()
    return event


def ping(interval: str, *addresses: str) -> None:
    pause, end = float(interval), ended()
    sockets = {socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP): address for address in addresses}
    got: dict[str, set[int]] = {address: set() for address in addresses}
    ident, number, last, late = os.getpid() & 0xFFFF, 0, float("inf"), 0.0
    for raw, address in sockets.items():
        raw.connect((address, 0))
    print("ready", flush=True)
    start = time.monotonic()
    while (now := time.monotonic()) < last + LATE:
        if end.is_set():
            last = min(last, now)
            if all(len(each) == number for each in got.values()):
                break
        else:
            body = struct.pack("!BBHHI", 8, 0, 0, ident, number) + b"heddle"
            packet = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
            for raw in sockets:
                with contextlib.suppress(OSError):
                    raw.send(packet)
            late = max(late, now - start - number * pause) if number * pause > WARM else late
            number += 1
        wake = max(now, start + number * pause) if not end.is_set() else now + pause
        while ready := select.select(list(sockets), [], [], max(0.0, wake - time.monotonic()))[0]:
            for raw in ready:
                kind, _, _, back, sequence = struct.unpack("!BBHHI", raw.recv(2048)[20:30])
                if kind == 0 and back == ident:
                    got[sockets[raw]].add(sequence)
    counted = range(int(WARM / pause), number)
    lost = {address: sorted(set(counted) - got[address]) for address in addresses}
    print(json.dumps({
        address: {"sent": len(counted), "lost": len(gone), "at": [round(n * pause, 2) for n in gone[:5]],
                  "last": start + gone[-1] * pause if gone else 0, "gap": round(longest(gone) * pause, 2),
                  "late": round(late, 3)}
        for address, gone in lost.items()
    }), flush=True)  # fmt: skip


def longest(gone: list[int]) -> int:
    """The most requests in a row without an answer."""
    best = run = 0
    for place, number in enumerate(gone):
        run = run + 1 if place and gone[place - 1] == number - 1 else 1
        best = max(best, run)
    return best


def echo(port: str) -> None:
    def serve(stream: socket.socket) -> None:
        with stream, contextlib.suppress(OSError):
            while data := stream.recv(65536):
                stream.sendall(data)

    with socket.create_server(("", int(port))) as server:
        print("ready", flush=True)
        while True:
            threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()


def stream(interval: str, address: str, port: str) -> None:
    pause, end = float(interval), ended()
    back, waiting, broken = bytearray(), bytearray(), ""
    gap, sent, stopped = 0.0, 0, float("inf")
    with socket.create_connection((address, int(port)), 10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        print("ready", flush=True)
        start = last = time.monotonic()
        while not broken and (now := time.monotonic()) < stopped + DELIVERED:
            if end.is_set():
                stopped = min(stopped, now)
                if len(back) >= sent * RECORD.size:
                    break
            elif now >= start + sent * pause:
                waiting += RECORD.pack(sent, b"heddle")
                sent += 1
            readable, writable, _ = select.select([connection], [connection] if waiting else [], [], pause / 2)
            try:
                if writable:
                    del waiting[: connection.send(waiting)]
                if readable:
                    data = connection.recv(65536)
                    broken = "" if data else "closed"
                    back += data
                    gap, last = max(gap, time.monotonic() - last), time.monotonic()
            except OSError as error:
                broken = str(error)
    numbers = [RECORD.unpack_from(back, at)[0] for at in range(0, len(back) - RECORD.size + 1, RECORD.size)]
    whole = numbers == list(range(sent))
    print(json.dumps({"sent": sent, "echoed": len(numbers), "whole": whole, "gap": round(gap, 3), "broken": broken}),
          flush=True)  # fmt: skip


if __name__ == "__main__":
    {"ping": ping, "echo": echo, "stream": stream}[sys.argv[1]](*sys.argv[2:])
