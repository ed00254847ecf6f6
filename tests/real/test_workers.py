"""Two processes answer the requests of one cloud: both do, either may be killed, and hosts hear of both."""

from __future__ import annotations

import http.client
import json
import os
import signal
import statistics
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.client import ApiError, Client
from bench.cloud import NAME, URL, Cloud, running
from tests.engines.servers import new_database
from tests.real.testhost import wait_until

from heddle.host.process import alive

FIRST, SECOND = "server", "server-2"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cloud, Path]]:
    """On the engine that this run is for, and its policy file: nobody makes segments."""
    policy = tmp_path_factory.mktemp("policy") / "policy.yaml"
    policy.write_text('"create_segment": "!"\n', encoding="utf-8")
    settings = ("server.workers=2", f"database.url={new_database()}", f"identity.policy_file={policy}")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HEDDLE_TEST_ENGINE", raising=False)
        with running(Path("/var/tmp"), settings) as made:
            yield made, policy


@pytest.fixture
def cloud(site: tuple[Cloud, Path]) -> Cloud:
    return site[0]


def log_of(cloud: Cloud, process: str) -> str:
    return (cloud.folder / "log" / "server" / f"{process}.log").read_text(encoding="utf-8")


def served_by(cloud: Cloud, process: str) -> Client:
    """A client whose kept connection was accepted by one of the processes."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        mark = f"req-{uuid.uuid4()}"
        client = Client(URL, {"X-Auth-Token": cloud.token, "X-Openstack-Request-Id": mark}, dial=cloud.space.dial)
        client.call("GET", "/v2.0/networks")
        if mark in log_of(cloud, process):
            return client
        client.close()
    raise AssertionError(f"{process} accepted no connection in 30 s")


def workers(cloud: Cloud) -> list[int]:
    """The processes that `heddle status` shows."""
    told = json.loads(cloud.command("status", "--json", check=False))
    return [worker["process"] for worker in told["server"]["workers"]]


def test_requests_are_served_by_both(cloud: Cloud) -> None:
    for process in (FIRST, SECOND):
        assert served_by(cloud, process).call("GET", "/v2.0/ports") == {"ports": []}
    assert cloud.process(FIRST) != cloud.process(SECOND)
    text = cloud.command("status")
    assert text.count("\nworker ") == 2 and text.rstrip().endswith("\nhealthy")


def test_what_one_changes_the_other_knows_with_the_next_request(cloud: Cloud) -> None:
    """An object, a role, and a token that is revoked."""
    one, other = served_by(cloud, FIRST), served_by(cloud, SECOND)
    for writer, reader in ((one, other), (other, one)):
        project = writer.call("POST", "/identity/v3/projects", {"project": {"name": uuid.uuid4().hex}})["project"]
        who = {"name": uuid.uuid4().hex, "password": "correct horse"}
        user = writer.call("POST", "/identity/v3/users", {"user": who})["user"]
        (role,) = reader.call("GET", "/identity/v3/roles?name=member")["roles"]
        grant = f"/identity/v3/projects/{project['id']}/users/{user['id']}/roles/{role['id']}"
        writer.call("PUT", grant)
        login = {"name": who["name"], "domain": {"id": "default"}, "password": who["password"]}
        auth = {"identity": {"methods": ["password"], "password": {"user": login}},
                "scope": {"project": {"id": project["id"]}}}  # fmt: skip
        writer.call("POST", "/identity/v3/auth/tokens", {"auth": auth})
        token = writer.answer_headers["X-Subject-Token"]
        for client in (writer, reader):
            client._headers["X-Auth-Token"] = token
            assert client.call("GET", "/v2.0/networks") == {"networks": []}
        network = writer.call("POST", "/v2.0/networks", {"network": {"name": "n"}})["network"]
        assert reader.call("GET", f"/v2.0/networks/{network['id']}")["network"]["name"] == "n"
        writer._headers["X-Auth-Token"] = cloud.token
        writer.call("DELETE", grant)
        with pytest.raises(ApiError, match="401"):
            reader.call("GET", "/v2.0/networks")
        reader._headers["X-Auth-Token"] = cloud.token
        writer.call("DELETE", f"/v2.0/networks/{network['id']}")


def wired(cloud: Cloud, client: Client, number: int) -> float:
    """Seconds from the request that binds a port, whose guest is plugged already, until it is ACTIVE."""
    network = client.call("POST", "/v2.0/networks", {"network": {"name": f"wired{number}"}})["network"]["id"]
    port = client.call("POST", "/v2.0/ports", {"port": {"network_id": network}})["port"]
    cloud.host.plug(f"w{number}", port["mac_address"], [], port["id"])
    time.sleep(0.3)
    began = time.monotonic()
    client.call("PUT", f"/v2.0/ports/{port['id']}", {"port": {"binding:host_id": NAME}})
    path = f"/v2.0/ports/{port['id']}"
    wait_until(lambda: cloud.api.call("GET", path)["port"]["status"] == "ACTIVE", 20, cloud.log_tail())
    return time.monotonic() - began


def test_a_port_is_wired_as_fast_through_either(cloud: Cloud) -> None:
    clients = {process: served_by(cloud, process) for process in (FIRST, SECOND)}
    wired(cloud, clients[FIRST], 99)
    took: dict[str, list[float]] = {process: [] for process in clients}
    for number in range(10):
        process = (FIRST, SECOND)[number % 2]
        took[process].append(wired(cloud, clients[process], number))
    one, other = (statistics.median(took[process]) for process in (FIRST, SECOND))
    print(f"\nuntil ACTIVE: through the first {one * 1000:.0f} ms, through the second {other * 1000:.0f} ms")
    assert other < max(1.5 * one, one + 0.25), took


class Load:
    """Creates networks with several clients, each request on a connection of its own, until it is told to end."""

    def __init__(self, cloud: Cloud, clients: int = 4) -> None:
        self.cloud = cloud
        self.acknowledged: list[str] = []
        self.refused: list[BaseException] = []
        self.broken = 0
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            client = self.cloud.client()
            try:
                made: dict[str, Any] = client.call("POST", "/v2.0/networks", {"network": {"name": "load"}})
                self.acknowledged.append(made["network"]["id"])
            except (ConnectionRefusedError, ApiError) as error:
                self.refused.append(error)
            except (OSError, http.client.HTTPException):
                self.broken += 1
            finally:
                client.close()

    def more(self, count: int) -> bool:
        """Whether so many more are acknowledged in time."""
        wanted = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= wanted, 30, "requests are answered")
        return True


@pytest.mark.parametrize("victim", [SECOND, FIRST])
def test_a_killed_one_comes_back_and_nothing_acknowledged_is_lost(cloud: Cloud, victim: str) -> None:
    other = FIRST if victim == SECOND else SECOND
    before, spared = cloud.process(victim), cloud.process(other)
    with Load(cloud) as load:
        load.more(20)
        os.kill(before, signal.SIGKILL)
        load.more(20)
        wait_until(lambda: not alive(before) and len(workers(cloud)) == 2, 20, "it comes back")
        load.more(20)
    assert cloud.process(victim) != before and cloud.process(other) == spared
    assert load.refused == [] and load.broken <= 4
    kept = {network["id"] for network in cloud.api.call("GET", "/v2.0/networks?fields=id")["networks"]}
    assert set(load.acknowledged) <= kept
    client = served_by(cloud, victim)
    assert wired(cloud, client, 100 + before) < 5


def test_a_changed_policy_file_is_not_the_rule_of_one_process_alone(site: tuple[Cloud, Path]) -> None:
    """Nor of one that is started again: all follow it as it was when Heddle started."""
    cloud, file = site
    network = cloud.api.call("POST", "/v2.0/networks", {"network": {"name": "n"}})["network"]["id"]
    body = {"segment": {"network_id": network, "network_type": "vxlan"}}

    def refused() -> None:
        for process in (FIRST, SECOND):
            with pytest.raises(ApiError, match="403"):
                served_by(cloud, process).call("POST", "/v2.0/segments", body)

    refused()
    file.write_text("{}\n", encoding="utf-8")
    before = cloud.process(SECOND)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: not alive(before) and len(workers(cloud)) == 2, 20, "it comes back")
    refused()
    cloud.stop()
    cloud.start()
    cloud.api.call("POST", "/v2.0/segments", body)
