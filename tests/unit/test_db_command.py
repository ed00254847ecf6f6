"""Backup and restore of the embedded database: whole copies, nothing overwritten by chance."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from heddle.cli import main as cli


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    (tmp_path / "state").mkdir()
    return ["--set", f"paths.state={tmp_path}/state", "--set", "server.user="]


def write(file: Path, value: int) -> sqlite3.Connection:
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE IF NOT EXISTS t (v INTEGER)")
    database.execute("DELETE FROM t")
    database.execute("INSERT INTO t VALUES (?)", (value,))
    database.commit()
    return database


def read(file: Path) -> int:
    database = sqlite3.connect(file)
    (value,) = database.execute("SELECT v FROM t").fetchone()
    database.close()
    return int(value)


def test_a_backup_of_a_database_in_use_is_restored(words: list[str], tmp_path: Path) -> None:
    live, copy = tmp_path / "state" / "heddle.db", tmp_path / "copy.db"
    open_database = write(live, 1)
    assert cli.main([*words, "db", "backup", str(copy)]) == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert read(copy) == 1
    open_database.close()
    write(live, 2).close()
    assert cli.main([*words, "db", "restore", str(copy)]) == 0
    assert read(live) == 1


def test_a_backup_overwrites_nothing(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "state" / "heddle.db", 1).close()
    (tmp_path / "copy.db").write_text("precious")
    assert cli.main([*words, "db", "backup", str(tmp_path / "copy.db")]) == 1
    assert "exists" in capsys.readouterr().err
    assert (tmp_path / "copy.db").read_text() == "precious"


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0" + b"x" * 5000])
def test_what_is_no_backup_is_not_restored(words: list[str], tmp_path: Path, content: bytes) -> None:
    live, bad = tmp_path / "state" / "heddle.db", tmp_path / "bad.db"
    write(live, 7).close()
    bad.write_bytes(content)
    assert cli.main([*words, "db", "restore", str(bad)]) == 1
    assert read(live) == 7
