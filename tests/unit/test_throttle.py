"""Guesses of secrets are slowed down, whichever server is asked, and forgotten in time."""

from __future__ import annotations

import threading

import pytest

from heddle.config import Settings
from heddle.control.duties import do_chores
from heddle.control.identity import throttle as module
from heddle.control.identity.throttle import FREE_GUESSES, LONGEST_WAIT, Throttle
from heddle.errors import TooManyRequests
from heddle.store.engine import Store


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moment = [1_700_000_000.0]
    monkeypatch.setattr(module.time, "time", lambda: moment[0])
    return moment


def test_guesses_are_slowed_down_for_that_user_from_that_address(store: Store, now: list[float]) -> None:
    one, other = Throttle(store), Throttle(Store(store.url))
    for number in range(FREE_GUESSES):
        assert one.check("ann", "192.0.2.1") == number
        (one, other)[number % 2].wrong("ann", "192.0.2.1")
    for server in (one, other):
        with pytest.raises(TooManyRequests, match="try again in 1 seconds"):
            server.check("ann", "192.0.2.1")
        server.check("ann", "192.0.2.2")
        server.check("bob", "192.0.2.1")
    now[0] += 1.01
    one.check("ann", "192.0.2.1")
    one.wrong("ann", "192.0.2.1")
    now[0] += 1.01
    with pytest.raises(TooManyRequests):
        other.check("ann", "192.0.2.1")
    now[0] += 1
    other.check("ann", "192.0.2.1")
    other.right("ann", "192.0.2.1")
    assert one.check("ann", "192.0.2.1") == 0


def test_guesses_at_once_are_all_counted(store: Store) -> None:
    servers = [Throttle(store), Throttle(Store(store.url))]
    threads = [threading.Thread(target=server.wrong, args=("ann", "192.0.2.1")) for server in servers * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(TooManyRequests):
        servers[0].check("ann", "192.0.2.1")
    with store.read() as tx:
        assert module.failed_logins.get(tx, module._key("ann", "192.0.2.1"))[0] == 16


def test_the_longest_wait_ends(store: Store, now: list[float]) -> None:
    throttle = Throttle(store)
    for _ in range(100):
        throttle.wrong("ann", "192.0.2.1")
    now[0] += LONGEST_WAIT - 1
    with pytest.raises(TooManyRequests, match="in 1 seconds"):
        throttle.check("ann", "192.0.2.1")
    now[0] += 2
    assert throttle.check("ann", "192.0.2.1") == 100


def test_what_is_old_is_forgotten_and_what_is_not_is_kept(store: Store, settings: Settings, now: list[float]) -> None:
    throttle = Throttle(store)
    throttle.wrong("old", "192.0.2.1")
    now[0] += LONGEST_WAIT
    throttle.wrong("new", "192.0.2.1")
    now[0] += LONGEST_WAIT + 1
    do_chores(store, settings)
    assert (throttle.check("old", "192.0.2.1"), throttle.check("new", "192.0.2.1")) == (0, 1)
