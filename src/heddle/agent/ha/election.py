"""Which host carries a highly available router: decided on each host alone, from what it hears of the others.  Pure.

Each host that has a router ready says whether it is active there, and in which term.  A host takes a router over in a
new term, greater than all that it knows of, when it hears of none that is active, no earlier host of the router's list
is there to do it, and somebody at all is heard: who hears nobody is cut off himself.  Of two that are active the one of
the greater term stays, of the same term the earlier host.  Who is active and hears nobody makes its router silent, a
moment before others take it over.  In a cloud of two hosts nobody can tell who is cut off, so there each goes on.

A host that was held up itself concludes nothing from what it has not heard meanwhile: after a moment it forgives the
others as much, after a longer one it listens anew, as it is, before it finds them dead or itself cut off.

A host that has lost a physical network of the router gives it up when another has been ready for a while and has lost
fewer; of hosts that may take one over, who has lost fewest comes first.  Who tries that in vain leaves it for a time.

With `preempt` an active host gives the router up when an earlier one has been ready for a while, and that takes it;
else it keeps it.  Hosts that carry no router are heard, too: they answer, and so bear witness.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

ACTIVE, STANDBY = "active", "standby"
DEAD = 0.7
SILENT = 0.7  # of that time
HELD_UP = 0.15
SETTLED = 3.0
PATIENCE = 1.5
WITHDRAWN = 3.0
IN_VAIN = 10.0
OTHERS = "other hosts"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a host says of a router that it has ready; `lost`: how many of its physical networks are lost there."""

    state: str
    term: int
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    router: str
    state: str
    term: int
    why: str


@dataclass(slots=True)
class Peer:
    """`until`: it counts as alive so long without a word; `since`: for how long it has had each router ready."""

    heard: float
    until: float
    claims: dict[str, Claim] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Own:
    """A router that is ready here `since` a moment.

    `hosts` are in the order in which they take it over; `term`: the greatest known; `lost`: how many of its physical
    networks this host has lost; `gave`: when it was last given up for that.
    """

    hosts: tuple[str, ...]
    state: str
    term: int
    since: float
    not_before: float
    waiting: float = 0.0
    lost: int = 0
    gave: float = float("-inf")


class Election:
    """`me` is this host, `others` are all the other hosts of the cloud that can be heard.

    Who is not heard for `dead` seconds is dead, who hears nobody is silent a little earlier.
    """

    def __init__(self, me: str, preempt: bool = False, dead: float = DEAD) -> None:
        self.me, self.preempt = me, preempt
        self.tolerate(dead)
        self.others: set[str] = set()
        self.routers: dict[str, Own] = {}
        self.peers: dict[str, Peer] = {}
        self._looks_at = float("inf")
        self._woke = float("-inf")

    def tolerate(self, dead: float) -> None:
        self.dead, self.silent = dead, dead * SILENT

    def ready(self, now: float, router: str, hosts: Iterable[str], claim: Claim | None = None) -> None:
        """A router is ready here, with other hosts than before, or newly; `claim`: what it was in an earlier life."""
        known = self.routers.get(router)
        if known is not None:
            known.hosts = tuple(hosts)
            return
        claim = claim or Claim(STANDBY, 0)
        own = self.routers[router] = Own(tuple(hosts), claim.state, claim.term, now, now)
        own.not_before = now + self.dead * (1 + len(self._earlier(own)))

    def gone(self, router: str) -> None:
        self.routers.pop(router, None)

    def lose(self, router: str, lost: int) -> None:
        """So many physical networks of the router are lost here."""
        self.routers[router].lost = lost

    def withdraw(self, now: float, router: str) -> None:
        """It could not be made active here: others shall try."""
        own = self.routers[router]
        own.state, own.not_before = STANDBY, now + WITHDRAWN

    def hear(self, now: float, peer: str, claims: Mapping[str, Claim], grace: float = 0.0) -> None:
        """`grace`: for how long it will say nothing though all is well."""
        before = self.peers.get(peer)
        alive = before is not None and now < before.until
        since = before.since if alive and before is not None else {}
        until = now + max(self.dead, grace)
        self.peers[peer] = Peer(now, until, dict(claims), {each: since.get(each, now) for each in claims})
        for router in claims.keys() & self.routers.keys():
            own = self.routers[router]
            if own.state != ACTIVE:
                own.term = max(own.term, claims[router].term)

    def claims(self, peer: str) -> dict[str, Claim]:
        """What is to be said to a host: of the routers that it has to do with."""
        theirs = self.peers[peer].claims if peer in self.peers else {}
        return {
            router: Claim(own.state, own.term, own.lost)
            for router, own in self.routers.items()
            if peer in own.hosts or router in theirs
        }

    def partners(self) -> set[str]:
        """The hosts that have routers ready which are ready here."""
        listed = {host for own in self.routers.values() for host in own.hosts}
        return (listed | {name for name, peer in self.peers.items() if peer.claims}) - {self.me}

    def deadline(self, now: float) -> float:
        """When a host that is heard no more is dead."""
        return min((peer.until for peer in self.peers.values() if peer.until > now), default=float("inf"))

    def decide(self, now: float, again: float = float("inf")) -> list[Change]:
        """What changes at this moment; `again`: when it will be asked the next time."""
        self._forgive(now, now - self._looks_at)
        self._looks_at = again
        alive = {name: peer for name, peer in self.peers.items() if now < peer.until}
        heard = any(now - peer.heard < self.silent or peer.until > now + self.dead for peer in alive.values())
        heard = heard or now - self._woke < self.silent
        changes = []
        for router, own in self.routers.items():
            said = {name: peer.claims[router] for name, peer in alive.items() if router in peer.claims}
            why = self._leave(now, router, own, said, heard) if own.state == ACTIVE else ""
            if why:
                own.state = STANDBY
            elif own.state == STANDBY and (why := self._enter(now, own, said, heard)):
                own.state, own.term = ACTIVE, own.term + 1
            if why:
                changes.append(Change(router, own.state, own.term, why))
        return changes

    def _forgive(self, now: float, late: float) -> None:
        """This host was held up, and maybe did not hear what others said."""
        if late >= self.dead + HELD_UP * 2:
            self._woke = now
        elif late > HELD_UP:
            for peer in self.peers.values():
                peer.heard, peer.until = peer.heard + late, peer.until + late

    def _leave(self, now: float, router: str, own: Own, said: Mapping[str, Claim], heard: bool) -> str:
        """Why this host is active no longer, else ""."""
        mine = self._weight(self.me, own, Claim(ACTIVE, own.term))
        for name, claim in said.items():
            if claim.state == ACTIVE and self._weight(name, own, claim) > mine:
                own.term = max(own.term, claim.term)
                return f"{name} is active in term {claim.term}"
        if now - own.since > self.silent and self._cut_off(own, heard):
            return "no other host is heard: this one is cut off"
        settled = [name for name in said if name in own.hosts and now - self.peers[name].since[router] > SETTLED]
        better = [name for name in settled if said[name].lost < own.lost]
        if better and now - own.gave > IN_VAIN:
            own.gave = now
            return f"{own.lost} of its physical networks lost here, {said[better[0]].lost} on {better[0]}"
        for name in self._earlier(own) if self.preempt else ():
            if name in settled and said[name].lost <= own.lost:
                return f"given back to {name}"
        return ""

    def _enter(self, now: float, own: Own, said: Mapping[str, Claim], heard: bool) -> str:
        """Why this host becomes active, else ""."""
        early = now < max(own.not_before, self._woke + self.dead)
        if early or self._cut_off(own, heard) or any(claim.state == ACTIVE for claim in said.values()):
            own.waiting = 0.0
            return ""
        first = self._first(own, said)
        own.waiting = own.waiting or now
        if first and now - own.waiting < PATIENCE:
            return ""
        own.waiting = 0.0
        if first:
            return f"no host is active, {first} does not take it"
        return "no other host is active"

    def _cut_off(self, own: Own, heard: bool) -> bool:
        return not heard and len(self.others) > 1 and len(own.hosts) > 1

    def _first(self, own: Own, said: Mapping[str, Claim]) -> str:
        """Who takes the router over before this host, "" if nobody does."""
        mine = (own.lost, self._place(self.me, own))
        others = sorted((said[name].lost, self._place(name, own)) for name in said if name in own.hosts)
        return own.hosts[others[0][1]] if others and others[0] < mine else ""

    def _place(self, name: str, own: Own) -> int:
        return own.hosts.index(name) if name in own.hosts else len(own.hosts)

    def _earlier(self, own: Own) -> tuple[str, ...]:
        return own.hosts[: own.hosts.index(self.me)] if self.me in own.hosts else own.hosts

    def _weight(self, name: str, own: Own, claim: Claim) -> tuple[int, int, str]:
        return claim.term, -self._place(name, own), name


def as_standby(claim: Claim) -> Claim:
    return replace(claim, state=STANDBY)
