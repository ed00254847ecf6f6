"""The sockets that requests come by: opened once, and shared by the processes that answer.

Who accepts a connection is whoever is free first.  While a process is started again, connections wait in the
socket's queue or are taken by the others, so that nobody is refused.
"""

from __future__ import annotations

import socket
from typing import Any

from heddle.config import Settings
from heddle.errors import ConfigError

BACKLOG = 1024


def listen(settings: Settings) -> list[socket.socket]:
    """A listening socket for each address of `server.listen`.  Raises `ConfigError`."""
    made: list[socket.socket] = []
    host, port = settings.server.listen, settings.server.port
    try:
        for address in dict.fromkeys(_addresses(host, port)):
            made.append(_open(*address))
    except OSError as error:
        for other in made:
            other.close()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}; set server.listen and server.port"
        ) from error
    return made


def adopt(numbers: str) -> list[socket.socket]:
    """The sockets that another process opened and handed to this one: their numbers, with commas between."""
    return [socket.socket(fileno=int(number)) for number in numbers.split(",")]


def _addresses(host: str, port: int) -> list[tuple[int, Any]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [(family, address) for family, _, _, _, address in found]


def _open(family: int, address: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
