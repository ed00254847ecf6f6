"""What hosts say to each other of connections: messages as bytes, versioned and read strictly.

A host that carries a router begins (`Begin`), tells what is there and what changes (`Changes`), and says when all that
is there has been told (`End`); what was not told by then is there no longer.  Messages of a run are numbered, so that a
gap is seen, and who sees one asks (`Ask`) for a new beginning.  The greater term counts where two hosts tell.

A message fits into a datagram: what carries them may be a stream or not.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from heddle.errors import HeddleError
from heddle.host.carried import BadRecord, Connection, Name, check, check_name

VERSION = b"\x01"
MOST_BYTES = 1400
Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
RouterId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class BadMessage(HeddleError):
    """No message of this version, or one that says what cannot be."""


class Begin(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The router is active at the sender, in this term; all that is there follows."""

    router: RouterId
    run: Count
    term: Count


class Changes(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """`changed` are there so now, `gone` no longer."""

    router: RouterId
    run: Count
    number: Count
    changed: list[Connection]
    gone: list[Name]


class End(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """All that was there has been told; changes follow."""

    router: RouterId
    run: Count
    number: Count


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """From the standby: begin anew."""

    router: RouterId


Message: TypeAlias = Begin | Changes | End | Ask
_decoder = msgspec.msgpack.Decoder(Message)
_encoder = msgspec.msgpack.Encoder()


def encode(message: Message) -> bytes:
    return VERSION + _encoder.encode(message)


def decode(data: bytes) -> Message:
    """Raises `BadMessage`."""
    if data[:1] != VERSION or len(data) > MOST_BYTES:
        raise BadMessage("a message of another version, or one that is too long")
    try:
        message: Message = _decoder.decode(memoryview(data)[1:])
        if isinstance(message, Changes):
            for each in message.changed:
                check(each)
            for name in message.gone:
                check_name(name)
    except (msgspec.MsgspecError, BadRecord, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"a message that cannot be read: {error}") from error
    return message


def size_of(name: Name, connection: Connection | None) -> int:
    """At most so many bytes of a message."""
    if connection is None:
        return len(name.original) + 12
    return len(connection.original) + len(connection.reply) + len(connection.state) + 26
