"""Hosts that hear each other and decide which of them carries a router, in a time of the test's own."""

from __future__ import annotations

from collections.abc import Iterable

from heddle.agent.ha.election import ACTIVE, Change, Claim, Election

BEAT = 0.15
ROUTER = "r"


class World:
    """Hosts with a router; `cut` are those whose link is dead, `dead` those that do nothing."""

    def __init__(self, *names: str, witnesses: Iterable[str] = (), preempt: bool = False) -> None:
        self.now = 100.0
        self.names, self.preempt = names, preempt
        self.every = [*names, *witnesses]
        self.hosts: dict[str, Election] = {}
        self.cut: set[str] = set()
        self.dead: set[str] = set()
        self.changes: list[tuple[float, str, Change]] = []
        for name in self.every:
            self.boot(name)

    def boot(self, name: str, claim: Claim | None = None) -> None:
        made = self.hosts[name] = Election(name, self.preempt)
        made.others = set(self.every) - {name}
        if name in self.names:
            made.ready(self.now, ROUTER, self.names, claim)
        self.dead.discard(name)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.step()

    def step(self) -> None:
        self.now += BEAT
        live = [name for name in self.every if name not in self.dead]
        for name in live:
            for change in self.hosts[name].decide(self.now):
                self.changes.append((self.now, name, change))
                self.say(name)
        for name in live:
            self.say(name)

    def say(self, sender: str) -> None:
        for name in self.every:
            if name != sender and not {name, sender} & self.cut and name not in self.dead:
                self.hosts[name].hear(self.now, sender, self.hosts[sender].claims(name))

    @property
    def active(self) -> list[str]:
        alive = (name for name in self.names if name not in self.dead)
        return [name for name in alive if self.hosts[name].routers[ROUTER].state == ACTIVE]
