"""The files by which the agent and the process that agrees on highly available routers speak, in root's folder `ha`.

    config          the agent's: who this host is, the others, the key
    routers/<id>    the agent's: a router that is ready on this host
    state           the process's: what each router is here
    alive           the process's: when it looked last, by the time of its file
    version, pid, log

All are written as a whole.  Neither waits for the other.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TypeVar

import msgspec

FOLDER, ROUTERS = "ha", "routers"
T = TypeVar("T")


class Config(msgspec.Struct, frozen=True):
    """`peers`: the addresses of the other hosts by name; `also`: a key that counts beside the one in use."""

    me: str
    address: str
    port: int
    key: str
    preempt: bool
    dead: float
    peers: dict[str, str]
    switch: str
    also: str = ""

    @property
    def keys(self) -> list[bytes]:
        """That with which this host signs, and then what it accepts too."""
        return [bytes.fromhex(each) for each in (self.key, self.also) if each]

    def __repr__(self) -> str:
        return f"Config({self.me})"


class Recipe(msgspec.Struct, frozen=True):
    """`hosts` in the order in which they take over; `addresses`: (interface, MAC, address) to be announced.

    `carried`: until now it was on this host alone, so nobody else is active.  `cards`: by which this host reaches the
    physical networks of the router, by their names.
    """

    id: str
    hosts: list[str]
    namespace: str
    addresses: list[tuple[str, str, str]]
    carried: bool = False
    cards: dict[str, list[str]] = {}


class Here(msgspec.Struct, frozen=True):
    """What a router is on this host, in which term, and why."""

    state: str
    term: int
    why: str


class State(msgspec.Struct, frozen=True):
    """`resting`: the process has ended for a moment, and the others know."""

    routers: dict[str, Here] = {}
    resting: bool = False


def write(path: Path, item: msgspec.Struct) -> bool:
    """Whether it was another before.  Raises `OSError`."""
    data = msgspec.json.encode(item)
    with contextlib.suppress(OSError):
        if path.read_bytes() == data:
            return False
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    fresh.rename(path)
    return True


def read(path: Path, kind: type[T]) -> T | None:
    """None while it is not there, or cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def recipes(folder: Path) -> dict[str, Recipe]:
    with contextlib.suppress(OSError):
        names = [path for path in (folder / ROUTERS).iterdir() if not path.name.startswith(".")]
        found = (read(path, Recipe) for path in names)
        return {each.id: each for each in found if each is not None}
    return {}


def stamp(folder: Path) -> tuple[int, int]:
    """Another one when the agent has written something."""
    found = []
    for path in (folder / "config", folder / ROUTERS):
        try:
            found.append(path.stat().st_mtime_ns)
        except OSError:
            found.append(0)
    return found[0], found[1]


def touch(folder: Path) -> None:
    """The process is alive."""
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    with contextlib.suppress(OSError):
        os.utime(folder / "alive", ns=(now, now))


def silence(folder: Path) -> float:
    """For how many seconds the process has not looked."""
    try:
        then = (folder / "alive").stat().st_mtime_ns
    except OSError:
        return float("inf")
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - then) / 1e9
