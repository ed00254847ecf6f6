"""Sockets in other network namespaces, opened from this process.

A socket stays in the namespace in which it was opened, so the thread enters, opens it and comes back.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from socket import AF_INET, SOCK_STREAM
from socket import socket as Socket

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _enter(handle: int) -> None:
    if _libc.setns(handle, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "the network namespace cannot be entered")


class Space:
    """The network namespace at `path`, such as /proc/<pid>/ns/net."""

    def __init__(self, path: str) -> None:
        self._path = path

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """The calling thread is in the namespace meanwhile."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        other = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(other)
            try:
                yield
            finally:
                _enter(own)
        finally:
            os.close(own)
            os.close(other)

    def socket(self, family: int, kind: int, protocol: int = 0) -> Socket:
        with self.inside():
            return Socket(family, kind, protocol)

    def dial(self, host: str, port: int, timeout: float) -> Socket:
        """A TCP connection that leaves from the namespace."""
        made = self.socket(AF_INET, SOCK_STREAM)
        made.settimeout(timeout)
        made.connect((host, port))
        return made
