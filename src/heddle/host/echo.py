"""Echo requests that nobody on the way may cut into fragments, and what comes back (RFC 792, RFC 4443).

A raw socket for all addresses.  The kernel sends what is as large as the device carries, whatever it remembers of the
path (`IP_PMTUDISC_PROBE`), and hands on what others tell of a packet: that it is too large and what would pass, or that
there is no way (`IP_RECVERR`).  The answers come in full size, but may have been cut and put together: what is seen is
the way there, and that there is one back.
"""

from __future__ import annotations

import errno
import os
import secrets
import select
import socket
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

from heddle.host.wire import checksum

SMALLEST = {4: 84, 6: 104}
_HEADS = {4: 28, 6: 48}
_NUMBER = struct.Struct("!8sI")
_ERROR = struct.Struct("=IBBBBII")
_ROOM = 4 << 20
_SEND_SECONDS = 0.2
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE, _SOL_RAW, _ERRQUEUE = 32, 33, 255, 0x2000
# Level and name of what the errors come as, and options as (level, name, value).
_ERRORS = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
_PROBE = 3
_OPTIONS: dict[int, tuple[tuple[int, int, int | bytes], ...]] = {
    4: ((socket.IPPROTO_IP, 10, _PROBE), (socket.IPPROTO_IP, 11, 1),
        (_SOL_RAW, 1, struct.pack("=I", ~(1 << 0) & 0xFFFFFFFF))),
    6: ((socket.IPPROTO_IPV6, 23, _PROBE), (socket.IPPROTO_IPV6, 62, 1), (socket.IPPROTO_IPV6, 25, 1),
        (socket.IPPROTO_ICMPV6, 1, struct.pack("=8I", *(~(2 if word == 4 else 0) & 0xFFFFFFFF for word in range(8))))),
}  # fmt: skip


class Reply(NamedTuple):
    """The answer to the request `number`, a whole packet of `size` bytes."""

    address: str
    number: int
    size: int


class Trouble(NamedTuple):
    """What became of a packet to `address`: `mtu` would have passed (0: nobody told), else `code` is of errno.

    `told_by`: "" for this host.
    """

    address: str
    mtu: int
    code: int
    told_by: str


class Echo:
    """Opened at an address of this host.  Raises `OSError`: it has no such address, or may not."""

    def __init__(self, source: str) -> None:
        self._version = 6 if ":" in source else 4
        family, protocol = (
            (socket.AF_INET6, socket.IPPROTO_ICMPV6) if self._version == 6 else (socket.AF_INET, socket.IPPROTO_ICMP)
        )
        self._token, self._id = secrets.token_bytes(8), secrets.randbelow(1 << 16)
        self._socket = socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        try:
            for name in (_SO_SNDBUFFORCE, _SO_RCVBUFFORCE):
                self._socket.setsockopt(socket.SOL_SOCKET, name, _ROOM)
            for level, name, value in _OPTIONS[self._version]:
                self._socket.setsockopt(level, name, value)
            self._socket.setblocking(False)
            self._socket.bind((source, 0))
        except OSError:
            self._socket.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def close(self) -> None:
        self._socket.close()

    def send(self, address: str, number: int, size: int) -> list[Trouble]:
        """A request, as a packet of `size` bytes in all.  Returns what was told meanwhile, of this or of others.

        An error that waits for the socket is of any packet, and so is only told where it is still there afterwards.
        """
        data = self._request(number, size)
        told: list[Trouble] = []
        end, again = time.monotonic() + _SEND_SECONDS, True
        while True:
            try:
                self._socket.sendto(data, (address, 0))
            except BlockingIOError:
                if time.monotonic() > end:
                    return told
                time.sleep(0.001)
            except OSError as error:
                more = list(self._troubles())
                told += more
                if error.errno == errno.EMSGSIZE or not again:
                    known = any(each.address == address for each in more)
                    return told if known else [*told, Trouble(address, 0, error.errno or 0, "")]
                again = False
            else:
                return told

    def read(self, seconds: float) -> Iterator[Reply | Trouble]:
        """What has come, having waited for that at most `seconds`."""
        if not self._poll.poll(max(0, int(seconds * 1000))):
            return
        yield from self._troubles()
        while True:
            try:
                data, sender = self._socket.recvfrom(1 << 16)
            except BlockingIOError:
                return
            except OSError:
                yield from self._troubles()
                continue
            reply = self._reply(data, str(sender[0]))
            if reply is not None:
                yield reply

    def _request(self, number: int, size: int) -> bytes:
        head = struct.pack("!HH", self._id, number & 0xFFFF)
        payload = _NUMBER.pack(self._token, number)
        body = head + payload.ljust(max(len(payload), size - _HEADS[self._version]), b"\0")
        if self._version == 6:
            return b"\x80\0\0\0" + body
        return struct.pack("!BBH", 8, 0, checksum(b"\x08\0\0\0" + body)) + body

    def _reply(self, data: bytes, sender: str) -> Reply | None:
        ip = (data[0] & 15) * 4 if self._version == 4 and data else 0
        if len(data) < ip + 8 + _NUMBER.size:
            return None
        token, number = _NUMBER.unpack_from(data, ip + 8)
        size = len(data) if self._version == 4 else len(data) + 40
        return Reply(sender, number, size) if secrets.compare_digest(token, self._token) else None

    def _troubles(self) -> Iterator[Trouble]:
        while True:
            try:
                _, ancillary, _, address = self._socket.recvmsg(512, 512, _ERRQUEUE)
            except OSError:
                return
            for level, name, data in ancillary:
                if (level, name) == _ERRORS[self._version] and len(data) >= _ERROR.size:
                    yield self._trouble(str(address[0]), data)

    def _trouble(self, address: str, data: bytes) -> Trouble:
        code, _, _, _, _, info, _ = _ERROR.unpack_from(data)
        return Trouble(address, info if code == errno.EMSGSIZE else 0, code, _offender(data[_ERROR.size :]))


def _offender(data: bytes) -> str:
    """The address in a socket address, "" for none."""
    family = struct.unpack_from("=H", data)[0] if len(data) >= 2 else 0
    if family == socket.AF_INET:
        return socket.inet_ntop(family, data[4:8])
    return socket.inet_ntop(family, data[8:24]) if family == socket.AF_INET6 else ""


def meaning(code: int) -> str:
    """A number of errno as who sends a packet has to understand it."""
    if code in (errno.EPERM, errno.EACCES):
        return "a firewall keeps it back"
    return os.strerror(code)
