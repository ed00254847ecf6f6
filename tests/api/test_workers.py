"""One server of several workers: it does not matter which of them is asked, and any of them may be killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.fakes.client import password_login
from tests.load.cloud import QUOTAS, Workers, check, running
from tests.load.mixed import Mixed, all_at_once

from heddle.bus.local import LocalAgentBus
from heddle.view.types import Wake, network_scope

V3 = "/identity/v3"
ASK = "/v2.0/networks?limit=1"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with running(Workers(tmp_path_factory.mktemp("workers"), 3)) as made:
        yield made


def until(condition: Callable[[], object], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


def killed(cloud: Workers, number: int) -> None:
    """kill -9 a worker, and wait until another process has its place."""
    server = cloud.server
    old = server.pids()[number]
    os.kill(old, signal.SIGKILL)
    until(lambda: server.pids().get(number, old) != old and server.ready())
    cloud.admin.connection.close()


def test_each_is_a_process_that_answers(cloud: Workers) -> None:
    pids = cloud.server.pids()
    assert list(pids) == [1, 2, 3] and len(set(pids.values())) == 3
    for number in pids:
        assert cloud.server.caller(number, cloud.admin.token).call("GET", ASK)[0] == 200


def test_what_one_takes_away_the_others_refuse_with_the_next_request(cloud: Workers) -> None:
    site = cloud.project(QUOTAS)
    callers = [cloud.server.caller(number, site.token) for number in range(1, 4)]
    assert [caller.call("GET", ASK)[0] for caller in callers] == [200] * 3
    admin = cloud.server.caller(3, cloud.admin.token)
    path = f"/v2.0/quotas/{site.project_id}"
    assert admin.call("PUT", path, {"quota": {"network": 0}})[0] == 200
    statuses = [caller.call("POST", "/v2.0/networks", {"network": {"name": "n"}})[0] for caller in callers]
    assert statuses == [409] * 3
    assert admin.call("PUT", path, {"quota": {"network": 3}})[0] == 200
    statuses = [caller.call("POST", "/v2.0/networks", {"network": {"name": "n"}})[0] for caller in callers * 2]
    assert statuses == [201] * 3 + [409] * 3
    assert admin.call("DELETE", f"{V3}/auth/tokens", None, **{"X-Subject-Token": site.token})[0] == 204
    assert [caller.call("GET", ASK)[0] for caller in callers] == [401] * 3


def test_a_role_that_is_taken_away_is_gone_everywhere(cloud: Workers) -> None:
    site = cloud.project(QUOTAS)
    callers = [cloud.server.caller(number, site.token) for number in range(1, 4)]
    assert [caller.call("GET", ASK)[0] for caller in callers] == [200] * 3
    admin = cloud.server.caller(2, cloud.admin.token)
    path = f"/role_assignments?scope.project.id={site.project_id}"
    _, found, _ = admin.call("GET", V3 + path)
    (role,) = found["role_assignments"]
    assert admin.call("DELETE", urlsplit(role["links"]["assignment"]).path)[0] == 204
    assert [caller.call("GET", ASK)[0] for caller in callers] == [401] * 3


def test_wrong_guesses_are_counted_across_workers(cloud: Workers) -> None:
    callers = [cloud.server.caller(number) for number in range(1, 4)]
    statuses = [caller.call("POST", f"{V3}/auth/tokens", password_login("ann", "wrong"))[0] for caller in callers * 2]
    assert statuses == [401] * 5 + [429]
    other = [caller.call("POST", f"{V3}/auth/tokens", password_login("bob", "wrong"))[0] for caller in callers]
    assert other == [401] * 3, "who guesses another name waits for nobody"


def test_agents_hear_of_what_any_worker_does_even_after_a_kill(cloud: Workers) -> None:
    heard: list[Wake] = []
    network = cloud.admin.call("POST", "/v2.0/networks", {"network": {"name": "n"}})[1]["network"]["id"]
    agent = LocalAgentBus(Path(cloud.server.env["HEDDLE_PATHS_RUN"]) / "bus.sock")
    agent.start("h1", heard.append)
    agent.subscribe([network_scope(network)])
    try:
        until(lambda: heard)

        def tells(number: int, also: list[str] | None = None) -> None:
            """A change by this worker is heard (no timer asks here), by its scope or by `also`."""
            caller = cloud.server.caller(number, cloud.admin.token)
            heard.clear()
            assert caller.call("PUT", f"/v2.0/networks/{network}", {"network": {"name": str(time.time())}})[0] == 200
            until(lambda: any(wake.scopes in ([network_scope(network)], also) for wake in heard), 5.0)

        for number in range(1, 4):
            tells(number)
        heard.clear()
        killed(cloud, 1)
        until(lambda: any(not wake.scopes for wake in heard))
        tells(3, also=[])  # the connection to the first breaks with it: anything may have changed
        tells(3)
        heard.clear()
        killed(cloud, 2)
        until(lambda: any(not wake.scopes for wake in heard))
        tells(2)
    finally:
        agent.stop()


@pytest.mark.timeout(180)
def test_nothing_that_was_answered_is_lost_when_workers_are_killed(cloud: Workers) -> None:
    sites = [cloud.loaded(QUOTAS), cloud.loaded(QUOTAS)]
    clients = [Mixed(sites[n % 2], cloud.ports, seed=n, lossy=True) for n in range(6)]
    before, done = cloud.server.pids(), threading.Event()

    def kill() -> None:
        for number in (2, 1, 3):
            time.sleep(0.8)
            killed(cloud, number)
        done.set()

    killer = threading.Thread(target=kill)
    killer.start()
    while not done.is_set():
        all_at_once(clients, 1.0)
    killer.join()
    all_at_once(clients, 0.5, least=60)
    statuses = check(cloud, clients, QUOTAS)
    assert sum(statuses[asked, 201] for asked in ("POST ports", "POST networks", "POST floatingips")) > 10
    assert not set(cloud.server.pids().values()) & set(before.values())
