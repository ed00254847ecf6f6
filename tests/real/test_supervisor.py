"""The supervisor with stand-in children: restarts, ends them, and never leaves them behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heddle.cli.supervisor import END_SECONDS, Lock, holder
from heddle.errors import HeddleError
from heddle.host.process import alive

CHILD = """
import os, pathlib, signal, sys, time
from heddle.host.process import die_with
die_with(int(sys.argv[2]))
if pathlib.Path(sys.argv[1] + ".deaf").exists():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(60)
"""

SUPERVISOR = """
import pathlib, sys
from heddle.cli.supervisor import Child, Lock, Supervisor
root = pathlib.Path(sys.argv[1])
lock = Lock(root / "lock"); lock.take()
children = [Child(name, [sys.executable, str(root / "child.py"), str(root / name)]) for name in ("one", "two")]
ready = lambda: all((root / child.name).exists() for child in children)
Supervisor(children, ready, lambda: (root / "ready").touch()).run()
(root / "ended").touch()
"""


class Rig:
    """A supervisor in a process of its own, with two children that write their pids."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "child.py").write_text(textwrap.dedent(CHILD))
        self.process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(root)])
        until((root / "ready").exists)

    def pids(self, name: str) -> list[int]:
        return [int(line) for line in (self.root / name).read_text().split()]

    def latest(self) -> list[int]:
        return [self.pids(name)[-1] for name in ("one", "two")]


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    if made.process.poll() is None:
        made.process.kill()
    made.process.wait()


def test_it_ends_both_children_when_it_is_asked_to(rig: Rig) -> None:
    children = rig.latest()
    rig.process.send_signal(signal.SIGTERM)
    assert rig.process.wait(10) == 0
    assert not any(alive(pid) for pid in children)
    assert (rig.root / "ended").exists()


def test_children_that_do_not_end_are_killed_after_one_patience(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.deaf").touch()
    rig = Rig(tmp_path)
    children, began = rig.latest(), time.monotonic()
    rig.process.send_signal(signal.SIGTERM)
    assert rig.process.wait(40) == 0
    assert END_SECONDS - 1 < time.monotonic() - began < END_SECONDS + 4, "and not one for each"
    assert not any(alive(pid) for pid in children)


def test_a_killed_supervisor_takes_its_children_along_and_frees_the_lock(rig: Rig) -> None:
    children = rig.latest()
    assert holder(rig.root / "lock") == rig.process.pid
    rig.process.kill()
    rig.process.wait()
    until(lambda: not any(alive(pid) for pid in children))
    assert holder(rig.root / "lock") == 0


def test_a_child_that_dies_is_started_again_and_the_other_is_not(rig: Rig) -> None:
    first, other = rig.latest()
    os.kill(first, signal.SIGKILL)
    until(lambda: len(rig.pids("one")) == 2, 3)
    assert rig.latest()[0] != first and alive(rig.latest()[0])
    assert rig.pids("two") == [other] and alive(other)


def test_a_child_that_keeps_dying_is_started_ever_more_slowly(rig: Rig) -> None:
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        os.kill(rig.pids("one")[-1], signal.SIGKILL) if alive(rig.pids("one")[-1]) else None
        time.sleep(0.02)
    assert 2 <= len(rig.pids("one")) <= 6


def test_a_second_instance_is_refused_by_pid(rig: Rig) -> None:
    with pytest.raises(HeddleError, match=f"already running on this host as process {rig.process.pid}"):
        Lock(rig.root / "lock").take()
