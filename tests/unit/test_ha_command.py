"""`heddle ha rotate-key` where there is nothing to be done, and with what it cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest

from heddle.cli import main as cli


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    (tmp_path / "state").mkdir()
    folders = [f"paths.{name}={tmp_path / name}" for name in ("state", "run", "log")]
    made = [word for each in (*folders, "server.user=") for word in ("--set", each)]
    assert cli.main([*made, "db", "migrate"]) == 0
    return made


def test_a_cloud_without_such_routers_has_no_key(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.main([*words, "ha", "rotate-key"]) == 1
    said = capsys.readouterr()
    assert "no highly available routers yet" in said.err and not said.out


def test_a_time_that_is_none(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*words, "ha", "rotate-key", "--timeout", "-1"]) == 1
    assert "--timeout -1: write seconds, 0 or more" in capsys.readouterr().err
