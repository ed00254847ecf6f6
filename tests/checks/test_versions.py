"""Agents of other releases."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.checks.conftest import Look, differing

from heddle import __version__
from heddle.checks.releases import apart
from heddle.store.engine import Store

ID = "versions-agents"


@pytest.mark.parametrize(
    ("release", "target", "status", "says"),
    [
        (__version__, "", "success", "1 host"), ("", "", "unknown", "too old"), ("0.2.0", "0.3.1", "success", "0.2.0"),
        ("0.1.0", "0.3.0", "failure", "older than"), ("0.4.0", "0.3.0", "warning", "later than"),
    ],
)  # fmt: skip
def test_the_release_of_an_agent(
    look: Look, store: Store, report: Callable[..., None], release: str, target: str, status: str, says: str
) -> None:
    report(release=release)
    told = look("--only", ID, *(["--target", target] if target else []))[ID]
    assert told["status"] == status and says in told["details"], told


def test_one_of_two_hosts_is_too_old(look: Look, store: Store, report: Callable[..., None]) -> None:
    for host in ("host1", "host2"):
        report(host, release=__version__)
    before = look("--target", "0.2.0")
    report("host2", release="0.0.9", started_at=2.0)
    found = look("--target", "0.2.0")
    assert differing(before, found) == {ID} and found[ID]["node"] == "host2"


@pytest.mark.parametrize(
    ("one", "two", "between"),
    [("1.2.0", "1.3.4", 1), ("1.9", "2.0.0", 1), ("1.9", "2.1", 2), ("2.0.0", "1.9.9", -1), ("x", "1.0", None),
     ("1.3.0", "1.3.9", 0), ("1.4.0rc1", "1.5.0", 1)],
)  # fmt: skip
def test_how_far_releases_are_apart(one: str, two: str, between: int | None) -> None:
    assert apart(one, two) == between


def test_a_record_that_is_not_written_any_more_does_not_decide(
    look: Look, store: Store, report: Callable[..., None]
) -> None:
    report(release=__version__)
    with store.engine.begin() as conn:
        conn.exec_driver_sql(
            "UPDATE agents SET configurations = '{\"release\": \"9.0.0\"}', heartbeat = 1 WHERE role = 'switch'"
        )
    assert look("--only", ID)[ID]["status"] == "success"
    with store.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE agents SET configurations = '{\"release\": \"9.0.0\"}' WHERE role = 'dhcp'")
    told = look("--only", ID)[ID]
    assert told["status"] == "warning" and "9.0.0" in told["details"], told
