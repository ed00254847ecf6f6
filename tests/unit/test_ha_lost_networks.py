"""Which host carries a router where hosts have lost physical networks that it is on."""

from __future__ import annotations

import pytest
from tests.fakes.elections import BEAT, ROUTER, World

from heddle.agent.ha.cards import STEADY, Cards
from heddle.agent.ha.election import ACTIVE, SETTLED, STANDBY


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
