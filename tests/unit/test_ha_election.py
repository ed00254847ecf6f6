"""Which host carries a router, decided on each host: who is first, who takes over, and who gives way."""

from __future__ import annotations

import pytest
from tests.fakes.elections import BEAT, ROUTER, World

from heddle.agent.ha.election import ACTIVE, DEAD, SETTLED, SILENT, STANDBY, Claim


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
