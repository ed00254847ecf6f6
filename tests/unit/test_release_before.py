"""`scripts/release-before.sh` in a repository of its own: what it keeps, and that what fails changes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
KEPT = ("tests/upgrade/before.tar.xz", "tests/upgrade/before.txt", "tests/golden/protocol/before.json")


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def keep(folder: Path, commit: str) -> subprocess.CompletedProcess[str]:
    command = ["scripts/release-before.sh", commit]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def content(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in KEPT]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Of a program that has one message, which it names when it is asked."""
    for name in ("scripts/release-before.sh", "tests/upgrade/before.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(HERE / name, tmp_path / name)
    for name in KEPT:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("the release before\n")
    for name in ("tests/__init__.py", "tests/upgrade/__init__.py"):
        (tmp_path / name).touch()
    (tmp_path / "tests/upgrade/messages.py").write_text("import json, heddle\nprint(json.dumps(heddle.MESSAGES))\n")
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "scripts")
    git(tmp_path, "commit", "-qm", "nothing of a program")
    return tmp_path


def commit(folder: Path, program: str) -> None:
    (folder / "src/heddle").mkdir(parents=True, exist_ok=True)
    (folder / "src/heddle/__init__.py").write_text(program)
    git(folder, "add", "src")
    git(folder, "commit", "-qm", "a program")


def test_a_release_is_kept_whole(repository: Path) -> None:
    commit(repository, "MESSAGES = {'Wake': 1}\n")
    done = keep(repository, "HEAD")
    assert done.returncode == 0 and done.stdout.startswith("kept: "), done.stderr
    assert (repository / KEPT[1]).read_text().strip() == git(repository, "rev-parse", "HEAD")
    with tarfile.open(repository / KEPT[0]) as archive:
        assert "src/heddle/__init__.py" in archive.getnames()
    assert json.loads((repository / KEPT[2]).read_text()) == {"Wake": 1}
    assert not list(repository.rglob("*.new"))


def test_what_fails_changes_nothing(repository: Path) -> None:
    before = content(repository)
    assert keep(repository, "HEAD").returncode != 0, "the commit has no program"
    assert content(repository) == before
    assert keep(repository, "nothing").returncode != 0
    commit(repository, "nobody can read this\n")
    done = keep(repository, "HEAD")
    assert done.returncode != 0 and "SyntaxError" in done.stderr
    assert content(repository) == before
