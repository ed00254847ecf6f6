"""Agents that fell silent, and what hosts report."""

from __future__ import annotations

from collections.abc import Callable

from tests.checks.conftest import Look, differing

from heddle.store.engine import Store


def test_an_agent_that_fell_silent(look: Look, store: Store, report: Callable[..., None]) -> None:
    report("host1")
    report("host2")
    before = look()
    assert before["network-agents"]["status"] == "success" and "2 hosts" in before["network-agents"]["details"]
    with store.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE agents SET heartbeat = heartbeat - 200000000 WHERE host = 'host2'")
    found = look()
    assert differing(before, found) == {"network-agents"} and look.code == 2
    told = found["network-agents"]
    assert told["node"] == "host2" and "Open vSwitch agent" in told["details"] and "days" in told["details"]
