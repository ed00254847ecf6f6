"""The counter that keeps caches honest: seen at once by every reader, whatever the engine."""

from __future__ import annotations

import threading
import time

import pytest

from heddle.errors import Unavailable
from heddle.store.engine import Store
from heddle.store.epoch import Epoch, bump, connections


def _general(store: Store) -> Epoch:
    """Read as on engines other than SQLite."""
    made = Epoch(store, "identity")
    made._file, made._engine = None, connections(store.url)
    return made


@pytest.fixture(params=["sqlite", "general"])
def epoch(request: pytest.FixtureRequest, store: Store) -> Epoch:
    return Epoch(store, "identity") if request.param == "sqlite" else _general(store)


def test_a_commit_is_seen_by_the_next_read(store: Store, epoch: Epoch) -> None:
    before = epoch.value()
    for number in range(1, 4):
        store.write(lambda tx: bump(tx, "identity"))
        assert epoch.value() == before + number


def test_what_is_not_committed_is_not_seen(store: Store, epoch: Epoch) -> None:
    before = epoch.value()

    def work(tx: object) -> None:
        bump(tx, "identity")  # type: ignore[arg-type]
        assert epoch.value() == before
        raise KeyError

    with pytest.raises(KeyError):
        store.write(work)
    assert epoch.value() == before


def test_threads_see_the_same(store: Store, epoch: Epoch) -> None:
    stop, seen = threading.Event(), []

    def read() -> None:
        last = 0
        while not stop.is_set():
            found = epoch.value()
            seen.append(found >= last)
            last = found
            time.sleep(0.001)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        store.write(lambda tx: bump(tx, "identity"))
    stop.set()
    for thread in threads:
        thread.join()
    assert seen and all(seen)


def test_a_database_that_is_gone_is_said_to_be(store: Store, epoch: Epoch) -> None:
    with store.engine.begin() as conn:
        conn.exec_driver_sql("ALTER TABLE counters RENAME TO hidden")
    with pytest.raises(Unavailable):
        epoch.value()
    with store.engine.begin() as conn:
        conn.exec_driver_sql("ALTER TABLE hidden RENAME TO counters")
    assert epoch.value() >= 0
