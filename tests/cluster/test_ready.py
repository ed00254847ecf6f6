"""What a server says of itself to who watches it, while its database or its broker is away for real."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.load.processes import Server
from tests.real.testhost import PATIENCE

from heddle.simulate.postgres import Postgres
from heddle.simulate.rabbitmq import RabbitMq

# readyz has two seconds for its look, and healthz does not look: what a busy machine adds to both is not theirs.
SOON, AT_ONCE = 2 + 3 * PATIENCE, 1.0


class Watched:
    """A server with a database and a broker of its own."""

    def __init__(self, folder: Path) -> None:
        self.database, self.broker = Postgres(), RabbitMq()
        self.database.start()
        self.broker.start()
        self.server = Server(folder, server_user="root", database_url=self.database.url, bus_url=self.broker.url())
        self.server.start()

    def asks(self, path: str) -> tuple[int, dict[str, Any], float]:
        """Status, answer, and how long it took."""
        began = time.monotonic()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.server.port}{path}", timeout=20) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        return status, json.loads(body), time.monotonic() - began

    def becomes(self, wanted: dict[str, str], status: int, seconds: float = 30) -> None:
        """Until readyz says this; it is never late meanwhile, and healthz is well and at once: of four answers one is,
        and who waits for the database is late each time."""
        end = time.monotonic() + seconds * PATIENCE
        while True:
            found, said, took = self.asks("/readyz")
            assert took < SOON, took
            told: list[float] = []
            while not told or (min(told) > AT_ONCE and len(told) < 4):
                alive, well, took = self.asks("/healthz")
                assert (alive, well) == (200, {"status": "ok"}), (alive, well)
                told.append(took)
            assert min(told) < AT_ONCE, told
            if (found, said) == (status, wanted):
                return
            assert time.monotonic() < end, (found, said)
            time.sleep(0.1)

    def processes_of_the_database(self, number: int) -> None:
        """A signal for all of them."""
        group = (self.database.folder / "data" / "postmaster.pid").read_text().split()[0]
        children = Path(f"/proc/{group}/task/{group}/children").read_text().split()
        for pid in (group, *children):
            os.kill(int(pid), number)


READY = {"status": "ready", "database": "ok", "bus": "ok"}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    made = Watched(tmp_path_factory.mktemp("watched"))
    yield made
    made.server.kill()
    made.broker.stop()
    made.database.stop()


def test_all_is_well(watched: Watched) -> None:
    watched.becomes(READY, 200)


def test_the_database_goes_and_comes_back(watched: Watched) -> None:
    watched.database.kill()
    watched.becomes({**READY, "status": "unavailable", "database": "unreachable"}, 503)
    watched.database.start()
    watched.becomes(READY, 200)


def test_a_database_that_never_answers(watched: Watched) -> None:
    """Many ask at once, and each has its answer in time, for one of them alone waits for the database."""
    watched.processes_of_the_database(signal.SIGSTOP)
    try:
        watched.becomes({**READY, "status": "unavailable", "database": "timeout"}, 503)
        with ThreadPoolExecutor(20) as pool:
            asked = [pool.submit(watched.asks, "/readyz") for _ in range(60)]
            answers = [each.result() for each in asked]
        assert {status for status, _, _ in answers} == {503} and max(took for _, _, took in answers) < SOON
        assert watched.asks("/healthz")[0] == 200
    finally:
        watched.processes_of_the_database(signal.SIGCONT)
    watched.becomes(READY, 200)


def test_a_server_without_its_broker_serves(watched: Watched) -> None:
    watched.broker.kill()
    watched.becomes({**READY, "bus": "unreachable"}, 200)
    watched.broker.start()
    watched.becomes(READY, 200)


def test_nothing_secret_is_said(watched: Watched) -> None:
    said = [json.dumps(watched.asks(path)[1]) for path in ("/healthz", "/readyz")]
    assert all(word not in text for text in said for word in (str(watched.database.folder), "postgres", "amqp", "0.1"))
