"""The connections of all routers of a host, told and kept by one thread: it polls everything and waits for nobody.

`carry` says what the host has: routers that are active here, whose connections are told to the hosts that stand by, and
routers that stand by here, whose connections are kept as they are told.  `step` does what is due and comes back.
"""

from __future__ import annotations

import logging
import selectors
import time
from collections.abc import Mapping
from dataclasses import dataclass

from heddle.agent.ha.connections.links import Link, Links
from heddle.agent.ha.connections.outbox import Outbox
from heddle.agent.ha.connections.receiver import Receiver
from heddle.agent.ha.connections.source import Source
from heddle.agent.ha.connections.wire import Ask, BadMessage, decode, encode
from heddle.host.carried_keep import Keeper
from heddle.host.netns import identity

log = logging.getLogger(__name__)

TICK, IDLE = 0.02, 0.25
MESSAGES_PER_TICK = 200
_LOOK = 1.0


@dataclass(frozen=True, slots=True)
class Routed:
    """A router that is ready here: `peers` are the addresses of the other hosts that have it, by name."""

    namespace: str
    active: bool
    term: int
    peers: Mapping[str, str]

    def is_other_than(self, was: Routed) -> bool:
        """Whether it has to be taken up anew; on standby the term says nothing."""
        return (self.namespace, self.active, self.active and self.term) != (
            was.namespace, was.active, was.active and was.term
        )  # fmt: skip


class Carrier:
    """`me` is this host's name; it is dialled at the address and the port, with the key of the cloud."""

    def __init__(self, me: str, address: str, port: int, key: bytes) -> None:
        self.selector = selectors.DefaultSelector()
        self.receiver = Receiver(Keeper)
        self.sources: dict[str, Source] = {}
        self._links = Links(self.selector, me, address, port, key, self._hear, self._lost)
        self._routers: dict[str, Routed] = {}
        self._identities: dict[str, int] = {}
        self._outboxes: dict[str, Outbox] = {}
        self._asks: set[str] = set()
        self._now = self._look_at = 0.0

    def close(self) -> None:
        self.carry({})
        self._links.close()
        self.selector.close()

    def take_keys(self, key: bytes, also: bytes = b"") -> None:
        """The key of the cloud is this one from now on, and another counts as well."""
        self._links.take_keys(key, also)

    def carry(self, routers: Mapping[str, Routed]) -> None:
        """These are ready here, and no others."""
        before, self._routers = self._routers, dict(routers)
        for router, was in before.items():
            now = routers.get(router)
            if now is None or now.is_other_than(was):
                self._put_down(router)
            elif now.peers != was.peers:
                self._forget_strangers(router, now)
        self._look_at = 0.0

    def step(self, longest: float = IDLE) -> None:
        """Wait for a moment, or until something comes, and do what is due."""
        begun = self._now = time.monotonic()
        if begun >= self._look_at:
            self._look(begun)
        ready = self.selector.select(TICK if self._is_busy() else longest)
        self._now = time.monotonic()
        for key, _ in ready:
            if key.fileobj in self.selector.get_map():
                key.data(self._now)
        for router, source in list(self.sources.items()):
            self._read(router, source)
        self._tell()
        if ready:
            time.sleep(max(0.0, begun + TICK - time.monotonic()))

    def _is_busy(self) -> bool:
        return any(source.is_reading for source in self.sources.values()) or any(
            outbox.is_due for outbox in self._outboxes.values()
        )

    # What is ready here

    def _look(self, now: float) -> None:
        """Take up what is ready, and what has a namespace that was made anew."""
        self._look_at = now + _LOOK
        for router, routed in self._routers.items():
            found = identity(routed.namespace)
            if self._identities.get(router, found) != found:
                self._put_down(router)
            if found and router not in self._identities and self._take_up(now, router, routed):
                self._identities[router] = found
        active = [each for each in self._routers.values() if each.active]
        self._links.want(now, {name: address for each in active for name, address in each.peers.items()})
        self._ask()

    def _take_up(self, now: float, router: str, routed: Routed) -> bool:
        if not routed.active:
            self._asks.add(router)
            return self.receiver.stand_by(router, routed.namespace)
        try:
            source = self.sources[router] = Source(router, routed.namespace, now)
        except OSError as error:
            log.warning("router=%s its connections cannot be read: %s", router, error)
            return False
        self.selector.register(source.events, selectors.EVENT_READ, lambda now: self._news(router, source))
        for name, outbox in self._outboxes.items():
            if name in routed.peers:
                outbox.carry(router, routed.term)
        return True

    def _put_down(self, router: str) -> None:
        self._identities.pop(router, None)
        self.receiver.forget(router)
        self._asks.discard(router)
        for outbox in self._outboxes.values():
            outbox.forget(router)
        source = self.sources.pop(router, None)
        if source is not None:
            self.selector.unregister(source.events)
            source.close()

    def _forget_strangers(self, router: str, routed: Routed) -> None:
        for name, outbox in self._outboxes.items():
            if name not in routed.peers:
                outbox.forget(router)
            elif router in self.sources and router not in outbox.routers():
                outbox.carry(router, routed.term)

    # Telling

    def _told(self, router: str) -> list[Outbox]:
        return [outbox for outbox in self._outboxes.values() if router in outbox.routers()]

    def _news(self, router: str, source: Source) -> None:
        try:
            source.hear(self._now, self._told(router))
        except OSError as error:
            self._failed(router, error)

    def _read(self, router: str, source: Source) -> None:
        try:
            source.read(self._now, self._told(router))
        except OSError as error:
            self._failed(router, error)

    def _failed(self, router: str, error: OSError) -> None:
        """It is taken up anew at the next look."""
        log.warning("router=%s its connections cannot be read: %s", router, error)
        self._put_down(router)

    def _tell(self) -> None:
        for name, link in list(self._links.dialled().items()):
            if link.channel.is_open and name not in self._outboxes:
                self._begin(name)
            outbox = self._outboxes.get(name)
            for _ in range(MESSAGES_PER_TICK if outbox is not None else 0):
                if not link.has_room or outbox is None or (message := outbox.take()) is None:
                    break
                link.channel.send(message)
            if link.channel.outgoing:
                self._links.flush(self._now, link)

    def _begin(self, name: str) -> None:
        outbox = self._outboxes[name] = Outbox()
        for router in self.sources:
            if name in self._routers[router].peers:
                outbox.carry(router, self._routers[router].term)

    # Hearing

    def _hear(self, link: Link, data: bytes) -> None:
        """Of its own routers each host tells whoever stands by for them, and no other."""
        try:
            message = decode(data)
        except BadMessage as error:
            log.warning("from %s: %s", link.channel.peer, error)
            return
        routed = self._routers.get(message.router)
        if routed is None or link.channel.peer not in routed.peers:
            return
        if link.dials:
            if isinstance(message, Ask) and link.channel.peer in self._outboxes:
                self._outboxes[link.channel.peer].again(message.router)
            return
        try:
            answer = self.receiver.hear(self._now, link.channel.peer, message)
        except OSError as error:
            self._failed(message.router, error)
            return
        if answer is not None:
            link.channel.send(encode(answer))

    def _lost(self, link: Link) -> None:
        if link.dials:
            self._outboxes.pop(link.channel.peer, None)
        elif not any(self._links.heard(link.channel.peer)):
            self.receiver.cut_off(link.channel.peer)

    def _ask(self) -> None:
        """Who began to tell before the router was ready here begins anew."""
        asks, self._asks = self._asks, set()
        for router in asks:
            for name in self._routers[router].peers if router in self._routers else ():
                for link in self._links.heard(name):
                    link.channel.send(encode(Ask(router)))
                    self._links.flush(self._now, link)
