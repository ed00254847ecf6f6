"""The sockets under the channels: a host that is active for routers dials those that stand by for them.

Each link is one TCP connection, polled with all others.  A host that does not answer is dialled again and again; one
that takes nothing for some seconds is given up.  Strangers get no more than a few seconds, and only some at once.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
from collections.abc import Callable, Iterator, Mapping

from heddle.agent.ha.connections.channel import BadChannel, Channel

log = logging.getLogger(__name__)

DIAL_AGAIN, GREETED_WITHIN = 0.5, 3.0
STRANGERS = 32
_DEAD_AFTER_MS = 4000
_ROOM = 1 << 18
_READ = selectors.EVENT_READ
_BOTH = selectors.EVENT_READ | selectors.EVENT_WRITE


class Link:
    def __init__(self, sock: socket.socket, channel: Channel, since: float, dials: bool) -> None:
        self.socket, self.channel, self.since, self.dials = sock, channel, since, dials
        self.waits = dials

    @property
    def has_room(self) -> bool:
        return self.channel.is_open and len(self.channel.outgoing) < _ROOM


class Links:
    """`hear(link, message)` for each message; `lost(link)` when one that was open is no more."""

    def __init__(
        self, selector: selectors.BaseSelector, me: str, address: str, port: int, key: bytes,
        hear: Callable[[Link, bytes], None], lost: Callable[[Link], None],
    ) -> None:  # fmt: skip
        self._selector, self._me, self._port = selector, me, port
        self._key, self._also = key, b""
        self._hear, self._lost = hear, lost
        self._dialled: dict[str, Link] = {}
        self._heard: list[Link] = []
        self._dial_at: dict[str, float] = {}
        self._address = address
        self._listener = _listen(address, port)
        selector.register(self._listener, _READ, self._accept)

    def take_keys(self, key: bytes, also: bytes) -> None:
        """From now on that key, and another where this host is dialled; a link with one that counts no longer ends."""
        self._key, self._also = key, also
        for link in [*self._dialled.values(), *self._heard]:
            if link.channel.key not in (key, also):
                self._drop(link)

    def close(self) -> None:
        for link in [*self._dialled.values(), *self._heard]:
            self._drop(link)
        self._selector.unregister(self._listener)
        self._listener.close()

    def dialled(self) -> Mapping[str, Link]:
        """The links by which this host tells, open or not yet, by host."""
        return self._dialled

    def heard(self, peer: str) -> Iterator[Link]:
        """The open links by which a host tells this one."""
        return (link for link in self._heard if link.channel.is_open and link.channel.peer == peer)

    def want(self, now: float, peers: Mapping[str, str]) -> None:
        """Have links to these hosts, by their addresses, and to no others; give up who is too slow."""
        for name in self._dialled.keys() - peers.keys():
            self._drop(self._dialled[name])
        for name, address in peers.items():
            if name not in self._dialled and now >= self._dial_at.get(name, now):
                self._dial_at[name] = now + DIAL_AGAIN
                self._dial(now, name, address)
        for link in [*self._dialled.values(), *self._heard]:
            if not link.channel.is_open and now - link.since > GREETED_WITHIN:
                self._drop(link)

    def flush(self, now: float, link: Link) -> None:
        """Send what it takes; the rest when it can."""
        outgoing = link.channel.outgoing
        try:
            while outgoing:
                del outgoing[: link.socket.send(memoryview(outgoing)[:_ROOM].tobytes())]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(link)
            return
        self._wait(link, bool(outgoing))

    def _wait(self, link: Link, waits: bool) -> None:
        if waits != link.waits:
            link.waits = waits
            self._selector.modify(link.socket, _BOTH if waits else _READ, lambda now: self._ready(now, link))

    def _dial(self, now: float, name: str, address: str) -> None:
        sock = _socket(address)
        try:
            with contextlib.suppress(BlockingIOError):
                sock.bind((self._address, 0))
                sock.connect((address, self._port))
        except OSError:
            sock.close()
            return
        link = self._dialled[name] = Link(sock, Channel(self._key, self._me, name), now, True)
        self._selector.register(sock, _BOTH, lambda now: self._ready(now, link))

    def _accept(self, now: float) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                if sum(not link.channel.is_open for link in self._heard) >= STRANGERS:
                    sock.close()
                    continue
                _prepare(sock)
                link = Link(sock, Channel(self._key, self._me, also=self._also), now, False)
                self._heard.append(link)
                self._register(link)
                self.flush(now, link)

    def _register(self, link: Link) -> None:
        self._selector.register(link.socket, _READ, lambda now: self._ready(now, link))

    def _ready(self, now: float, link: Link) -> None:
        try:
            data = link.socket.recv(1 << 18)
        except BlockingIOError:
            data = None
        except OSError:
            data = b""
        if data == b"":
            self._drop(link)
            return
        try:
            for message in link.channel.feed(data or b""):
                self._hear(link, message)
        except BadChannel as error:
            log.warning("a link with %s is given up: %s", link.channel.peer or "a stranger", error)
            self._drop(link)
            return
        if link.socket.fileno() >= 0:
            self.flush(now, link)

    def _drop(self, link: Link) -> None:
        if link.socket.fileno() < 0:
            return
        self._selector.unregister(link.socket)
        link.socket.close()
        if self._dialled.get(link.channel.peer) is link:
            del self._dialled[link.channel.peer]
        if link in self._heard:
            self._heard.remove(link)
        if link.channel.is_open:
            link.channel.is_open = False
            self._lost(link)


def _socket(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    _prepare(made)
    return made


def _prepare(sock: socket.socket) -> None:
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_AFTER_MS)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
        sock.setsockopt(socket.IPPROTO_TCP, option, 1)


def _listen(address: str, port: int) -> socket.socket:
    """Whether the address is there yet or not."""
    made = _socket(address)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    level, freebind = (socket.IPPROTO_IPV6, 78) if ":" in address else (socket.IPPROTO_IP, 15)
    made.setsockopt(level, freebind, 1)
    made.bind((address, port))
    made.listen(STRANGERS)
    return made
