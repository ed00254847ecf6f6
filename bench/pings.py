"""Pings from this process: raw sockets opened in the guests, no process per ping."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bench.guests import Guest

LOST_SECONDS = 1.0


def echo_request(ident: int, number: int) -> bytes:
    """An ICMP echo request with its checksum."""
    head = struct.pack("!BBHHH", 8, 0, 0, ident, number)
    words = struct.unpack("!4H", head)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBHHH", 8, 0, ~total & 0xFFFF, ident, number)


def echo_reply(packet: bytes) -> tuple[str, int, int] | None:
    """Source address, identifier and number of an IPv4 packet that is an echo reply."""
    start = (packet[0] & 15) * 4
    if len(packet) < start + 8 or packet[start] != 0:
        return None
    ident, number = struct.unpack_from("!HH", packet, start + 4)
    return socket.inet_ntoa(packet[12:16]), ident, number


class Pinger:
    """One guest's raw socket.  `replies` gives what has come, and when by the monotonic clock."""

    def __init__(self, guest: Guest) -> None:
        self.socket = guest.space.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def send(self, address: str, ident: int, number: int) -> None:
        with contextlib.suppress(OSError):
            self.socket.sendto(echo_request(ident & 0xFFFF, number & 0xFFFF), (address, 0))

    def replies(self) -> list[tuple[float, str, int, int]]:
        found: list[tuple[float, str, int, int]] = []
        while True:
            try:
                packet = self.socket.recv(2048)
            except BlockingIOError:
                return found
            except OSError:
                continue
            if reply := echo_reply(packet):
                found.append((time.monotonic(), *reply))

    def close(self) -> None:
        self.socket.close()


def first_replies(pinger: Pinger, addresses: Iterable[str], interval: float, seconds: float) -> dict[str, float]:
    """Ping each address every `interval` until it has answered; when each did first.

    Ends after `seconds` with those that did.
    """
    waiting = set(addresses)
    found: dict[str, float] = {}
    ident, number = os.getpid() & 0xFFFF, 0
    pinger.replies()
    end = time.monotonic() + seconds
    while waiting and time.monotonic() < end:
        number += 1
        next_round = time.monotonic() + interval
        for address in waiting:
            pinger.send(address, ident, number)
        while (left := next_round - time.monotonic()) > 0:
            if select.select([pinger.socket], [], [], left)[0]:
                for when, source, _, _ in pinger.replies():
                    if source in waiting:
                        waiting.discard(source)
                        found[source] = when
                if not waiting:
                    break
    return found


def silent_after(pinger: Pinger, addresses: Sequence[str], interval: float, seconds: float) -> float:
    """Ping each with a new identifier every `interval`; when the last answered one was sent, by the monotonic clock."""
    sent: dict[tuple[str, int], float] = {}
    last = time.monotonic()
    quiet_since = last
    ident = 0x4000
    end = last + seconds
    while time.monotonic() < end and time.monotonic() - quiet_since < 0.5:
        ident += 1
        for address in addresses:
            sent[(address, ident)] = time.monotonic()
            pinger.send(address, ident, 1)
        time.sleep(interval)
        for when, source, replied, _ in pinger.replies():
            if (source, replied) in sent:
                last = max(last, sent[(source, replied)])
                quiet_since = when
    return last


@dataclass
class Lost:
    """Pings sent and lost in a span of time, of established flows (one identifier all the time) and of new ones."""

    sent: dict[str, int] = field(default_factory=lambda: {"established": 0, "new": 0})
    lost: dict[str, int] = field(default_factory=lambda: {"established": 0, "new": 0})

    @property
    def percent(self) -> float:
        return 100 * sum(self.lost.values()) / max(1, sum(self.sent.values()))

    def __str__(self) -> str:
        return ", ".join(f"{self.lost[kind]} of {self.sent[kind]} of {kind} flows" for kind in self.sent)


class Stream(threading.Thread):
    """Pings from guests to addresses every `interval` seconds until `finish`.

    Every second pair opens a new flow with each ping.
    """

    def __init__(self, pairs: Sequence[tuple[Guest, str]], interval: float = 0.01) -> None:
        super().__init__(daemon=True)
        self._flows = [(Pinger(source), address, index) for index, (source, address) in enumerate(pairs)]
        self._interval = interval
        self._ending = threading.Event()
        self._sent: dict[tuple[int, int, int], float] = {}
        self._answered: dict[int, list[float]] = {index: [] for _, _, index in self._flows}
        self._received: set[tuple[int, int, int]] = set()

    def run(self) -> None:
        number = 0
        sockets = {pinger.socket: (pinger, index) for pinger, _, index in self._flows}
        due = time.monotonic()
        last_sent = due
        while not self._ending.is_set() or time.monotonic() < last_sent + LOST_SECONDS:
            now = time.monotonic()
            if now >= due and not self._ending.is_set():
                number += 1
                due = max(due + self._interval, now - 0.05)
                for pinger, address, index in self._flows:
                    ident = 0x1000 + index if index % 2 == 0 else (0x2000 + number) & 0xFFFF
                    self._sent[(index, ident, number & 0xFFFF)] = now
                    pinger.send(address, ident, number)
                last_sent = now
            wait = max(0.0, due - time.monotonic()) if not self._ending.is_set() else 0.05
            for readable in select.select(list(sockets), [], [], wait)[0]:
                pinger, index = sockets[readable]
                for when, _, ident, replied in pinger.replies():
                    self._received.add((index, ident, replied))
                    self._answered[index].append(when)

    def finish(self) -> None:
        """End it, and wait for the last answers."""
        self._ending.set()
        self.join()
        for pinger, _, _ in self._flows:
            pinger.close()

    def lost(self, start: float, end: float) -> Lost:
        """Of the pings that were sent in a time; after `finish`."""
        found = Lost()
        for key, when in self._sent.items():
            if start <= when < end:
                kind = "new" if key[0] % 2 else "established"
                found.sent[kind] += 1
                found.lost[kind] += key not in self._received
        return found

    def longest_gap(self, start: float, end: float) -> float:
        """The longest time in which a flow had no answer."""
        gaps = [
            later - sooner
            for times in self._answered.values()
            for sooner, later in itertools.pairwise(each for each in times if start <= each < end)
        ]
        return max(gaps, default=0.0)
