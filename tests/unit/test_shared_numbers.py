"""Numbers in mapped files end no process: neither a full disk does, nor another release that begins them anew."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from heddle.api.shared import Numbers

COUNT = 50_000
TWO = """
import sys
from pathlib import Path
from heddle.api.shared import Numbers
before = Numbers(Path(sys.argv[1]), "times", 1, 50_000, "of before")
before.add((49_999, 1))
after = Numbers(Path(sys.argv[1]), "times", 1, 4, "of after")
before.add((49_999, 1))
after.add((3, 5))
print(after.sums())
"""


def test_one_that_still_ends_beside_another_release(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", TWO, tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[0, 0, 0, 5]\n"), done


def test_the_room_is_taken_at_the_start_and_what_was_counted_stays(tmp_path: Path) -> None:
    Numbers(tmp_path, "times", 1, COUNT).add((COUNT - 1, 7))
    again = Numbers(tmp_path, "times", 1, COUNT)
    assert (tmp_path / "times-1").stat().st_blocks * 512 >= 8 * COUNT
    assert again.sums()[-1] == 7


def test_without_room_a_process_counts_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*words: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    alone = Numbers(tmp_path, "times", 1, COUNT)
    alone.add((1, 2))
    assert alone.by_process() == {1: (0, 2, *[0] * (COUNT - 2))}
