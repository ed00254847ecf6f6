"""A signal to a program that has only just started: its files are read, and it lives."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.real.testhost import wait_until

from heddle.host.daemon import Daemon

SLOW = """
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1]).parent
time.sleep(0.3)
signal.signal(signal.SIGHUP, lambda *_: (folder / "heard").touch())
while True:
    time.sleep(0.05)
"""


class Slow(Daemon):
    program = Path(sys.executable).name


@pytest.fixture
def started(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", SLOW, str(tmp_path / "conf")]) as process:
        (tmp_path / "pid").write_text(str(process.pid))
        yield process
        process.kill()


def test_a_signal_waits_for_a_program_that_does_not_listen_yet(
    started: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    slow = Slow("nowhere", tmp_path)
    wait_until(slow.pid, 5, "it runs the program")
    slow.reload(slow.pid())
    wait_until((tmp_path / "heard").exists, 5, "it hears the signal")
    assert started.poll() is None


def test_a_signal_to_one_that_has_gone_is_nothing(started: subprocess.Popen[bytes], tmp_path: Path) -> None:
    started.kill()
    started.wait()
    Slow("nowhere", tmp_path).reload(started.pid)
