"""Sends and catches frames in a guest's namespace, for what ping cannot show.

    frames.py send <device> <frame in hex>...
    frames.py catch <device> <seconds> <nonce in hex>    prints each frame with the nonce, until its input ends at least
    frames.py tcp <address> <port> <seconds>             "open" or "closed"
    frames.py listen <port>                              accepts for ever
    frames.py ping <address> <seconds> <interval>        prints sent and lost
    frames.py serve <port> / talk <address> <port>       both ends send all the time; each prints what it received
    frames.py echo <port> / ask <address> <port>         the same over UDP, answered by the other end
    frames.py flood <address> <first> <count>            one datagram from each of so many source ports
    frames.py pour <address> <size> <rate>               datagrams of so many bytes, so many a second, for ever
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import struct
import sys
import time

ALL = 3
PR_SET_PDEATHSIG = 1
LINGER = 0.2


def packets(device: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    made.bind((device, 0))
    return made


def send(device: str, *frames: str) -> None:
    with packets(device) as out:
        for frame in frames:
            out.send(bytes.fromhex(frame))


def catch(device: str, seconds: str, nonce: str) -> None:
    """For so long, and in any case until its input ends and a moment longer: who sends may be slow to begin."""
    end, told = time.monotonic() + float(seconds), False
    with packets(device) as source:
        print("ready", flush=True)
        while not told or time.monotonic() < end:
            left = max(end - time.monotonic(), 0.01)
            heard, _, _ = select.select([source] if told else [source, sys.stdin], [], [], left)
            if sys.stdin in heard and not sys.stdin.buffer.read1(64):
                told, end = True, max(end, time.monotonic() + LINGER)
            if source in heard:
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
    six = ":" in address
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    request, reply, head = (128, 129, 0) if six else (8, 0, 20)
    with socket.socket(family, socket.SOCK_RAW, protocol) as raw:
        raw.connect((address, 0))
        print("ready", flush=True)
        start = time.monotonic()
        for number in range(count + int(1 / float(interval))):
            if number < count:
                body = struct.pack("!BBHHH", request, 0, 0, ident, number) + b"heddle--"
                raw.send(body[:2] + struct.pack("!H", checksum(body)) + body[4:])
            wake = start + (number + 1) * float(interval)
            while select.select([raw], [], [], max(0.0, wake - time.monotonic()))[0]:
                kind, _, _, ident_back, sequence = struct.unpack("!BBHHH", raw.recv(2048)[head:head + 8])
                if kind == reply and ident_back == ident:
                    got.add(sequence)
            if len(got) == count:
                break
    lost_at = [number for number in range(count) if number not in got]
    print(count, len(lost_at), lost_at[:20], flush=True)


def _both(stream: socket.socket) -> None:
    """Send and receive for ever; print the bytes received so far, ten times a second."""
    stream.setblocking(False)
    got, said = 0, 0.0
    while True:
        with contextlib.suppress(BlockingIOError):
            stream.send(b"x" * 16)
        if select.select([stream], [], [], 0.01)[0]:
            with contextlib.suppress(BlockingIOError):
                got += len(stream.recv(65536))
        if time.monotonic() - said > 0.1:
            said = time.monotonic()
            print(got, flush=True)
        time.sleep(0.01)


def serve(port: str) -> None:
    with socket.create_server(("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        print("ready", flush=True)
        _both(server.accept()[0])


def talk(address: str, port: str) -> None:
    stream = socket.create_connection((address, int(port)), timeout=10)
    print("ready", flush=True)
    _both(stream)


def echo(port: str) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.bind(("", int(port)))
        print("ready", flush=True)
        _, peer = server.recvfrom(2048)
        server.connect(peer)
        _both(server)


def ask(address: str, port: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as stream:
        stream.connect((address, int(port)))
        print("ready", flush=True)
        _both(stream)


def flood(address: str, first: str, count: str) -> None:
    for port in range(int(first), int(first) + int(count)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.bind(("", port))
            out.sendto(b"flood", (address, 9))
        if port % 100 == 0:
            time.sleep(0.02)


def pour(address: str, size: str, rate: str) -> None:
    """In handfuls, at fixed times."""
    body, handful, start = b"x" * int(size), 10, time.monotonic()
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect((address, 9))
        print("ready", flush=True)
        for number in range(1 << 60):
            for _ in range(handful):
                with contextlib.suppress(OSError):
                    out.send(body)
            time.sleep(max(0.0, start + (number + 1) * handful / float(rate) - time.monotonic()))


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    commands = (send, catch, tcp, listen, ping, serve, talk, echo, ask, flood, pour)
    {command.__name__: command for command in commands}[sys.argv[1]](*sys.argv[2:])
