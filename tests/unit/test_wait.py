"""`heddle wait`: what it asks, prints and returns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from heddle.cli import wait
from heddle.cli.main import parser
from heddle.config import Settings

ID = "7b0e3a4c-4f6e-4c3a-9d5b-0a8a5a4e1c11"
LATE = {"host": "host2", "revision": 6, "alive": True}
FAULT = {"host": "host1", "kind": "port", "id": ID, "message": "no room", "since": "2026-01-01 00:00:00"}


def answer(*waiting: dict[str, Any], faults: Sequence[dict[str, str]] = ()) -> dict[str, Any]:
    state = "failed" if faults else "pending" if waiting else "applied"
    return {"collection": "ports", "id": ID, "state": state, "revision": 7, "hosts": 3, "applied": 3 - len(waiting),
            "milliseconds": None if waiting else 120, "waiting": list(waiting), "faults": list(faults)}  # fmt: skip


class Api:
    """Gives the answers one after the other, the last one for ever."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []

    def get(self, path: str, **filters: str) -> dict[str, Any]:
        self.asked.append((path, filters))
        return {"realised": self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]}

    def find(self, collection: str, name: str) -> dict[str, Any]:
        assert (collection, name) == ("ports", "web")
        return {"id": ID}


def run(monkeypatch: pytest.MonkeyPatch, api: Api, *words: str) -> int:
    monkeypatch.setattr(wait, "Client", lambda who: api)
    monkeypatch.setattr(wait, "credentials", lambda settings: None)
    return wait.run(parser().parse_args(["wait", *words]), Settings())


def test_it_waits_until_all_hosts_have_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    api = Api(answer(LATE, LATE), answer(LATE), answer())
    assert run(monkeypatch, api, "port", "web", "--revision", "7") == 0
    assert api.asked == [(f"/heddle/v1/realised/ports/{ID}", {"revision": "7"})] * 3
    assert capsys.readouterr().out == f"port {ID}: revision 7 applied on 3 of 3 hosts after 120 ms\n"


def test_a_failure_is_told_with_host_and_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, Api(answer(faults=[FAULT])), "port", ID) == 1
    assert f"FAILED   host1 port {ID}: no room" in capsys.readouterr().out


def test_the_time_is_over(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    api = Api(answer(LATE, {**LATE, "host": "host3", "alive": False}))
    assert run(monkeypatch, api, "port", ID, "--timeout", "0.2") == wait.TIMED_OUT == 124
    said = capsys.readouterr().out
    assert "applied on 1 of 3 hosts\n" in said and "waiting  host2 at revision 6\n" in said
    assert "waiting  host3 at revision 6, which does not report\n" in said


def test_for_programs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, Api(answer()), "port", ID, "--json") == 0
    assert json.loads(capsys.readouterr().out) == answer()


def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert run(monkeypatch, Api(answer(LATE), answer()), "port", ID) == 0
    assert "\r2 of 3 hosts" in capsys.readouterr().err


def test_what_is_wrong_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["wait", "quota", ID])
    assert ended.value.code == 64 and "invalid choice: 'quota'" in capsys.readouterr().err
