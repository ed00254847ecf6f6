"""What goes over a stream between server and agent: frames.

A frame is a length (4 bytes, big endian) and that many bytes of MessagePack: one of the messages below.
The first frame in each direction is `Hello` and `Welcome` (or `Refuse`, with the reason as text, after
which the server closes).  Then the agent sends `Call` and `Subscribe`, the server `Answer` and `Wake`; a
call's id comes back in its answer, so calls may overtake each other.  Who only asks agents names no host in its
`Hello`, sends `Ask`, and gets each `Answer` under the id of its question; the agent, if its `Hello` said that it takes
questions, hears `Asking` and sends `Reply`.  A frame that is too long, or not one
of these, ends the connection it came by and nothing else.
"""

from __future__ import annotations

import socket
import struct

import msgspec

from heddle.bus.base import BusError
from heddle.view.types import PROTOCOL, Message, Wake

MAX_FRAME = 64 * 1024 * 1024
_LENGTH = struct.Struct("!I")


class Hello(Message, frozen=True, tag_field="type", tag="hello", kw_only=True):
    """`host` is "" of who only asks; `questions`: the agent takes some."""

    version: int = PROTOCOL
    host: str
    questions: bool = False


class Welcome(Message, frozen=True, tag_field="type", tag="welcome", kw_only=True):
    version: int = PROTOCOL


class Refuse(Message, frozen=True, tag_field="type", tag="refuse", kw_only=True):
    reason: str


class Call(Message, frozen=True, tag_field="type", tag="call", kw_only=True):
    """`method` is "fetch" or "report"; `body` the encoded request."""

    id: int
    method: str
    body: msgspec.Raw


class Answer(Message, frozen=True, tag_field="type", tag="answer", kw_only=True):
    """`body` is the encoded reply, empty when `error` says why there is none."""

    id: int
    body: msgspec.Raw = msgspec.Raw(b"")
    error: str = ""


class Subscribe(Message, frozen=True, tag_field="type", tag="subscribe", kw_only=True):
    scopes: list[str]


class WakeUp(Message, frozen=True, tag_field="type", tag="wake", kw_only=True):
    wake: Wake


class Ask(Message, frozen=True, tag_field="type", tag="ask", kw_only=True):
    """`question` is an encoded `Asked` (`view/questions.py`) for the agent of a host."""

    id: int
    host: str
    question: msgspec.Raw


class Asking(Message, frozen=True, tag_field="type", tag="asking", kw_only=True):
    id: int
    question: msgspec.Raw


class Reply(Message, frozen=True, tag_field="type", tag="reply", kw_only=True):
    """`body` is an encoded `Told`, under the id of `Asking`."""

    id: int
    body: msgspec.Raw


FromAgent = Hello | Call | Subscribe | Ask | Reply
FromServer = Welcome | Refuse | Answer | WakeUp | Asking

encode = msgspec.msgpack.Encoder().encode
_from_agent: msgspec.msgpack.Decoder[FromAgent] = msgspec.msgpack.Decoder(FromAgent)
_from_server: msgspec.msgpack.Decoder[FromServer] = msgspec.msgpack.Decoder(FromServer)


class Closed(Exception):
    """The other side has closed the connection."""


def send(stream: socket.socket, frame: FromAgent | FromServer) -> None:
    """Write one frame.  Raises `BusError` when it is too long, `OSError` from the socket."""
    body = encode(frame)
    if len(body) > MAX_FRAME:
        raise BusError(f"a message of {len(body)} bytes is longer than the {MAX_FRAME} that the bus carries")
    stream.sendall(_LENGTH.pack(len(body)) + body)


def receive_from_agent(stream: socket.socket) -> FromAgent:
    """Raises `Closed`, `BusError` for what is not a frame of an agent, `OSError`."""
    try:
        return _from_agent.decode(_read(stream))
    except msgspec.DecodeError as error:
        raise BusError(f"not a message of an agent: {error}") from error


def receive_from_server(stream: socket.socket) -> FromServer:
    """Raises `Closed`, `BusError` for what is not a frame of a server, `OSError`."""
    try:
        return _from_server.decode(_read(stream))
    except msgspec.DecodeError as error:
        raise BusError(f"not a message of a server: {error}") from error


def _read(stream: socket.socket) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    if length > MAX_FRAME:
        raise BusError(f"a frame of {length} bytes; the longest allowed is {MAX_FRAME}")
    return _exactly(stream, length)


def _exactly(stream: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = stream.recv(min(count - len(data), 1 << 20))
        if not part:
            raise Closed
        data += part
    return bytes(data)
