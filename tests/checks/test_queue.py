"""Brokers that are away or hang; `broker_checks.py` has one of its own."""

from __future__ import annotations

import time

from tests.checks.conftest import Look, differing

from heddle.store.engine import Store

QUEUE = {"queue-round-trip", "queue-calls"}


def test_a_broker_that_is_away_or_hangs(look: Look, store: Store, silent_server: int) -> None:
    before = look()
    for port in (silent_server, 1):
        look.words = [f"bus.url=amqp://heddle:hunter2@127.0.0.1:{port}/"]
        started = time.monotonic()
        found = look()
        assert time.monotonic() - started < 15 and look.code == 2
        assert differing(before, found) == QUEUE and "hunter2" not in str(found)
        assert found["queue-round-trip"]["status"] == "failure" and str(port) in found["queue-round-trip"]["details"]
        assert found["queue-calls"]["status"] == "unknown"


def test_a_setting_that_names_no_broker(look: Look, store: Store) -> None:
    look.words = ["bus.url=amqp://nobody"]
    told = look()["queue-round-trip"]
    assert told["status"] == "failure" and "bus.url" in told["details"]
