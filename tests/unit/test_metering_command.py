"""`heddle metering`: what labels have counted, as text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from heddle.cli import metering
from heddle.cli.main import parser
from heddle.config import Settings

ROUTERS = [{"router_id": "r1", "packets": 3, "bytes": 400, "updated_at": 9},
           {"router_id": "r2", "packets": 1, "bytes": 50, "updated_at": 9}]  # fmt: skip
WEB = {"label_id": "l1", "name": "web", "project_id": "p1", "shared": False, "packets": 4, "bytes": 450,
       "routers": ROUTERS}  # fmt: skip
ALL = {"label_id": "l2", "name": "all", "project_id": "p1", "shared": True, "packets": 0, "bytes": 0, "routers": []}


class Api:
    def get(self, path: str) -> Any:
        assert path == "/heddle/v1/metering"
        return {"metering": [WEB, ALL]}


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(metering, "Client", lambda who: Api())
    monkeypatch.setattr(metering, "credentials", lambda settings: None)
    return metering.run(parser().parse_args(["metering", *words]), Settings())


def test_labels_and_routers_are_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch) == 0
    assert capsys.readouterr().out.splitlines() == [
        "LABEL  NAME  PROJECT  ROUTER  PACKETS  BYTES",
        "l1     web   p1               4        450",
        "                      r1      3        400",
        "                      r2      1        50",
        "l2     all   all              0        0",
    ]
    run(monkeypatch, "--label", "l2", "--json")
    assert json.loads(capsys.readouterr().out) == [ALL]
    run(monkeypatch, "--label", "none")
    assert capsys.readouterr().out == "no metering labels\n"
