"""Two agents with one host name, and hosts whose clocks are wrong."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk

from heddle.control import sync
from heddle.control.instances import RIVAL_SECONDS
from heddle.errors import Conflict
from heddle.store import changes
from heddle.view.compile import Compiler
from heddle.view.types import FetchRequest, Status


def problems(admin: Talk, host: str = "host1") -> set[str]:
    found = [agent["configurations"].get("problems", []) for agent in admin.list("agent", f"?host={host}")]
    assert all(each == found[0] for each in found)
    return set(found[0])


@pytest.fixture
def later(own_cloud: Cloud) -> Callable[[int], None]:
    """Some seconds go by."""
    return lambda seconds: own_cloud.silence(seconds=seconds)


def fetches(cloud: Cloud, instance: str) -> bool:
    try:
        sync.fetch(cloud.store, Compiler(), FetchRequest(host="host1", instance=instance))
    except Conflict as error:
        assert error.code == "HostNameInUse" and "agent.host" in str(error)
        return False
    return True


def reports(cloud: Cloud, instance: str, *statuses: Status) -> bool:
    try:
        cloud.report("host1", *statuses, instance=instance)
    except Conflict as error:
        assert error.code == "HostNameInUse"
        return False
    return True


def test_a_restart_is_no_conflict(own_cloud: Cloud, later: Callable[[int], None]) -> None:
    for number in range(5):
        for _ in range(3):
            assert reports(own_cloud, f"run{number}") and fetches(own_cloud, f"run{number}")
            later(number)
    assert problems(own_cloud.admin) == set()


def test_the_last_words_of_one_that_has_ended_are_no_conflict(own_cloud: Cloud, later: Callable[[int], None]) -> None:
    assert reports(own_cloud, "old")
    later(6)
    assert reports(own_cloud, "new")
    later(1)
    assert reports(own_cloud, "old")
    later(6)
    assert reports(own_cloud, "new") and fetches(own_cloud, "new")


def test_the_second_agent_of_a_name_is_refused(
    own_cloud: Cloud, later: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    admin = own_cloud.admin
    assert reports(own_cloud, "first")
    network, _ = admin.network("10.0.0.0/24")
    port = admin.create("port", {"network_id": network["id"], "binding:host_id": "host1"})
    with own_cloud.store.read() as tx:
        revision = changes.current_revision(tx.conn)
    up, wrong = (Status(kind="port", id=port["id"], revision=revision, state=state) for state in ("up", "error"))
    later(10)
    assert reports(own_cloud, "second"), "as a restarted agent would be"
    later(10)
    assert reports(own_cloud, "first", up), "the first is alive nevertheless"
    for _ in range(3):
        later(5)
        assert not reports(own_cloud, "second", wrong) and not fetches(own_cloud, "second")
        assert reports(own_cloud, "first") and fetches(own_cloud, "first")
    assert admin.show("port", port["id"])["status"] == "ACTIVE"
    (text,) = problems(admin)
    assert "a second agent reports as this host" in text
    assert sum("is refused; the first goes on" in record.getMessage() for record in caplog.records) == 1
    for number in range(3):
        assert reports(own_cloud, f"again{number}") and fetches(own_cloud, f"again{number}"), "the first is restarted"
        for _ in range(5):
            later(10)
            assert not reports(own_cloud, "second", wrong) and reports(own_cloud, f"again{number}")
    own_cloud.report("host2", instance="other")
    assert problems(admin, "host2") == set()
    later(RIVAL_SECONDS + 6)
    assert reports(own_cloud, "second", wrong) and fetches(own_cloud, "second"), "the first is gone"
    assert admin.show("port", port["id"])["status"] == "ERROR"
    later(6)
    assert reports(own_cloud, "second") and problems(admin) == set()


@pytest.mark.parametrize(("off", "says"), [(3600, "ahead of"), (-3600, "behind"), (5, ""), (-5, "")])
def test_a_clock_that_is_wrong_is_told_once_and_changes_nothing(
    own_cloud: Cloud, caplog: pytest.LogCaptureFixture, off: int, says: str
) -> None:
    def report() -> None:
        now = time.time() + off
        own_cloud.report("host1", started=now, instance="x", clock=now)
        own_cloud.silence(seconds=6)

    report()
    network, _ = own_cloud.admin.network("10.0.0.0/24")
    report()
    own_cloud.look()
    (server,) = own_cloud.admin.list("port", f"?network_id={network['id']}&device_owner=network:dhcp")
    agents: list[dict[str, Any]] = own_cloud.admin.list("agent", "?host=host1")
    assert server["binding:host_id"] == "host1" and all(agent["alive"] for agent in agents)
    assert all(says in text and "the host's clock is" in text for text in problems(own_cloud.admin))
    assert len(problems(own_cloud.admin)) == bool(says)
    logged = [record for record in caplog.records if "clock" in record.getMessage()]
    assert len(logged) == bool(says) and all(record.levelno == logging.WARNING for record in logged)
    own_cloud.die("host1")
    assert not any(agent["alive"] for agent in own_cloud.admin.list("agent", "?host=host1"))


def test_an_agent_of_an_older_release_is_told_until_it_is_upgraded(
    own_cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not say of which it is; once it is of this one nothing is left to say."""
    for number in range(3):
        own_cloud.report("host1", release="", started=1.0)
        own_cloud.silence(seconds=6)
        (text,) = problems(own_cloud.admin)
        assert "of an older release than the servers" in text and "until it is upgraded" in text, number
    assert sum("of an older release" in record.getMessage() for record in caplog.records) == 1
    own_cloud.report("host1", started=2.0)
    assert problems(own_cloud.admin) == set()
