"""Words of command lines that work in folders of a test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from heddle.cli import main as cli


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """Settings, without a database yet."""
    (tmp_path / "state").mkdir()
    folders = [f"paths.{name}={tmp_path / name}" for name in ("state", "run", "log")]
    return [word for each in (*folders, "server.user=") for word in ("--set", each)]


@pytest.fixture
def migrated(words: list[str]) -> list[str]:
    """The same, with an empty database."""
    assert cli.main([*words, "db", "migrate"]) == 0
    return words
