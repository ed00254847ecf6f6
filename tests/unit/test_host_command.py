"""`heddle host`: keys are made, shown, written to files and taken away."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from heddle.cli import main as cli


def test_the_life_of_a_key(migrated: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.main([*migrated, "host", "list"]) == 0
    assert "No host is known" in capsys.readouterr().err
    assert cli.main([*migrated, "host", "add", "h1"]) == 0
    key = capsys.readouterr().out.strip()
    assert len(key) == 43
    assert cli.main([*migrated, "host", "add", "h1"]) == 1
    assert "is known already" in capsys.readouterr().err
    file = tmp_path / "h2.key"
    assert cli.main([*migrated, "host", "add", "h2", "--output", str(file)]) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and file.read_text().strip() not in ("", key)
    assert file.read_text().strip() not in capsys.readouterr().out
    assert cli.main([*migrated, "host", "key", "h1"]) == 0
    assert capsys.readouterr().out.strip() == key
    assert cli.main([*migrated, "host", "list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["h1", "h2"]
    assert cli.main([*migrated, "host", "remove", "h1"]) == 0
    assert cli.main([*migrated, "host", "key", "h1"]) == 1
    assert cli.main([*migrated, "host", "remove", "h1"]) == 1


@pytest.mark.parametrize("name", ["", "-x", "a b", "h/1", "x" * 129, "h\n1"])
def test_a_name_that_cannot_be_a_hosts(migrated: list[str], name: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.main([*migrated, "host", "add", "--", name]) == 1
    assert "cannot be a host's name" in capsys.readouterr().err


def test_a_file_that_exists_is_left_alone(
    migrated: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine"
    file.write_text("mine")
    assert cli.main([*migrated, "host", "add", "h1", "--output", str(file)]) == 1
    assert "exists" in capsys.readouterr().err and file.read_text() == "mine"
    assert cli.main([*migrated, "host", "key", "h1"]) == 1
