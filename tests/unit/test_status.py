"""What `heddle status` makes of what it learned: the text, the problems, the exit code."""

from __future__ import annotations

from typing import Any

import pytest

from heddle.cli import client, status, up
from heddle.config import Settings
from heddle.host import probe
from heddle.host.probe import Bridge

AGENT = {"agent_type": "L3 agent", "host": "h1", "alive": True, "heartbeat_timestamp": "2026-01-01 00:00:00",
         "configurations": {}}  # fmt: skip
HOST = {"name": "h1", "datapath": "netdev", "revision": 7, "drift": 3, "failed": 0}
FAULT = {"host": "h1", "kind": "router", "id": "r1", "message": "no such bridge", "since": "2026-01-01 00:00:00"}


class Api:
    """Answers as the API does."""

    agents: list[dict[str, Any]] = [AGENT]
    faults: list[dict[str, Any]] = []

    def __init__(self, who: object) -> None:
        pass

    def get(self, path: str, **filters: str) -> dict[str, Any]:
        if path == "/v2.0/agents":
            return {"agents": self.agents}
        if path == "/heddle/v1/hosts":
            return {"hosts": [HOST], "faults": self.faults}
        return {"items": [{"id": "1"}, {"id": "2"}]}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> type[Api]:
    class Fresh(Api):
        pass

    monkeypatch.setattr(client, "Client", Fresh)
    monkeypatch.setattr(client, "credentials", lambda settings: None)
    monkeypatch.setattr(up, "answers", lambda settings: True)
    monkeypatch.setattr(status, "holder", lambda lock: 42)
    monkeypatch.setattr(probe, "bridges", lambda: [Bridge("br-int", True, ("a", "b")), Bridge("br0", False)])
    return Fresh


def test_all_is_well(api: type[Api]) -> None:
    found = status.look(Settings())
    text = "\n".join(status.text(found))
    assert found["healthy"] and text.endswith("\nhealthy")
    assert found["counts"]["ports"] == 2 and found["drift"] == 3
    assert "br0" not in text


@pytest.mark.parametrize(
    ("agents", "faults", "says"),
    [
        ([{**AGENT, "alive": False}], [], "the L3 agent of h1 does not report"),
        ([{**AGENT, "configurations": {"problems": ["its clock"]}}], [], "host h1: its clock"),
        ([], [], "no agent has reported yet"),
        ([AGENT], [FAULT], "router r1 could not be realised on h1 since 2026-01-01 00:00:00: no such bridge"),
    ],
)
def test_what_is_wrong_is_named(api: type[Api], agents: Any, faults: Any, says: str) -> None:
    api.agents, api.faults = agents, faults
    found = status.look(Settings())
    assert not found["healthy"]
    assert any(says in line for line in status.text(found))


def test_a_server_that_is_away_is_a_problem_not_an_error(api: type[Api], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "answers", lambda settings: False)
    monkeypatch.setattr(status, "holder", lambda lock: 0)
    found = status.look(Settings())
    assert len(found["problems"]) == 2 and "heddle up" in found["problems"][0]
