"""Long lists take turns; others never wait."""

from __future__ import annotations

import threading

from heddle.api.network.turns import LONG, Turns


def _enters(turns: Turns, collection: str, whole: bool) -> bool:
    """Whether another thread gets in while one is inside with a whole list of ports."""
    entered = threading.Event()

    def other() -> None:
        with turns.of(collection, whole=whole):
            entered.set()

    with turns.of("ports", whole=True):
        thread = threading.Thread(target=other)
        thread.start()
        soon = entered.wait(0.1)
    thread.join(5)
    assert entered.is_set()
    return soon


def test_a_long_whole_list_waits_for_another() -> None:
    turns = Turns()
    turns.note("ports", LONG)
    assert not _enters(turns, "ports", whole=True)


def test_short_collections_pages_and_filters_do_not_wait() -> None:
    turns = Turns()
    turns.note("ports", LONG)
    assert _enters(turns, "networks", whole=True) and _enters(turns, "ports", whole=False)
    turns.note("ports", LONG - 1)
    assert _enters(turns, "ports", whole=True)
