"""Meters of an OpenFlow bridge: flows that name one drop what is beyond its rate (OpenFlow 1.3.5, section 5.7).

ovs-ofctl changes one meter with each process, which costs several ms; here all of a change goes over one connection to
the bridge, with a barrier at its end.  A meter is changed while traffic runs.  One that is deleted takes the flows
along that name it, and vswitchd forgets them all when it ends.
"""

from __future__ import annotations

import itertools
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from heddle.errors import HeddleError

KBPS, PACKETS = 1, 2  # OFPMF_KBPS, OFPMF_PKTPS
MOST = 2**32 - 1
LAST_METER = 0xFFFF0000  # OFPM_MAX
SECONDS = 10.0
AT_ONCE = 64  # vswitchd hears no more while it cannot tell its errors
_BURST = 4
_VERSION = 4
_HELLO, _ERROR, _ECHO, _ECHO_REPLY, _MULTIPART, _MULTIPART_REPLY, _BARRIER, _BARRIER_REPLY, _METER_MOD = (
    0, 1, 2, 3, 18, 19, 20, 21, 29
)  # fmt: skip
_ADD, _MODIFY, _DELETE = 0, 1, 2
_STATISTICS, _CONFIG, _FEATURES, _MORE = 9, 10, 11, 1
_ALL = 0xFFFFFFFF
_FAILED, _EXISTS, _UNKNOWN = 12, 1, 3  # OFPET_METER_MOD_FAILED and its codes
_DROP = 1


class MeterError(HeddleError):
    """A bridge refused a meter, or cannot be reached."""


@dataclass(frozen=True, slots=True, order=True)
class Meter:
    """`rate` a second and `burst`, in kilobits of Ethernet frames (`KBPS`) or packets (`PACKETS`)."""

    unit: int
    rate: int
    burst: int

    def __str__(self) -> str:
        unit = "kbit" if self.unit == KBPS else "packets"
        return f"{self.rate} {unit}/s, burst {self.burst} {unit}"


class Meters:
    """The meters of one bridge, all of which are ours.  `folder` holds vswitchd's sockets."""

    def __init__(self, folder: Path, bridge: str) -> None:
        self._path = str(folder / f"{bridge}.mgmt")
        self._bridge = bridge

    def capacity(self) -> int:
        """How many there can be, 0 where the datapath has none.  Raises `MeterError`."""
        return max((struct.unpack_from("!I", body)[0] for body in self._ask(_FEATURES, b"")), default=0)

    def read(self) -> dict[int, Meter]:
        """The meters that are there, by number.  Raises `MeterError`."""
        found: dict[int, Meter] = {}
        for body in self._ask(_CONFIG, struct.pack("!I4x", _ALL)):
            while len(body) >= 8:
                length, flags, number = struct.unpack_from("!HHI", body)
                rate, burst = struct.unpack_from("!II", body, 12) if length >= 24 else (0, 0)
                found[number] = Meter(flags & (KBPS | PACKETS), rate, burst)
                body = body[max(length, 8):]
        return found

    def dropped(self, number: int) -> int:
        """How many packets a meter has dropped, 0 for one that is not there.  Raises `MeterError`."""
        try:
            bodies = list(self._ask(_STATISTICS, struct.pack("!I4x", number)))
        except MeterError:
            return 0
        return sum(struct.unpack_from("!Q", body, 40)[0] for body in bodies if len(body) >= 48)

    def put(self, meters: Mapping[int, Meter]) -> None:
        """Have these meters be so, whether they are there or not.  Raises `MeterError`."""
        there = self._change([(_MODIFY, number, meter) for number, meter in meters.items()])
        refused = self._change([(_ADD, number, meters[number]) for number, code in there.items() if code == _UNKNOWN])
        refused |= {number: code for number, code in there.items() if code != _UNKNOWN}
        self._check({number: code for number, code in refused.items() if code != _EXISTS})

    def delete(self, numbers: Iterable[int]) -> None:
        """Have these meters be gone.  Raises `MeterError`."""
        refused = self._change([(_DELETE, number, None) for number in numbers])
        self._check({number: code for number, code in refused.items() if code != _UNKNOWN})

    def _check(self, refused: Mapping[int, int]) -> None:
        for number, code in refused.items():
            raise MeterError(f"{self._bridge} refused the meter {number}: OFPMMFC {code}")

    def _change(self, changes: list[tuple[int, int, Meter | None]]) -> dict[int, int]:
        """Returns the code of the error of each meter that was refused."""
        if not changes:
            return {}
        refused: dict[int, int] = {}
        with _Talk(self._path) as talk:
            for start in range(0, len(changes), AT_ONCE):
                several = changes[start : start + AT_ONCE]
                asked = {talk.send(_METER_MOD, _body(*change)): change[1] for change in several}
                for kind, xid, body in talk.until_barrier():
                    if kind == _ERROR and xid in asked:
                        group, code = struct.unpack_from("!HH", body)
                        refused[asked[xid]] = code if group == _FAILED else 0
        return refused

    def _ask(self, what: int, body: bytes) -> Iterator[bytes]:
        """The bodies of the replies to a multipart request."""
        with _Talk(self._path) as talk:
            asked = talk.send(_MULTIPART, struct.pack("!HH4x", what, 0) + body)
            for kind, xid, answer in talk.until_barrier():
                if xid != asked:
                    continue
                if kind == _ERROR:
                    raise MeterError(f"{self._bridge} does not tell its meters")
                yield answer[8:]


def _body(command: int, number: int, meter: Meter | None) -> bytes:
    if meter is None:
        return struct.pack("!HHI", command, 0, number)
    band = struct.pack("!HHII4x", _DROP, 16, meter.rate, meter.burst)
    return struct.pack("!HHI", command, meter.unit | _BURST, number) + band


class _Talk:
    """One connection.  Raises `MeterError` when it cannot be made, or breaks."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._xids = itertools.count(1)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(SECONDS)

    def __enter__(self) -> _Talk:
        try:
            self._socket.connect(self._path)
        except OSError as error:
            self._socket.close()
            raise MeterError(f"{self._path} cannot be reached: {error}") from error
        self.send(_HELLO, b"")
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def send(self, kind: int, body: bytes, xid: int = 0) -> int:
        number = xid or next(self._xids)
        try:
            self._socket.sendall(struct.pack("!BBHI", _VERSION, kind, 8 + len(body), number) + body)
        except OSError as error:
            raise MeterError(f"{self._path} broke: {error}") from error
        return number

    def until_barrier(self) -> Iterator[tuple[int, int, bytes]]:
        """The messages, as (type, xid, body), until all that was sent is done."""
        end = self.send(_BARRIER, b"")
        while True:
            _, kind, length, xid = struct.unpack("!BBHI", self._take(8))
            body = self._take(length - 8)
            if kind == _ECHO:
                self.send(_ECHO_REPLY, body, xid)
            elif kind == _BARRIER_REPLY and xid == end:
                return
            else:
                yield kind, xid, body

    def _take(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            try:
                part = self._socket.recv(size - len(found))
            except OSError as error:
                raise MeterError(f"{self._path} broke: {error}") from error
            if not part:
                raise MeterError(f"{self._path} was closed: does ovs-vswitchd run?")
            found += part
        return found
