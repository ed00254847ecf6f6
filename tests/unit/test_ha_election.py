"""Which host carries a router, decided on each host: hosts that hear each other, in a time of the test's own."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from heddle.agent.ha.cards import STEADY, Cards
from heddle.agent.ha.election import ACTIVE, DEAD, SETTLED, SILENT, STANDBY, Change, Claim, Election
from heddle.agent.ha.message import Beat, claims_of, opened, sealed

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


def test_the_first_of_the_list_carries_it_at_first() -> None:
    world = World("a", "b", "c")
    world.run(5)
    assert world.active == ["a"]
    assert [(name, change.state, change.term) for _, name, change in world.changes] == [("a", ACTIVE, 1)]


def test_a_host_dies_and_the_next_takes_over_in_time() -> None:
    world = World("a", "b", "c")
    world.run(5)
    world.dead.add("a")
    died = world.now
    world.run(3)
    assert world.active == ["b"]
    when, name, change = world.changes[-1]
    assert (name, change.state, change.term) == ("b", ACTIVE, 2) and when - died <= DEAD + 2 * BEAT


@pytest.mark.parametrize(("preempt", "last"), [(False, "b"), (True, "a")])
def test_one_that_comes_back_takes_it_only_with_preemption(preempt: bool, last: str) -> None:
    world = World("a", "b", witnesses=["w"], preempt=preempt)
    world.run(5)
    world.dead.add("a")
    world.run(3)
    assert world.active == ["b"]
    world.boot("a")
    for _ in range(round((SETTLED + 3) / BEAT)):
        world.step()
        assert len(world.active) <= 1, "not for a moment two"
    assert world.active == [last]


def test_a_dead_link_silences_the_host_before_another_takes_over() -> None:
    world = World("a", "b", witnesses=["w"])
    world.run(5)
    world.cut.add("a")
    for _ in range(round(3 / BEAT)):
        world.step()
        assert len(world.active) <= 1
    assert world.active == ["b"] and SILENT < 1
    world.cut.clear()
    world.run(3)
    assert world.active == ["b"], "the one that was cut off does not take it back"


def test_who_is_cut_off_does_not_take_over() -> None:
    world = World("a", "b", witnesses=["w"])
    world.run(5)
    world.cut.add("b")
    world.run(3)
    assert world.active == ["a"] and world.hosts["b"].routers[ROUTER].state == STANDBY


def test_a_host_that_slept_gives_way_to_the_greater_term() -> None:
    world = World("a", "b", witnesses=["w"])
    world.run(5)
    world.dead.add("a")
    world.run(3)
    world.dead.discard("a")
    world.say("b")
    assert [change.state for change in world.hosts["a"].decide(world.now)] == [STANDBY]
    world.run(2)
    assert world.active == ["b"]


def test_a_host_that_was_held_up_does_not_think_the_others_dead() -> None:
    world = World("a", "b", witnesses=["w"])
    world.run(5)
    late = world.hosts["b"]
    late.decide(world.now, world.now + BEAT)
    assert late.decide(world.now + BEAT + 0.8, world.now + 1) == []
    late.hear(world.now + 3, "w", {})
    assert late.decide(world.now + 3, world.now + 3 + BEAT) == [], "it slept, and listens first"
    late.hear(world.now + 3.5, "w", {})
    late.decide(world.now + 3.1, world.now + 3 + DEAD)
    assert [change.state for change in late.decide(world.now + 3.01 + DEAD)] == [ACTIVE], "its patience has an end"


def test_all_are_held_up_at_once_and_nothing_changes() -> None:
    """On a machine that has no time for any of them; the first that goes on hears nothing of the others yet."""
    for first in ("a", "b"):
        world = World("a", "b", witnesses=["w"])
        world.run(5)
        for election in world.hosts.values():
            election.decide(world.now, world.now + BEAT)
        before, later = len(world.changes), world.now + 4
        assert world.hosts[first].decide(later, later + BEAT) == []
        world.hosts[first].hear(later + 0.1, "w", {})
        assert world.hosts[first].decide(later + 0.1, later + 0.1 + BEAT) == []
        world.now = later + 0.1
        world.run(3)
        assert world.active == ["a"] and len(world.changes) == before


def test_a_host_that_slept_is_silent_soon_when_it_hears_nobody() -> None:
    world = World("a", "b", witnesses=["w"])
    world.run(5)
    asleep = world.hosts["a"]
    asleep.decide(world.now, world.now + BEAT)
    wakes = world.now + 4
    assert asleep.decide(wakes, wakes + DEAD * SILENT) == []
    assert [change.state for change in asleep.decide(wakes + 0.01 + DEAD * SILENT)] == [STANDBY]


def test_two_hosts_alone_go_on_each() -> None:
    """Neither can know whether it is the other that is dead; when they meet the greater term wins."""
    world = World("a", "b")
    world.run(5)
    world.cut.add("a")
    world.run(3)
    assert world.active == ["a", "b"]
    world.cut.clear()
    world.run(1)
    assert world.active == ["b"]


def test_a_router_that_is_taken_from_a_host_is_taken_over_at_once() -> None:
    world = World("a", "b", witnesses=["w"])
    world.run(5)
    world.hosts["a"].gone(ROUTER)
    world.names = ("b",)
    began = world.now
    world.run(1)
    assert world.changes[-1][1] == "b" and world.changes[-1][0] - began <= 3 * BEAT


def test_a_restart_that_was_told_changes_nothing() -> None:
    world = World("a", "b", witnesses=["w"])
    world.run(5)
    own = world.hosts["a"].routers[ROUTER]
    for name in ("b", "w"):
        world.hosts[name].hear(world.now, "a", {ROUTER: Claim(ACTIVE, own.term)}, grace=3.0)
    world.dead.add("a")
    world.run(2)
    assert world.active == []
    world.boot("a", Claim(ACTIVE, own.term))
    world.run(3)
    assert world.active == ["a"] and world.hosts["a"].routers[ROUTER].term == own.term


def test_one_that_cannot_leaves_it_to_the_next() -> None:
    world = World("a", "b", witnesses=["w"])
    world.run(0.9)
    assert world.active == ["a"]
    for _ in range(30):
        world.step()
        if world.hosts["a"].routers[ROUTER].state == ACTIVE:
            world.hosts["a"].withdraw(world.now, ROUTER)
        if world.active == ["b"]:
            return
    raise AssertionError("nobody took it")


def settled_world(preempt: bool = False) -> World:
    world = World("a", "b", "c", preempt=preempt)
    world.run(8)
    assert world.active == ["a"]
    return world


def lose(world: World, **lost: int) -> None:
    for name, count in lost.items():
        world.hosts[name].lose(ROUTER, count)


def test_who_loses_a_physical_network_hands_over_to_one_that_has_it() -> None:
    """At once, and to the first that has lost fewest."""
    world = settled_world()
    lose(world, b=1)
    world.run(1)
    assert world.active == ["a"]
    lose(world, a=1)
    since = world.now
    world.run(2)
    assert world.active == ["c"]
    assert max(when for when, _, _ in world.changes) - since < 3 * BEAT
    assert "1 of its physical networks lost here, 0 on c" in world.changes[-2][2].why


def test_what_all_have_lost_moves_nothing() -> None:
    world = settled_world()
    before = len(world.changes)
    lose(world, b=1, c=2)
    world.run(1)
    lose(world, a=1)
    world.run(5)
    assert world.active == ["a"] and len(world.changes) == before


def test_who_has_lost_more_takes_over_after_the_others_only() -> None:
    world = settled_world()
    lose(world, b=1)
    world.dead.add("a")
    world.run(4)
    assert world.active == ["c"]
    world.dead.add("c")
    world.boot("a")
    world.run(6)
    assert world.active == ["a"]


@pytest.mark.parametrize(("preempt", "last"), [(False, "b"), (True, "a")])
def test_it_is_not_given_back_before_the_network_is_there_again(preempt: bool, last: str) -> None:
    world = settled_world(preempt)
    lose(world, a=1)
    world.run(SETTLED * 3)
    assert world.active == ["b"]
    lose(world, a=0)
    world.run(SETTLED * 3)
    assert world.active == [last]


def test_who_hands_over_in_vain_takes_it_back_and_keeps_it_for_a_while() -> None:
    """The other cannot take it: its gate does not open."""
    world = settled_world()
    world.names = ("a", "b")
    for name in ("a", "b"):
        world.hosts[name].ready(world.now, ROUTER, ("a", "b"))
    world.hosts["c"].gone(ROUTER)
    lose(world, a=1)
    for _ in range(int(8 / BEAT)):
        world.step()
        if world.active == ["b"]:
            world.hosts["b"].withdraw(world.now, ROUTER)
            world.say("b")
    assert world.active == ["a"]
    mine = [change for _, name, change in world.changes if name == "a"]
    assert [each.state for each in mine] == [ACTIVE, STANDBY, ACTIVE]


def test_what_an_earlier_version_says_and_hears() -> None:
    """It knows nothing of what is lost: it is read, and reads the rest."""

    class Earlier(msgspec.Struct, array_like=True):
        sender: str
        recipient: str
        incarnation: int
        number: int
        yours: int
        claims: list[tuple[int, bool, int]] = []
        grace: float = 0.0
        answer: bool = False

    beat = Beat("a", "b", 1, 2, 3, [(7, True, 4)], lost=[(7, 1)])
    told = msgspec.msgpack.decode(msgspec.msgpack.encode(beat), type=Earlier)
    assert (told.claims, told.answer) == ([(7, True, 4)], False)
    heard = msgspec.msgpack.decode(msgspec.msgpack.encode(Earlier("a", "b", 1, 2, 3, [(7, True, 4)])), type=Beat)
    assert claims_of(heard, {7: ROUTER}) == {ROUTER: Claim(ACTIVE, 4)}
    assert claims_of(beat, {7: ROUTER}) == {ROUTER: Claim(ACTIVE, 4, 1)}


def test_a_message_is_signed_with_one_of_the_keys_that_count() -> None:
    beat, one, other = Beat("a", "b", 1, 2, 3), b"1" * 32, b"2" * 32
    assert opened(sealed(beat, one), other, one) == opened(sealed(beat, one), one) == beat
    assert opened(sealed(beat, one), other) is None and opened(sealed(beat, one)) is None


def test_a_network_is_lost_when_all_its_cards_are() -> None:
    """One that nothing is plugged into is not; a card counts again when it has been steady for a while."""
    down: set[str] = set()
    cards = Cards(lambda name: name not in down)
    networks = {"outside": ["one", "two"], "other": ["three"], "nothing": []}

    def lost(now: float) -> int:
        cards.look(now, ["one", "two", "three"])
        return cards.lost(now, networks)

    assert lost(0) == 0
    down.add("one")
    assert lost(1) == 0
    down.add("two")
    assert lost(2) == 1
    down.add("three")
    assert lost(3) == 2
    down.clear()
    assert lost(4) == 2 and lost(4 + STEADY / 2) == 2 and lost(4 + STEADY) == 0
    down.add("three")
    assert lost(10) == 1
