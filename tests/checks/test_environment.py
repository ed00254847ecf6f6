"""The machine that a server runs on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.checks.conftest import Look

from heddle.checks.base import Level
from heddle.checks.limits import Fill, grade, human
from heddle.store.engine import Store


def test_a_disk_that_fills(look: Look, store: Store, small_disk: Path) -> None:
    look.words = [f"paths.log={small_disk}"]
    only = ("--only", "environment-disk")
    assert look(*only)["environment-disk"]["status"] == "success"
    for kilobytes, status in ((750, "warning"), (950, "failure")):
        (small_disk / "log").write_bytes(bytes(1024 * kilobytes))
        told = look(*only)["environment-disk"]
        assert told["status"] == status and f"file system of {small_disk} " in told["details"], told
    (small_disk / "log").unlink()
    for number in range(47):
        (small_disk / f"f{number}").touch()
    told = look(*only)["environment-disk"]
    assert told["status"] == "failure" and "inodes" in told["details"]


@pytest.mark.parametrize(("used", "level"), [(69, Level.SUCCESS), (70, Level.WARNING), (90, Level.FAILURE)])
def test_from_when_on_it_is_told(used: int, level: Level) -> None:
    assert grade(Fill("x", used, 100)) == level


def test_numbers_for_people() -> None:
    assert [human(n) for n in (5, 2048, 3 * 2**40)] == ["5", "2.0 K", "3.0 T"]
    assert str(Fill("ports", 2**31, 2**32)) == "ports 50 % full (2.0 G of 4.0 G)"
