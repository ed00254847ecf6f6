"""Connections to a file of SQLite."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from heddle.store import connections


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Writes to a file that has no write-ahead log yet."""
    made = sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    made.execute("CREATE TABLE words (word TEXT)")
    made.execute("BEGIN IMMEDIATE")
    made.execute("INSERT INTO words VALUES ('one')")
    yield made
    made.close()


def test_who_opens_a_new_file_waits_for_who_writes_to_it(writer: sqlite3.Connection, tmp_path: Path) -> None:
    engine = connections.make_engine(f"sqlite:///{tmp_path / 'new.db'}", 1)
    threading.Timer(0.3, lambda: writer.execute("COMMIT")).start()
    with engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT word FROM words").scalars().all() == ["one"]
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    engine.dispose()


def test_it_does_not_wait_for_ever(
    writer: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_BUSY", 0.2)
    engine = connections.make_engine(f"sqlite:///{tmp_path / 'new.db'}", 1)
    with pytest.raises(sa.exc.OperationalError, match="locked"):
        engine.connect()
    engine.dispose()
