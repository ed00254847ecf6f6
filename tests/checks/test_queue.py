"""Brokers that are away or hang; `broker_checks.py` has one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from tests.checks.conftest import Look, differing, environment

from heddle.bus import probe
from heddle.bus.base import BusError
from heddle.bus.brokers import Broker
from heddle.store.engine import Store

QUEUE = {"queue-round-trip", "queue-calls", "queue-declarations"}


def test_a_broker_that_is_away_or_hangs(look: Look, store: Store, silent_server: int) -> None:
    before = look()
    for port in (silent_server, 1):
        look.words = [f"bus.url=amqp://heddle:hunter2@127.0.0.1:{port}/"]
        started = time.monotonic()
        found = look()
        assert time.monotonic() - started < 15 and look.code == 2
        assert differing(before, found) == QUEUE and "hunter2" not in str(found)
        assert found["queue-round-trip"]["status"] == "failure" and str(port) in found["queue-round-trip"]["details"]
        assert found["queue-calls"]["status"] == found["queue-declarations"]["status"] == "unknown"


def test_a_setting_that_names_no_broker(look: Look, store: Store) -> None:
    look.words = ["bus.url=amqp://nobody"]
    told = look()["queue-round-trip"]
    assert told["status"] == "failure" and "bus.url" in told["details"]


def test_a_broker_that_keeps_the_probe_for_ever(look: Look, store: Store, silent_server: int) -> None:
    """The others are asked, each, and the program ends."""
    program = (
        "import sys, time; from heddle.bus import probe; from heddle.cli import main; "
        "probe.round_trip = probe.call_queue = lambda broker: time.sleep(100); sys.exit(main.main(sys.argv[1:]))"
    )
    urls = ",".join(f"amqp://u:p@127.0.0.1:{port}/v" for port in (1, 2, 3))
    words = ["--set", f"bus.url={urls}", "doctor", "--only", "queue-round-trip", "--format", "json"]
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(), check=False)
    told = [each["details"] for each in json.loads(done.stdout)["checks"]]
    assert done.returncode == 2 and len(told) == 3 and all("has not answered" in each for each in told), told


def test_the_third_broker_is_asked_for_the_calls(
    look: Look, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers(broker: Broker) -> probe.CallQueue:
        if broker.parameters.port != 3:
            raise BusError("away")
        return probe.CallQueue(0, 2)

    monkeypatch.setattr(probe, "call_queue", answers)
    look.words = ["bus.url=" + ",".join(f"amqp://u:p@127.0.0.1:{port}/v" for port in (1, 2, 3))]
    told = look("--only", "queue-calls")["queue-calls"]
    assert told["status"] == "success" and "2 servers" in told["details"], told
