"""The process that agrees with those of other hosts on who carries which highly available router.

One thread: it hears what has come, decides (`election.py`), and does what follows at once: the gate of br-int, the
announcements of a router that is active here now, the state file, a message to the others.  The agent gives it recipes
and reads its state, both through files (`host/ha_files.py`); neither needs the other to go on.

Who has routers says so several times a second to the hosts that share them, and to a few others, which answer: they
are heard, and so tell a host that is cut off from one that is left alone.  One that is dumb is replaced by the next.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from heddle.agent.ha.cards import Cards
from heddle.agent.ha.election import ACTIVE, Change, Claim, Election, as_standby
from heddle.agent.ha.following import Following
from heddle.agent.ha.message import Beat, Known, claims_of, opened, sealed
from heddle.agent.ha_flows import active_flows
from heddle.host import ha_files
from heddle.host.announce import Announcement, Announcer
from heddle.host.flow_watch import Watch
from heddle.host.ha_files import Config, Here, Recipe, State
from heddle.host.ha_gate import CommandError, Gate, number_of

log = logging.getLogger(__name__)

BEAT, IDLE = 0.15, 1.0
SETTLE = 0.4
GRACE = 3.0
AUDIT, RETRY = 4.0, 0.3
WITNESSES, DUMB = 3, 3.0
FIRST = Claim(ACTIVE, 1)


class Service:
    """Of one folder.  `run` until `stop`."""

    def __init__(self, folder: Path, config: Config) -> None:
        self._folder, self._config = folder, config
        self._election = Election(config.me, config.preempt, config.dead)
        self._election.others = set(config.peers)
        self._known = Known(config.me, time.time_ns() // 1000, config.dead)
        self._recipes: dict[str, Recipe] = {}
        self._why: dict[str, str] = {}
        self._asked: dict[str, float] = {}
        self._contested: dict[str, float] = {}
        self._announcer = Announcer()
        self._cards = Cards()
        self._gate: Gate | None = None
        self._watch: Watch | None = None
        self._following = Following()
        self._stamp = (0, 0)
        self._beat_at = self._audit_at = 0.0
        self._socket = _listen(config)
        self._waker = os.eventfd(0, os.EFD_NONBLOCK)
        self._ending = ""

    def stop(self, resting: bool) -> None:
        """From a signal handler: end; `resting`: another process comes at once, and routers stay as they are."""
        self._ending = "rest" if resting else "end"
        self.wake()

    def wake(self) -> None:
        """From anywhere: look at once."""
        os.eventfd_write(self._waker, 1)

    def run(self) -> None:
        self._begin()
        while not self._ending:
            now = time.monotonic()
            until = min(self._beat_at, self._audit_at, self._election.deadline(now) + 0.001)
            wait = until - now if self._recipes else IDLE
            ready, _, _ = select.select([self._socket.fileno(), self._waker], [], [], max(0.0, wait))
            if self._waker in ready:
                os.eventfd_read(self._waker)
            self._hear_all()
            self.look(time.monotonic())
        self._end()

    def look(self, now: float) -> None:
        """Take what the agent has written, decide, and tell."""
        ha_files.touch(self._folder)
        if (found := ha_files.stamp(self._folder)) != self._stamp:
            self._stamp = found
            self._take_recipes(now)
        if self._recipes:
            self._look_at_cards(now)
            changes = self._election.decide(now, now + BEAT)
            if changes:
                self._apply(now, changes)
            if now >= self._audit_at:
                self._audit(now)
            self._announce_contested(now)
            if changes or now >= self._beat_at:
                self._beat_at = now + BEAT
                self._tell(now)

    def _look_at_cards(self, now: float) -> None:
        cards = (names for each in self._recipes.values() for names in each.cards.values())
        self._cards.look(now, {name for names in cards for name in names})
        for id, recipe in self._recipes.items():
            self._election.lose(id, self._cards.lost(now, recipe.cards))

    # The agent's word

    def _begin(self) -> None:
        """What was active here a moment ago still is."""
        before = ha_files.read(self._folder / "state", State) or State()
        away = ha_files.silence(self._folder)
        (self._folder / "alive").touch(mode=0o600)
        stays = away < (GRACE if before.resting else self._election.silent)
        claims = {id: Claim(here.state, here.term) for id, here in before.routers.items()}
        self._take_recipes(time.monotonic(), {id: each if stays else as_standby(each) for id, each in claims.items()})
        self._write_state()
        self._following.begin(self._folder, self._config)

    def _take_recipes(self, now: float, claims: dict[str, Claim] | None = None) -> None:
        fresh = ha_files.read(self._folder / "config", Config)
        if fresh is not None and fresh != self._config:
            self._config, self._election.preempt = fresh, fresh.preempt
            self._election.tolerate(fresh.dead)
            self._election.others = set(fresh.peers)
        found = ha_files.recipes(self._folder)
        gone = self._recipes.keys() - found.keys()
        closed = [id for id in gone if self._is_active(id)]
        for id in gone:
            self._election.gone(id)
            self._why.pop(id, None)
        mine = [id for id, each in found.items() if each.carried and id not in self._why and id not in (claims or {})]
        for id, recipe in found.items():
            self._election.ready(now, id, recipe.hosts, FIRST if id in mine else (claims or {}).get(id))
            self._why.setdefault(id, "ready")
        self._renew_addresses(found)
        self._recipes = found
        if closed:
            self._set_gate((), closed)
        if found and self._gate is None:
            self._gate = Gate(active_flows)
            self._watch = Watch(Path(self._config.switch), "br-int", self._came_back)
            self._audit_at = 0.0
        if mine:
            self._apply(now, [Change(id, FIRST.state, FIRST.term, "it was on this host alone") for id in mine])
        if gone or claims is None:
            self._write_state()
            self._beat_at = 0.0
        self._following.recipes(found)

    def _renew_addresses(self, found: dict[str, Recipe]) -> None:
        """Announce what an active router has got meanwhile."""
        for id, recipe in found.items():
            if id in self._recipes and self._is_active(id):
                self._announce(recipe, set(recipe.addresses) - set(self._recipes[id].addresses))

    def _is_active(self, id: str) -> bool:
        own = self._election.routers.get(id)
        return own is not None and own.state == ACTIVE

    # What follows from a decision

    def _apply(self, now: float, changes: list[Change]) -> None:
        opened = [each.router for each in changes if each.state == ACTIVE]
        closed = [each.router for each in changes if each.state != ACTIVE]
        if not self._set_gate(opened, closed):
            for id in opened:
                self._election.withdraw(now, id)
                changes = [each for each in changes if each.router != id]
        for each in changes:
            self._why[each.router] = each.why
            if each.state == ACTIVE:
                recipe = self._recipes[each.router]
                self._announce(recipe, recipe.addresses)
            words = "router=%s host=%s state=%s term=%d why=%s"
            log.warning(words, each.router, self._config.me, each.state, each.term, each.why)
        self._following.changed(changes)
        self._write_state()
        if self._gate is not None:
            self._gate.warm_up()

    def _set_gate(self, opened: Iterable[str], closed: Iterable[str]) -> bool:
        try:
            if self._gate is not None:
                self._gate.set(opened, closed)
        except CommandError as error:
            log.error("the gate cannot be changed: %s", error)
            self._audit_at = 0.0
            return False
        return True

    def _audit(self, now: float) -> None:
        """Have the gate as it shall be, whatever happened to it."""
        assert self._gate is not None
        try:
            if self._gate.make(id for id in self._recipes if self._is_active(id)):
                log.warning("the gate was otherwise than it had been left")
            self._audit_at = now + AUDIT
        except CommandError as error:
            log.error("the gate cannot be looked at: %s", error)
            self._audit_at = now + RETRY

    def _came_back(self) -> None:
        self._audit_at = 0.0
        self.wake()

    def _announce(self, recipe: Recipe, addresses: Iterable[tuple[str, str, str]]) -> None:
        self._announcer.start(recipe.namespace, [Announcement(*each) for each in addresses])

    def _contest(self, now: float, beat: Beat, claims: Mapping[str, Claim]) -> None:
        """Note the routers of this host that another thinks, or may have thought until now, to be active on it: frames
        of its own have led other hosts there."""
        peer = self._election.peers.get(beat.sender)
        back = peer is None or now >= peer.until
        for id, claim in claims.items():
            if self._is_active(id) and (back or claim.state == ACTIVE):
                self._contested[id] = now + SETTLE

    def _announce_contested(self, now: float) -> None:
        """Lead other hosts here again, as soon as nobody else claims the router any more."""
        for id in [each for each, due in self._contested.items() if now >= due]:
            del self._contested[id]
            if id in self._recipes and self._is_active(id):
                self._announce(self._recipes[id], self._recipes[id].addresses)

    def _write_state(self, resting: bool = False) -> None:
        routers = {
            id: Here(own.state, own.term, self._why.get(id, "")) for id, own in self._election.routers.items()
        }
        with contextlib.suppress(OSError):
            ha_files.write(self._folder / "state", State(routers, resting))

    # Hearing and telling

    def _hear_all(self) -> None:
        """All that has come, before anything is decided: who was held up has heard of the others meanwhile."""
        numbers, keys = {number_of(id): id for id in self._recipes}, self._config.keys
        for _ in range(10_000):
            try:
                data, sender = self._socket.recvfrom(65536)
            except OSError:
                return
            beat = opened(data, *keys)
            if beat is None or beat.sender not in self._config.peers:
                continue
            now = time.monotonic()
            if self._known.counts(beat, now):
                claims = claims_of(beat, numbers)
                self._contest(now, beat, claims)
                self._election.hear(now, beat.sender, claims, min(beat.grace, GRACE))
                self._asked.pop(beat.sender, None)
            if not beat.answer and (beat.sender not in self._targets() or beat.yours != self._known.incarnation):
                self._say(beat.sender, sender, answer=True)

    def _targets(self) -> set[str]:
        """Whom this host tells by itself: nobody, when it has no router ready."""
        if not self._recipes:
            return set()
        partners = self._election.partners() & self._config.peers.keys()
        return partners | set(self._witnesses(partners))

    def _witnesses(self, partners: set[str]) -> list[str]:
        """A few of the others, from this host on in the order of names; first those that have not been dumb."""
        names = sorted(self._config.peers.keys() - partners)
        place = sum(name < self._config.me for name in names)
        now = time.monotonic()
        ordered = names[place:] + names[:place]
        ordered.sort(key=lambda name: now - self._asked.get(name, now) > DUMB)
        return ordered[:WITNESSES]

    def _tell(self, now: float, grace: float = 0.0) -> None:
        for name in self._targets():
            self._asked.setdefault(name, now)
            self._say(name, (self._config.peers[name], self._config.port), grace)

    def _say(self, name: str, where: tuple[str, int], grace: float = 0.0, answer: bool = False) -> None:
        beat: Beat = self._known.beat(name, self._election.claims(name), grace, answer)
        with contextlib.suppress(OSError):
            self._socket.sendto(sealed(beat, self._config.keys[0]), where)

    def _end(self) -> None:
        now = time.monotonic()
        if self._ending == "rest":
            self._tell(now, GRACE)
            self._write_state(resting=True)
        else:
            closed = [id for id in self._recipes if self._is_active(id)]
            self._set_gate((), closed)
            for id in list(self._election.routers):
                self._election.gone(id)
            for name in self._config.peers:
                self._say(name, (self._config.peers[name], self._config.port))
            self._write_state()
        self._following.end()
        if self._gate is not None:
            self._gate.close()
        self._socket.close()


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_FREEBIND if hasattr(socket, "IPV6_FREEBIND") else 78, 1)
    else:
        made.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND: the address may come later, and come again
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    made.bind((config.address, config.port))
    return made
