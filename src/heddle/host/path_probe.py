"""Whether packets of a wanted size reach other hosts, and if not, which do: many ways at once, over one socket.

Each address is tried up to three times; one that stays silent, or is told that the packet is too large, gets a small
packet, which tells a way that is too narrow from one that is none.  On the narrow ones the largest size that passes is
looked for: a round asks with sizes all over what is left, so that two or three rounds are enough where nobody tells the
size.  Requests leave in bursts with pauses, so that neither a queue on the way nor the answers to a thousand overflow.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from heddle.host.echo import SMALLEST, Echo, Reply, Trouble, meaning

TRIES = 3
SEARCHES = 3
SEARCHED = 64
_ROUNDS = TRIES + 1 + SEARCHES
_SIZES = 16
_COPIES = 2
_BURST, _PAUSE = 48, 0.002


@dataclass(slots=True)
class Path:
    """The way to `address`, for packets of `size`.

    `passes`: the largest that came back, 0 for none, and how many `seconds` that took.  `mtu`: the smallest that
    somebody told, by `told_by` ("": this host).  `trouble`: what else was told, "" for nothing.
    """

    address: str
    size: int
    passes: int = 0
    seconds: float = 0.0
    mtu: int = 0
    told_by: str = ""
    trouble: str = ""
    fails: int = 0

    @property
    def whole(self) -> bool:
        return self.passes >= self.size


def probe(source: str, sizes: Mapping[str, int], seconds: float) -> list[Path]:
    """The ways from an address of this host to others, each with the size that it has to carry.

    Raises `OSError`: no packet can be sent from this address.
    """
    paths = {address: Path(address, max(size, SMALLEST[6])) for address, size in sizes.items()}
    with closing(Echo(source)) as echo:
        _Probe(echo, paths, seconds / _ROUNDS).run(SMALLEST[6 if ":" in source else 4])
    return list(paths.values())


class _Probe:
    """`wait`: how long a round waits for answers after its last request."""

    def __init__(self, echo: Echo, paths: dict[str, Path], wait: float) -> None:
        self._echo, self._paths, self._wait = echo, paths, wait
        self._sent: dict[int, tuple[Path, int, float]] = {}
        self._waiting: dict[str, set[int]] = {}
        self._number = 0

    def run(self, smallest: int) -> None:
        for _ in range(TRIES):
            self._round((path, path.size) for path in self._paths.values() if not path.whole and not path.mtu)
        narrow = [path for path in self._paths.values() if not path.whole]
        for path in narrow:
            path.fails = path.size
        self._round((path, smallest) for path in narrow for _ in range(_COPIES))
        searched = [path for path in narrow if path.passes][:SEARCHED]
        for _ in range(SEARCHES):
            asked = {path.address: list(sizes_between(path)) for path in searched}
            self._round((path, size) for path in searched for size in asked[path.address] for _ in range(_COPIES))
            for path in searched:
                path.fails = min((size for size in asked[path.address] if size > path.passes), default=path.fails)

    def _round(self, asked: Iterable[tuple[Path, int]]) -> None:
        """Ask, and wait until all have answered or the time is over."""
        self._waiting.clear()
        for count, (path, size) in enumerate(asked, 1):
            self._number += 1
            self._sent[self._number] = path, size, time.monotonic()
            self._waiting.setdefault(path.address, set()).add(size)
            for trouble in self._echo.send(path.address, self._number, size):
                self._told(trouble)
            if count % _BURST == 0:
                self._hear(_PAUSE)
        end = time.monotonic() + self._wait
        while self._waiting and (left := end - time.monotonic()) > 0:
            self._hear(left)

    def _hear(self, seconds: float) -> None:
        for each in self._echo.read(seconds):
            if isinstance(each, Reply):
                self._answered(each)
            else:
                self._told(each)

    def _answered(self, reply: Reply) -> None:
        path, size, at = self._sent.get(reply.number, (None, 0, 0.0))
        if path is None or path.address != reply.address or reply.size < size:
            return
        self._no_longer(path.address, size)
        if size > path.passes:
            path.passes, path.seconds = size, time.monotonic() - at

    def _told(self, trouble: Trouble) -> None:
        path = self._paths.get(trouble.address)
        if path is None:
            return
        if trouble.mtu and (not path.mtu or trouble.mtu < path.mtu):
            path.mtu, path.told_by = trouble.mtu, trouble.told_by
        elif trouble.code and not trouble.mtu:
            path.trouble = meaning(trouble.code) + (f" (told by {trouble.told_by})" if trouble.told_by else "")
        for size in [each for each in self._waiting.get(path.address, ()) if each > trouble.mtu]:
            self._no_longer(path.address, size)

    def _no_longer(self, address: str, size: int) -> None:
        """Nobody needs to wait for this answer."""
        sizes = self._waiting.get(address, set())
        sizes.discard(size)
        if not sizes:
            self._waiting.pop(address, None)


def sizes_between(path: Path) -> Iterator[int]:
    """Sizes to ask with: all over what may pass or not, and on both sides of what was told."""
    low, high = path.passes, path.fails
    told = {size for size in (path.mtu, path.mtu + 1) if low < size < high}
    step = max(1.0, (high - low) / (_SIZES + 1))
    spread = {low + round(step * number) for number in range(1, _SIZES + 1)}
    yield from sorted(told | {size for size in spread if low < size < high})
