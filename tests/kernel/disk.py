"""A disk that forgets: it has a volatile cache, and loses it with the power, as real ones do.

QEMU reads and writes it over a Unix socket (the NBD protocol, fixed newstyle).  A write is answered when it is in the
cache; a flush (or a write with "force unit access") moves the cache to the image.  When the power goes, each
sector that is only in the cache reaches the image or not, by chance: a machine may rely on what was flushed, and
on nothing about the rest, not even on its order.  Sectors have 4 KiB, as on the disks of today: ext4 writes the block
that ends a journal's transaction as one, and cannot load a journal in which half of it was written.  A fuse
lets the disk go between two of the machine's requests.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SECTOR = 4096
_MAGIC, _OPTION, _ANSWER = b"NBDMAGIC", b"IHAVEOPT", 0x3E889045565A9
_REQUEST, _REPLY = 0x25609513, 0x67446698
_EXPORT_NAME, _ABORT, _INFO, _GO = 1, 2, 6, 7
_ACK, _TOLD, _UNKNOWN = 1, 3, 1 << 31 | 1
_READ, _WRITE, _END, _FLUSH = 0, 1, 2, 3
_FLAGS = 1 | 4 | 8  # has flags, takes flushes, takes force-unit-access
_INVALID = 22


@dataclass(frozen=True)
class Loss:
    """Sectors that were in the cache when the power went: those that reached the image, and those that did not."""

    kept: int
    lost: int


class Cached:
    """The image and the cache in front of it.  A disk that is not `honest` says yes to a flush and does nothing."""

    def __init__(self, path: Path, honest: bool = True) -> None:
        self._honest = honest
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.size = os.fstat(self._file).st_size
        self._cache: dict[int, bytes] = {}
        self._fuse = -1
        self.flushes = 0

    def light(self, writes: int) -> None:
        """The disk goes dead after so many writes more; from then on `alive` is false, and nothing is served."""
        self._fuse = writes

    @property
    def alive(self) -> bool:
        return self._fuse != 0

    def read(self, offset: int, length: int) -> bytes:
        data = bytearray(os.pread(self._file, length, offset))
        for number in range(offset // SECTOR, (offset + length) // SECTOR):
            if (sector := self._cache.get(number)) is not None:
                start = number * SECTOR - offset
                data[start : start + SECTOR] = sector
        return bytes(data)

    def write(self, offset: int, data: bytes, through: bool = False) -> None:
        """`through` is force unit access: this write is on the image when it returns."""
        self._fuse -= self._fuse > 0
        for start in range(0, len(data), SECTOR):
            self._cache[(offset + start) // SECTOR] = data[start : start + SECTOR]
        if through and self._honest:
            for start in range(0, len(data), SECTOR):
                self._settle((offset + start) // SECTOR)

    def flush(self) -> None:
        self.flushes += 1
        for number in list(self._cache) if self._honest else ():
            self._settle(number)

    def lose_power(self, chance: random.Random) -> Loss:
        """Half of what is in the cache, by chance, gets to the image; the rest is gone."""
        kept = [number for number in self._cache if chance.random() < 0.5]
        lost = len(self._cache) - len(kept)
        for number in kept:
            self._settle(number)
        self._cache.clear()
        self._fuse = -1
        return Loss(len(kept), lost)

    def close(self) -> None:
        os.close(self._file)

    def _settle(self, number: int) -> None:
        os.pwrite(self._file, self._cache.pop(number), number * SECTOR)


class Server:
    """Serves a disk to one machine at a time on the Unix socket `path`, in a thread, until it is closed."""

    def __init__(self, disk: Cached, path: Path) -> None:
        self._disk = disk
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self.idle = threading.Event()
        self.idle.set()
        self._thread = threading.Thread(target=self._accept, daemon=True, name="disk")
        self._thread.start()

    def close(self) -> None:
        """After the machine has ended."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            self.idle.clear()
            with stream, suppress(ConnectionError):
                _Conversation(stream, self._disk).run()
            self.idle.set()


class _Conversation:
    """One connection; ends with ConnectionError when the other side is gone."""

    def __init__(self, stream: socket.socket, disk: Cached) -> None:
        self._stream = stream
        self._disk = disk

    def run(self) -> None:
        self._stream.sendall(_MAGIC + _OPTION + struct.pack("!H", 3))
        plain = not struct.unpack("!I", self._take(4))[0] & 2
        if self._agree(plain):
            while self._serve():
                pass

    def _agree(self, plain: bool) -> bool:
        """The options; whether it goes on to the requests."""
        export = struct.pack("!QH", self._disk.size, _FLAGS)
        while True:
            _, option, length = struct.unpack("!8sII", self._take(16))
            self._take(length)
            if option == _EXPORT_NAME:
                self._stream.sendall(export + bytes(124 if plain else 0))
                return True
            if option in (_INFO, _GO):
                self._answer(option, _TOLD, struct.pack("!H", 0) + export)
                self._answer(option, _ACK)
                if option == _GO:
                    return True
                continue
            self._answer(option, _ACK if option == _ABORT else _UNKNOWN)
            if option == _ABORT:
                return False

    def _answer(self, option: int, kind: int, data: bytes = b"") -> None:
        self._stream.sendall(struct.pack("!QIII", _ANSWER, option, kind, len(data)) + data)

    def _serve(self) -> bool:
        magic, flags, kind, handle, offset, length = struct.unpack("!IHHQQI", self._take(28))
        if magic != _REQUEST or kind == _END:
            return False
        data, error = b"", 0
        if kind == _READ:
            data = self._disk.read(offset, length)
        elif kind == _WRITE:
            self._disk.write(offset, self._take(length), bool(flags & 1))
        elif kind == _FLUSH:
            self._disk.flush()
        else:
            error = _INVALID
        if not self._disk.alive:
            return False
        self._stream.sendall(struct.pack("!IIQ", _REPLY, error, handle) + data)
        return True

    def _take(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self._stream.recv(count - len(data))
            if not piece:
                raise ConnectionError("the machine is gone")
            data += piece
        return bytes(data)
