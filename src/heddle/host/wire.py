"""Sockets inside network namespaces: probes that send, and taps that capture.

A socket stays in the namespace in which it was made, so one process can ask from many namespaces at once
without a program in each.  A `Frame` is made here by hand and carries a nonce, 16 random bytes that occur nowhere
else: when a tap has the nonce, the frame came through; when the same generator's frames are captured where they may
go and nowhere else, its silence elsewhere is proof.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from heddle.host import netns
from heddle.host.netlink import within

BROADCAST = "ff:ff:ff:ff:ff:ff"
NONCE_BYTES = 16
_ETH_ALL, _IPV4, _ARP, _OUTGOING = 0x0003, 0x0800, 0x0806, 4
_PORT = 9999


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe saw: whether it was answered, after how many ms, and what the answer said."""

    ok: bool
    ms: float = 0.0
    said: str = ""


def nonce() -> bytes:
    return os.urandom(NONCE_BYTES)


class Tap:
    """Captures what arrives at an interface (not what leaves it) in a namespace, until it is closed."""

    def __init__(self, namespace: str, interface: str) -> None:
        self.namespace = namespace
        self._frames: list[bytes] = []
        self._socket = within(netns.path_of(namespace), lambda: _packet_socket(interface))
        self._thread = threading.Thread(target=self._capture, daemon=True, name=f"tap-{namespace}")
        self._thread.start()

    def saw(self, pattern: bytes) -> bool:
        """Whether a captured frame contains the bytes."""
        return any(pattern in frame for frame in self._frames)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)
        self._socket.close()

    def _capture(self) -> None:
        while True:
            try:
                if not select.select([self._socket], [], [], 0.2)[0]:
                    continue
                frame, address = self._socket.recvfrom(65535)
            except (OSError, ValueError):
                return
            if address[2] != _OUTGOING:
                self._frames.append(frame)


class Responder:
    """A TCP service in a namespace that answers each connection with the address it came from."""

    def __init__(self, namespace: str, port: int) -> None:
        self._socket = within(netns.path_of(namespace), lambda: _listener(port))
        threading.Thread(target=self._serve, daemon=True, name=f"tcp-{namespace}").start()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                stream, peer = self._socket.accept()
            except OSError:
                return
            with suppress(OSError), stream:
                stream.sendall(peer[0].encode())


def ping(namespace: str, address: str, mark: bytes = b"", seconds: float = 1.0, tries: int = 1) -> Answer:
    """ICMP echo from a namespace; `mark` is carried as payload."""
    stream = within(netns.path_of(namespace), lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
    with stream:
        for sequence in range(1, tries + 1):
            answer = _echo(stream, address, sequence, mark, seconds)
            if answer.ok:
                return answer
    return Answer(False)


def tcp(namespace: str, address: str, port: int, seconds: float = 1.0, source_port: int = 0) -> Answer:
    """Connect from a namespace, and read what the service says."""
    stream = within(netns.path_of(namespace), lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    began = time.perf_counter()
    with stream:
        stream.settimeout(seconds)
        try:
            if source_port:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                stream.bind(("", source_port))
            stream.connect((address, port))
            ms = (time.perf_counter() - began) * 1000
            return Answer(True, ms, stream.recv(200).decode(errors="replace"))
        except OSError as error:
            return Answer(False, (time.perf_counter() - began) * 1000, error.strerror or str(error))


def send(namespace: str, interface: str, frames: list[bytes]) -> None:
    """Put frames on an interface as they are."""
    with within(netns.path_of(namespace), lambda: _packet_socket(interface)) as raw:
        for frame in frames:
            raw.send(frame)


def udp_frame(source: tuple[str, str], target: tuple[str, str], mark: bytes) -> bytes:
    """An Ethernet frame with a UDP datagram; `source` and `target` are (MAC, IPv4 address)."""
    payload = struct.pack("!HHHH", _PORT, _PORT, 8 + len(mark), 0) + mark
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, 17, 0, _ip(source[1]), _ip(target[1]))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return _mac(target[0]) + _mac(source[0]) + struct.pack("!H", _IPV4) + header + payload


def arp_frame(source: tuple[str, str], target: tuple[str, str], mark: bytes) -> bytes:
    """An ARP request for the target's address, sent to its MAC; the nonce is in the padding."""
    body = struct.pack("!HHBBH", 1, _IPV4, 6, 4, 1) + _mac(source[0]) + _ip(source[1]) + bytes(6) + _ip(target[1])
    return _mac(target[0]) + _mac(source[0]) + struct.pack("!H", _ARP) + body + mark + b"\0\0"


def checksum(data: bytes) -> int:
    """That of the Internet (RFC 1071); behind an odd number of bytes a zero is thought."""
    words = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(words) // 2}H", words))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _echo(stream: socket.socket, address: str, sequence: int, mark: bytes, seconds: float) -> Answer:
    identity = int.from_bytes(os.urandom(2), "big")
    message = struct.pack("!BBHHH", 8, 0, 0, identity, sequence) + mark
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    began = time.perf_counter()
    try:
        stream.sendto(message, (address, 0))
    except OSError as error:
        return Answer(False, 0.0, error.strerror or str(error))
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and select.select([stream], [], [], left)[0]:
        packet, (peer, _) = stream.recvfrom(2048)
        reply = packet[(packet[0] & 15) * 4 :]
        if reply[0] == 0 and reply[4:8] == struct.pack("!HH", identity, sequence):
            return Answer(True, (time.perf_counter() - began) * 1000, peer)
    return Answer(False)


def _packet_socket(interface: str) -> socket.socket:
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_ALL))
    raw.bind((interface, _ETH_ALL))
    return raw


def _listener(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", port))
    listener.listen(16)
    return listener


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _ip(text: str) -> bytes:
    return socket.inet_aton(text)
