"""How many server processes there are to be, and what `heddle status` says of them."""

from __future__ import annotations

import pytest

from heddle.cli import status
from heddle.config import load
from heddle.errors import ConfigError
from heddle.host import process

POSTGRESQL = "database.url=postgresql://u:p@db/heddle"


@pytest.mark.parametrize(
    ("overrides", "count"),
    [((), 1), ((POSTGRESQL,), 2), (("database.url=mariadb://u:p@db/heddle",), 2), (("server.workers=3",), 3),
     ((POSTGRESQL, "server.workers=1"), 1), (("server.workers=64",), 64)],
)  # fmt: skip
def test_the_number_of_processes(overrides: tuple[str, ...], count: int) -> None:
    assert load(overrides=overrides, environ={}).workers == count


@pytest.mark.parametrize("value", ["-1", "65", "1000000", "two", "1.5", ""])
def test_another_number_stops_the_program(value: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.workers"):
        load(overrides=[f"server.workers={value}"], environ={})


@pytest.mark.parametrize("running", [1, 2])
def test_a_process_that_is_missing_is_a_problem(running: int, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = {7: "python -m heddle.cli.main agent --parent 3"}
    for number in range(1, running + 1):
        commands[10 + number] = f"python -m heddle.cli.main server --listeners 5 --worker {number}/2 --parent 3"
    monkeypatch.setattr(process, "children_of", lambda pid: list(commands))
    monkeypatch.setattr(process, "command_of", commands.__getitem__)
    monkeypatch.setattr(status, "holder", lambda lock: 3)
    found = status.look(load(environ={}))
    assert [worker["process"] for worker in found["server"]["workers"]] == [11, 12][:running]
    assert any("1 of 2 server processes run" in problem for problem in found["problems"]) == (running == 1)
