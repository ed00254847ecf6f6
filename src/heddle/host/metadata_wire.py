"""What the agent and the metadata process say to each other, over a Unix socket.

A frame is its length in four bytes and a message in MessagePack; sockets of a `Listen` travel with the length.  The
agent speaks; the process answers `Look` and `Close`, each with a `Holding`.  The process keeps what it was told when
the agent ends, and goes on: a new agent looks at what is held and sends what differs.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from heddle.view.types import Message, Ref, ScopeNews

SOCKETS = 2
LONGEST = 1 << 26
_LENGTH = struct.Struct("=I")


class Told(Message, frozen=True, tag_field="say", kw_only=True):
    """The base of what the agent says."""


class Configure(Told, frozen=True, tag="configure"):
    """`domain` is the cloud's.  With `nova_host` requests are forwarded; `ca` in PEM, "" for the system's."""

    domain: str = ""
    nova_protocol: str = "http"
    nova_host: str = ""
    nova_port: int = 8775
    ca: str = ""
    secret: str = ""


class Listen(Told, frozen=True, tag="listen"):
    """Serve guests of a network.  With it come the listening socket and a netlink socket of its namespace.

    `stamp` is another one when the interface or its namespace is; `index` the interface's number there.
    `addresses`: connections to others are refused; empty: to none.
    """

    key: str
    stamp: str
    network_id: str
    index: int
    addresses: list[str] = []


class Close(Told, frozen=True, tag="close"):
    key: str


class News(Told, frozen=True, tag="news"):
    """Networks with their subnets and neighbours: `scopes` brings them, `gone` is no longer, nor `dropped` scopes."""

    scopes: list[ScopeNews] = []
    gone: list[Ref] = []
    dropped: list[str] = []


class Look(Told, frozen=True, tag="look"):
    """`digests`: what is held of each network is asked too."""

    digests: bool = False


Any = Configure | Listen | Close | News | Look


class Holding(Message, frozen=True, kw_only=True):
    """What the process has: stamps of listeners by key, digests by scope; how many requests were answered, and refused.

    `version` names the code that runs; `problem` is what it has warned of lately, "" for nothing.
    """

    version: str
    listeners: dict[str, str] = {}
    digests: dict[str, str] = {}
    answered: int = 0
    refused: int = 0
    problem: str = ""


T = TypeVar("T")
_told = msgspec.msgpack.Decoder(Any)
_holding = msgspec.msgpack.Decoder(Holding)


def send(to: socket.socket, message: Message, sockets: Sequence[int] = ()) -> None:
    """Raises `OSError`."""
    body = msgspec.msgpack.encode(message)
    length = _LENGTH.pack(len(body))
    if sockets:
        socket.send_fds(to, [length], list(sockets))
    else:
        to.sendall(length)
    to.sendall(body)


def receive(of: socket.socket) -> tuple[Any, list[int]]:
    """The next message and the descriptors that came with it.

    Raises `EOFError` at the end, `OSError`, and `ValueError` for what is no message.
    """
    head, descriptors, _, _ = socket.recv_fds(of, _LENGTH.size, SOCKETS)
    body = _rest(of, head)
    return _decoded(_told, body), descriptors


def receive_holding(of: socket.socket) -> Holding:
    """Raises like `receive`."""
    return _decoded(_holding, _rest(of, b""))


def _decoded(decoder: msgspec.msgpack.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise ValueError(f"no message: {error}") from error


def _rest(of: socket.socket, head: bytes) -> bytes:
    head += _exactly(of, _LENGTH.size - len(head))
    (length,) = _LENGTH.unpack(head)
    if length > LONGEST:
        raise ValueError(f"a message of {length} bytes")
    return _exactly(of, length)


def _exactly(of: socket.socket, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = of.recv(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
