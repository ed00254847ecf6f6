"""The service: listeners, what is known of guests, and how a request is answered.

Everything here is in the one thread of the event loop, but for the waiting for Nova.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from heddle.agent.metadata.documents import NOT_FOUND, Answer, answer
from heddle.agent.metadata.guests import Guests
from heddle.agent.metadata.http import MOST_HEAD, Front, Peer, Request
from heddle.agent.metadata.nova import Nova
from heddle.agent.metadata.said import said
from heddle.host import metadata_wire as wire
from heddle.host.netlink import Netlink
from heddle.host.rtnetlink import hardware_address

log = logging.getLogger(__name__)

NOVA_THREADS = 16
_NETLINK_SECONDS = 2.0


@dataclass(slots=True)
class Listener:
    told: wire.Listen
    server: asyncio.Server
    routing: Netlink


class Service:
    """`version` names the code."""

    def __init__(self, version: str) -> None:
        self.guests = Guests()
        self.front = Front(self.answer)
        self._version = version
        self._listeners: dict[str, Listener] = {}
        self._settings = wire.Configure()
        self._nova: Nova | None = None
        self._unfit = False
        self._pool = ThreadPoolExecutor(NOVA_THREADS, thread_name_prefix="nova")

    async def take(self, message: wire.Any, descriptors: list[int]) -> wire.Holding | None:
        """Do what the agent says; what it gets for an answer."""
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        match message:
            case wire.Configure():
                self._configure(message)
            case wire.Listen() if len(sockets) == wire.SOCKETS:
                await self._listen(message, *sockets)
            case wire.Close():
                self._close(message.key)
                return self.holding(digests=False)
            case wire.News():
                self.guests.take(message)
            case wire.Look():
                return self.holding(message.digests)
        return None

    def holding(self, digests: bool) -> wire.Holding:
        return wire.Holding(
            version=self._version,
            listeners={key: each.told.stamp for key, each in self._listeners.items()},
            digests=self.guests.digests() if digests else {},
            answered=self.front.answered,
            refused=self.front.refused,
            problem=said.lately(),
        )

    async def answer(self, peer: Peer, request: Request) -> Answer:
        """What a guest gets: only of itself, whatever it says."""
        listener = self._listeners.get(peer.key)
        if listener is None or (listener.told.addresses and peer.called not in listener.told.addresses):
            return NOT_FOUND
        try:
            mac = hardware_address(listener.routing, listener.told.index, peer.address)
        except OSError as error:
            log.warning("no neighbour of %s can be looked up: %s", peer.key, error)
            return Answer(503, b"Service Unavailable\n")
        guest = self.guests.find(listener.told.network_id, peer.address, mac)
        if guest is None:
            return NOT_FOUND
        if self._unfit:
            return Answer(503, b"Service Unavailable\n")
        if self._nova is not None:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._nova.forward, guest, peer.address, request)
        if request.method not in ("GET", "HEAD"):
            return Answer(405, b"Method Not Allowed\n")
        return answer(guest, request.path, self._settings.domain)

    def _configure(self, settings: wire.Configure) -> None:
        if settings == self._settings:
            return
        self._settings = settings
        try:
            self._nova, self._unfit = Nova(settings) if settings.nova_host else None, False
        except ssl.SSLError as error:
            log.error("metadata.nova_ca_file holds no certificates: %s", error)
            self._nova, self._unfit = None, True

    async def _listen(self, told: wire.Listen, opened: socket.socket, routing: socket.socket) -> None:
        self._close(told.key)
        routing.settimeout(_NETLINK_SECONDS)
        server = await asyncio.start_server(partial(self.front.serve, told.key), sock=opened, limit=MOST_HEAD)
        self._listeners[told.key] = Listener(told, server, Netlink(opened=routing))

    def _close(self, key: str) -> None:
        listener = self._listeners.pop(key, None)
        if listener is not None:
            listener.server.close()
            self.front.cut(key)
            listener.routing.close()

    def close(self) -> None:
        for key in list(self._listeners):
            with contextlib.suppress(OSError):
                self._close(key)
        self._pool.shutdown(wait=False, cancel_futures=True)
