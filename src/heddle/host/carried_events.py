"""What becomes of the connections of a namespace, as the kernel tells it, without a thread or a process for each.

`Events` is a socket in the namespace, to be polled with others and read when there is something.  A small program in
the kernel drops what concerns no connection that was answered, so that a flood of first packets costs no more here than
there.  What the kernel could not keep for us is said as `Overrun`: then all must be read anew.

`Dump` reads all connections of the namespace piece by piece, as often as it is asked, and so never holds up who reads.

The kernel tells only of connections that began while it knew that somebody listens; so it is told to note them always
(`note_events`), for who listens next.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from heddle.host.carried import ASSURED, SEEN_REPLY, UDP, Connection
from heddle.host.carried_codec import DELETE, GET, NEW, read
from heddle.host.netlink import DUMP, NETFILTER, REQUEST, NetlinkError, open_socket, within
from heddle.host.netns import path_of

_GROUPS = 0b111  # new, update, destroy
_HEADER = struct.Struct("=IHHII")
_ERROR, _DONE = 2, 3
_CHUNK = 1 << 16
_BUFFER = 8 << 20
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 26, 33
_SETTING = Path("/proc/sys/net/netfilter/nf_conntrack_events")
_LIBERAL = Path("/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal")


class Overrun(Exception):
    """The kernel had more to tell than was read in time, and dropped some."""


class Events:
    """Of the namespace of this name.  Raises `OSError` where there is none."""

    def __init__(self, namespace: str) -> None:
        self._socket = within(path_of(namespace), _listen)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def read(self, most: int = 1000) -> Iterator[tuple[bool, Connection]]:
        """What has come, at most so many: whether the connection is gone, and the connection.  Raises `Overrun`."""
        receive = self._socket.recv
        for _ in range(most):
            try:
                data = receive(_CHUNK)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    raise Overrun from error
                raise
            yield from _told(data)


class Dump:
    """All connections of the namespace of this name, asked anew by `begin` whenever the last one has ended."""

    def __init__(self, namespace: str) -> None:
        self._socket = within(path_of(namespace), lambda: open_socket(NETFILTER))
        self._socket.setblocking(False)
        self._sequence = 0

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def begin(self) -> None:
        self._sequence += 1
        body = struct.pack("=BBH", socket.AF_UNSPEC, 0, 0)
        head = _HEADER.pack(_HEADER.size + len(body), GET, REQUEST | DUMP, self._sequence, 0)
        self._socket.send(head + body)

    def next(self) -> tuple[list[Connection], bool]:
        """Some of them, maybe none yet, and whether that was all.  Raises `NetlinkError`."""
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return [], False
        found: list[Connection] = []
        for kind, sequence, body in messages(data):
            if sequence != self._sequence or kind == _DONE:
                if kind == _DONE and sequence == self._sequence:
                    return found, True
                continue
            if kind == _ERROR:
                code = -struct.unpack_from("=i", body)[0]
                raise NetlinkError(code, f"dump of connections: {errno.errorcode.get(code, code)}")
            if (each := read(body)) is not None:
                found.append(each)
        return found, False


def note_events(namespace: str) -> None:
    """Have the kernel note what it would tell of connections, whether somebody listens now or not."""
    with contextlib.suppress(OSError):
        within(path_of(namespace), _settle)


def _settle() -> None:
    """Events, and patience: streams go on in another kernel meanwhile, and to one that has slept they are beyond the
    window that it knows.  What it finds invalid it does not translate, but answers itself, with a reset."""
    _SETTING.write_text("1")
    _LIBERAL.write_text("1")


def _listen() -> socket.socket:
    with contextlib.suppress(OSError):
        _settle()
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, NETFILTER)
    opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    steps = _program()
    kept = ctypes.create_string_buffer(steps, len(steps))
    program = struct.pack("HxxxxxxP", len(steps) // 8, ctypes.addressof(kept))
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    opened.bind((0, _GROUPS))
    return opened


def _program() -> bytes:
    """For the kernel: take what is assured, and what of UDP has been answered."""
    load, load_byte, load_at, any_of, equal, done = 0x20, 0x30, 0x40, 0x45, 0x15, 0x06
    steps = [
        (0x00, 0, 0, 20),  # the first attribute
        (0x01, 0, 0, 3),  # the status
        (load, 0, 0, 0xFFFFF000 + 12),  # where that is
        (equal, 10, 0, 0),  # nowhere: take it
        (0x07, 0, 0, 0),
        (load_at, 0, 0, 4),
        (any_of, 7, 0, ASSURED),
        (any_of, 0, 7, SEEN_REPLY),
        (load_byte, 0, 0, 16),  # the version of IP
        (equal, 0, 2, socket.AF_INET),
        (load_byte, 0, 0, 52),
        (0x05, 0, 0, 1),
        (load_byte, 0, 0, 76),
        (equal, 0, 1, UDP),
        (done, 0, 0, 0xFFFFFFFF),
        (done, 0, 0, 0),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _told(data: bytes) -> Iterator[tuple[bool, Connection]]:
    for kind, _, body in messages(data):
        if kind in (NEW, DELETE) and (each := read(body)) is not None:
            yield kind == DELETE, each


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, sequence and body of each."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        size, kind, _, sequence, _ = _HEADER.unpack_from(data, offset)
        if size < _HEADER.size:
            return
        yield kind, sequence, data[offset + _HEADER.size : offset + size]
        offset += (size + 3) & ~3
