"""The front to guests: HTTP/1.1 over connections that nobody trusts.

One request per connection, of a bounded head and body, within a bounded time; so many connections at once of one
address, of one network and in all.  Whoever has more is cut off without an answer.  Of the headers only those are read
that say what the body is: what a guest says of itself (X-Forwarded-For, X-Instance-ID…) is not looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from heddle.agent.counted import count
from heddle.agent.metadata.documents import TEXT, Answer

log = logging.getLogger(__name__)

MOST_HEAD = 16 * 1024
MOST_BODY = 64 * 1024
MOST_OF_ONE = 8
MOST_OF_NETWORK = 256
MOST = 1024
HEAR_SECONDS = 10.0
ANSWER_SECONDS = 60.0
_LINE = re.compile(r"([A-Z]{1,16}) (\S{1,8192}) HTTP/1\.[01]")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*)")
_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """`path` with its query, as it was sent."""

    method: str
    path: str
    body: bytes = b""
    type: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end: the listener's key, the address without a zone, that which it has called."""

    key: str
    address: str
    called: str


class Refused(Exception):
    """The request cannot be answered: with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(HTTPStatus(status).phrase)
        self.status = status


class Front:
    """`answer` is asked for each request."""

    def __init__(self, answer: Callable[[Peer, Request], Awaitable[Answer]]) -> None:
        self._answer = answer
        self._open: Counter[tuple[str, str]] = Counter()
        self._writers: dict[asyncio.StreamWriter, str] = {}
        self.answered = self.refused = 0

    async def serve(self, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection that was accepted by the listener of that key."""
        peer = _peer(key, writer)
        callers = {(key, peer.address): MOST_OF_ONE, (key, ""): MOST_OF_NETWORK, ("", ""): MOST}
        if any(self._open[who] >= most for who, most in callers.items()):
            self.refused += 1
            writer.transport.abort()
            return
        self._writers[writer] = key
        self._open.update(callers.keys())
        try:
            await self._converse(peer, reader, writer)
        except (OSError, EOFError, TimeoutError):
            self.refused += 1
        finally:
            del self._writers[writer]
            for who in callers:
                count(self._open, who, -1)
            writer.transport.abort()

    def cut(self, key: str) -> None:
        """End the connections of a listener."""
        for writer in [each for each, of in self._writers.items() if of == key]:
            writer.transport.abort()

    async def _converse(self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head_only = False
        try:
            async with asyncio.timeout(HEAR_SECONDS):
                request = await read_request(reader)
            head_only = request.method == "HEAD"
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._answer(peer, request)
        except Refused as refused:
            answer = Answer(refused.status, f"{refused}\n".encode())
        if answer.status < 400:
            self.answered += 1
        else:
            self.refused += 1
        async with asyncio.timeout(HEAR_SECONDS):
            writer.transport.set_write_buffer_limits(0)
            writer.write(render(answer, head_only))
            await writer.drain()
            writer.write_eof()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(MOST_BODY), 1.0)


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Raises `Refused`, and `EOFError` when the other end closes before it has asked."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise Refused(431) from error
    lines = head.decode("latin-1").split("\r\n")[:-2]
    asked = _LINE.fullmatch(lines[0])
    if not asked:
        raise Refused(400)
    headers: dict[str, str] = {}
    for line in lines[1:]:
        found = _HEADER.fullmatch(line)
        if not found or (found[1].lower() == "content-length" and "content-length" in headers):
            raise Refused(400)
        headers[found[1].lower()] = found[2].strip()
    path = _ABSOLUTE.sub("", asked[2], count=1)
    if not path.startswith("/") and path:
        raise Refused(400)
    body = await _read_body(reader, headers)
    return Request(asked[1], path or "/", body, headers.get("content-type", ""))


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise Refused(501)
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal() and len(length) < 12):
        raise Refused(400)
    if int(length) > MOST_BODY:
        raise Refused(413)
    return await reader.readexactly(int(length))


def render(answer: Answer, head_only: bool = False) -> bytes:
    phrase = HTTPStatus(answer.status).phrase
    head = (
        f"HTTP/1.1 {answer.status} {phrase}\r\nContent-Type: {answer.type or TEXT}\r\n"
        f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (b"" if head_only else answer.body)


def _peer(key: str, writer: asyncio.StreamWriter) -> Peer:
    other, own = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
    return Peer(key, _plain(other), _plain(own))


def _plain(name: tuple[str, int, int, int] | None) -> str:
    """An address without the zone, and an IPv4 one as such."""
    text = name[0].partition("%")[0] if name else "::"
    return text.removeprefix("::ffff:") if "." in text else text
