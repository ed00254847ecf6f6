"""`heddle audit`: what it prints of the hosts' answers, and its exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from heddle.cli import audit
from heddle.cli.client import ClientError
from heddle.cli.main import parser
from heddle.config import Settings

LOST = {"role": "router", "kind": "router", "id": "r1", "expected": "route 0.0.0.0/0", "found": "missing"}


def host(name: str, state: str = "done", *deviations: dict[str, str], total: int = -1, problem: str = "") -> Any:
    count = len(deviations) if total < 0 else total
    return {"host": name, "state": state, "total": count, "problem": problem, "deviations": list(deviations)}


class Api:
    """Answers with the first hosts, then with the next, the last for ever."""

    def __init__(self, *answers: list[Any], repair: bool = False) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []
        self.repair = repair

    def request(self, method: str, path: str, body: Any) -> Any:
        self.asked.append((method, path, body))
        return self.get(path)

    def get(self, path: str) -> Any:
        hosts = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return {"audit": {"id": "a1", "host": "", "repair": self.repair, "created_at": 1, "hosts": hosts}}


def run(monkeypatch: pytest.MonkeyPatch, api: Api, *words: str) -> int:
    monkeypatch.setattr(audit, "Client", lambda who: api)
    monkeypatch.setattr(audit, "credentials", lambda settings: None)
    return audit.run(parser().parse_args(["audit", *words]), Settings())


def test_nothing_deviates(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    api = Api([host("h1", "waiting")], [host("h1", "waiting")], [host("h1")])
    assert run(monkeypatch, api) == audit.NONE == 0
    assert api.asked == [("POST", "/heddle/v1/audits", {"audit": {"repair": False}})]
    assert capsys.readouterr().out == "0 deviations on 1 of 1 hosts\n"


def test_deviations_are_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    api = Api([host("host1", "done", LOST), host("h2", "done", LOST, total=9)], repair=True)
    assert run(monkeypatch, api, "--host", "h", "--repair") == audit.FOUND == 1
    assert api.asked[0][2] == {"audit": {"repair": True, "host": "h"}}
    assert capsys.readouterr().out.splitlines() == [
        "HOST   OBJECT     EXPECTED         FOUND",
        "host1  router r1  route 0.0.0.0/0  missing",
        "h2     router r1  route 0.0.0.0/0  missing",
        "h2: 8 more deviations",
        "10 deviations on 2 of 2 hosts, repaired",
    ]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (host("h2", "down"), "h2 is down: its agents do not report"),
        (host("h2", "waiting"), "h2 did not answer in time"),
        (host("h2", problem="switch: away"), "h2: switch: away"),
    ],
)
def test_a_host_that_could_not_be_asked_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], other: Any, says: str
) -> None:
    assert run(monkeypatch, Api([host("h1"), other]), "--timeout", "0.2") == audit.INCOMPLETE == 2
    assert f"PROBLEM   {says}" in capsys.readouterr().out
    assert run(monkeypatch, Api([host("h1"), host("h2")])) == 0


def test_for_programs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, Api([host("h1", "done", LOST)]), "--json") == 1
    assert json.loads(capsys.readouterr().out)["hosts"] == [host("h1", "done", LOST)]


def test_an_error_is_no_deviation(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Away(Api):
        def request(self, method: str, path: str, body: Any) -> Any:
            raise ClientError("it cannot be reached")

    assert run(monkeypatch, Away([])) == 2
    assert capsys.readouterr().err == "heddle: it cannot be reached\n"
