"""What the hosts of the run are told: who followed all changes has what who asks anew gets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.stateful.world import HOSTS, World

from heddle.agent.mirror import Mirror
from heddle.control import sync
from heddle.view.compile import Compiler
from heddle.view.types import FetchReply, FetchRequest


class Follower:
    """A host that asks for its news."""

    def __init__(self, world: World, host: str, compiler: Compiler) -> None:
        self.world, self.host, self.compiler, self.mirror = world, host, compiler, Mirror()

    def fetch(self, *, digests: bool = False) -> FetchReply:
        mirror = self.mirror
        request = FetchRequest(
            host=self.host,
            revision=mirror.revision,
            scopes=sorted(mirror.scopes),
            digests=mirror.digests() if digests else {},
        )
        reply = sync.fetch(self.world.cloud.store, self.compiler, request)
        mirror.apply(reply)
        return reply

    def content(self) -> dict[str, Any]:
        """All that the host has, and what it could not read."""
        parts = {name: getattr(self.mirror, name) for name in vars(self.mirror) if name != "revision"}
        return {name: dict(part) if isinstance(part, dict) else part for name, part in parts.items()}


class Followers:
    """The hosts of the run."""

    def __init__(self, world: World) -> None:
        self.world = world
        compiler = Compiler()
        self.all = [Follower(world, host, compiler) for host in HOSTS]

    def follow(self) -> None:
        for follower in self.all:
            follower.fetch()

    def wrong(self) -> Iterable[str]:
        """Where following and asking anew differ."""
        for follower in self.all:
            follower.fetch()
            anew = Follower(self.world, follower.host, Compiler())
            anew.fetch()
            have, should = follower.content(), anew.content()
            for name in should:
                if have[name] != should[name]:
                    yield f"{follower.host} has of {name} {_first(have[name], should[name])}"
            if again := follower.fetch(digests=True).scopes:
                yield f"{follower.host} is told anew of {[news.scope for news in again]}"


def _first(have: Any, should: Any) -> str:
    """One difference of two tables."""
    if not isinstance(have, dict) or not isinstance(should, dict):
        return f"{have}, not {should}"
    for id in sorted({*have, *should}, key=str):
        if have.get(id) != should.get(id):
            return f"{have.get(id)}, not {should.get(id)}"
    return ""
