"""The initramfs: a cpio archive in the form "newc", which the kernel unpacks into its first file system."""

from __future__ import annotations

import stat
from dataclasses import dataclass

_END = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """A file of the archive; `mode` with its type bits, `data` is the target where it is a symbolic link."""

    name: str
    mode: int
    data: bytes = b""


def folder(name: str) -> Entry:
    return Entry(name, stat.S_IFDIR | 0o755)


def program(name: str, data: bytes) -> Entry:
    return Entry(name, stat.S_IFREG | 0o755, data)


def link(name: str, target: str) -> Entry:
    return Entry(name, stat.S_IFLNK | 0o777, target.encode())


def newc(entries: list[Entry]) -> bytes:
    """The archive.  Folders are added where an entry is in one that was not named before it."""
    known: set[str] = set()
    parts: list[bytes] = []
    for entry in entries:
        parents = entry.name.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            name = "/".join(parents[:depth])
            if name not in known:
                known.add(name)
                parts.append(_one(folder(name), len(parts)))
        if entry.name not in known:
            known.add(entry.name)
            parts.append(_one(entry, len(parts)))
    parts.append(_one(Entry(_END, 0), 0))
    return b"".join(parts)


def _one(entry: Entry, number: int) -> bytes:
    name = entry.name.encode() + b"\0"
    fields = (number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(head + name) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
