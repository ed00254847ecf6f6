"""Bytes between two hosts, so that only who has the key of the cloud is heard, and nothing is heard twice.  Pure.

Who is dialled says a random number first, the other answers with one of his own, and from both and the key follows the
key of this one channel.  Each message is signed with it, with its direction and its number: what was recorded is worth
nothing, on this channel as on any other.  No message is given out or sent before both have shown that they have the
key.  What is said is not secret.

    dialled -> dials     16 bytes
    dials -> dialled     16 bytes, then signed: who dials and whom
    dialled -> dials     signed: welcome
    both                 4 bytes of length, the message, 16 bytes of signature
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

import msgspec

from heddle.errors import HeddleError

NONCE, SIGNATURE = 16, 16
MOST = 1 << 16
_WELCOME = b"welcome"


class BadChannel(HeddleError):
    """Not signed with the key of the cloud, or not what is to be said here."""


class _Hello(msgspec.Struct, frozen=True, array_like=True):
    sender: str
    recipient: str


class Channel:
    """`peer`: whom this host dials, "" where it is dialled; then it is known when the channel `is_open`.

    `also`: another key that counts where this host is dialled; `key` is that of the channel, when it is open.
    `outgoing` has the bytes to be sent; who sends takes them away.
    """

    def __init__(self, key: bytes, me: str, peer: str = "", also: bytes = b"") -> None:
        self.key, self._me, self.peer = key, me, peer
        self._keys = [key, also] if also and not peer else [key]
        self._dials = bool(peer)
        self._nonce = secrets.token_bytes(NONCE)
        self._session = b""
        self._sessions: dict[bytes, bytes] = {}
        self._sent = self._heard = 0
        self._incoming = bytearray()
        self.outgoing = bytearray(b"" if self._dials else self._nonce)
        self.is_open = False

    def send(self, message: bytes) -> None:
        """Only on a channel that is open."""
        if not self.is_open:
            raise BadChannel("the channel is not open yet")
        self._say(message)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now.  Raises `BadChannel`: the channel is to be closed."""
        self._incoming += data
        if not self._session and not self._agree():
            return []
        found: list[bytes] = []
        while (message := self._next()) is not None:
            if self.is_open:
                found.append(message)
            elif self._dials:
                self._expect(message == _WELCOME)
            else:
                self._greet(message)
        return found

    def _agree(self) -> bool:
        if len(self._incoming) < NONCE:
            return False
        theirs = bytes(self._incoming[:NONCE])
        del self._incoming[:NONCE]
        both = theirs + self._nonce if self._dials else self._nonce + theirs
        sessions = [hmac.digest(key, b"heddle connections 1" + both, hashlib.sha256) for key in self._keys]
        self._sessions = dict(zip(sessions, self._keys, strict=True))
        self._session = sessions[0]
        if self._dials:
            self.outgoing += self._nonce
            self._say(msgspec.msgpack.encode(_Hello(self._me, self.peer)))
        return True

    def _greet(self, message: bytes) -> None:
        try:
            hello = msgspec.msgpack.decode(message, type=_Hello)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadChannel(f"no greeting: {error}") from error
        self._expect(hello.recipient == self._me and bool(hello.sender) and hello.sender != self._me)
        self.peer = hello.sender
        self._say(_WELCOME)

    def _expect(self, right: bool) -> None:
        if not right:
            raise BadChannel("a greeting for somebody else")
        self.is_open = True

    def _say(self, message: bytes) -> None:
        self.outgoing += len(message).to_bytes(4, "big") + message + self._signature(message, self._sent, self._dials)
        self._sent += 1

    def _next(self) -> bytes | None:
        if len(self._incoming) < 4:
            return None
        size = int.from_bytes(self._incoming[:4], "big")
        if size > MOST:
            raise BadChannel("a message that is too long")
        end = 4 + size + SIGNATURE
        if len(self._incoming) < end:
            return None
        message, said = bytes(self._incoming[4 : 4 + size]), bytes(self._incoming[4 + size : end])
        if not self._heard:
            self._choose(message, said)
        if not hmac.compare_digest(said, self._signature(message, self._heard, not self._dials)):
            raise BadChannel("a message that is not signed with the key of the cloud")
        del self._incoming[:end]
        self._heard += 1
        return message

    def _choose(self, message: bytes, said: bytes) -> None:
        """Who is dialled goes on with that of its keys which the other has taken."""
        for session, key in self._sessions.items():
            self._session, self.key = session, key
            if hmac.compare_digest(said, self._signature(message, 0, not self._dials)):
                return

    def _signature(self, message: bytes, number: int, by_dialler: bool) -> bytes:
        head = bytes([by_dialler]) + number.to_bytes(8, "big")
        return hmac.digest(self._session, head + message, hashlib.sha256)[:SIGNATURE]
