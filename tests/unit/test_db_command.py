"""`heddle db` on the embedded database: what it prints, and what it refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from heddle.cli import main as cli
from heddle.store import migrate


def test_the_schema_is_made_and_shown(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*words, "db", "status"]) == 1
    assert "heddle up" in capsys.readouterr().err
    assert cli.main([*words, "db", "migrate"]) == 0
    assert f"{migrate.HEAD}, from none" in capsys.readouterr().out
    assert cli.main([*words, "db", "migrate"]) == 0
    assert f"{migrate.HEAD}, as it was" in capsys.readouterr().out
    assert cli.main([*words, "db", "status"]) == 0
    shown = capsys.readouterr().out
    assert "SQLite 3." in shown and f"schema     {migrate.HEAD}; this program expects {migrate.HEAD}" in shown
    assert cli.main([*words, "db", "status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["revision"], found["expected"]) == (migrate.HEAD, migrate.HEAD) and found["rows"]["ports"] == 0


def test_an_older_schema_is_told(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from heddle.store.engine import Store

    store = Store(f"sqlite:///{tmp_path}/state/heddle.db")
    migrate.upgrade(store, "0003")
    store.close()
    assert cli.main([*words, "db", "status"]) == 1
    assert "heddle db migrate" in capsys.readouterr().out
    assert cli.main([*words, "db", "backup", str(tmp_path / "b")]) == 1
    assert "0003" in capsys.readouterr().err and not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("url", "code", "text"),
    [
        ("postgresql://heddle:hunter2@/none?host=/nowhere", 1, "cannot be used"),
        ("mariadb://heddle:hunter2@/none?unix_socket=/nowhere", 1, "cannot be used"),
        ("oracle://x", 78, "not an engine that Heddle knows"),
    ],
)
@pytest.mark.parametrize("action", ["migrate", "status"])
def test_a_database_that_is_not_there(
    words: list[str], url: str, code: int, text: str, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*words, "--set", f"database.url={url}", "db", action]) == code
    shown = capsys.readouterr().err
    assert text in shown and "hunter2" not in shown and "Traceback" not in shown


def test_a_backup_needs_a_database_and_room(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*words, "db", "backup", str(tmp_path / "b")]) == 1
    assert "no database" in capsys.readouterr().err
    cli.main([*words, "db", "migrate"])
    assert cli.main([*words, "db", "backup", str(tmp_path / "nowhere" / "b")]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert cli.main([*words, "db", "restore", str(tmp_path / "absent")]) == 1
    assert "absent" in capsys.readouterr().err
    assert not [name for name in os.listdir(tmp_path / "state") if "partial" in name]
