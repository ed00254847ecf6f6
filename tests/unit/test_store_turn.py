"""Writers take turns: threads of one process, and processes that share a file; one that is killed holds nobody up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from heddle.store.turn import Turn

HOLDER = """
import sys, time
from heddle.store.turn import Turn
with Turn(sys.argv[1]):
    print("has it", flush=True)
    time.sleep(60)
"""


def entering(turn: Turn) -> threading.Event:
    """Set when a thread has had its turn."""
    entered = threading.Event()

    def work() -> None:
        with turn:
            entered.set()

    threading.Thread(target=work, daemon=True).start()
    return entered


def test_threads_take_turns() -> None:
    turn = Turn()
    with turn:
        other = entering(turn)
        assert not other.wait(0.1)
    assert other.wait(5)


def test_processes_that_share_a_file_take_turns(tmp_path: Path) -> None:
    file = str(tmp_path / "turn")
    with subprocess.Popen([sys.executable, "-c", HOLDER, file], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"has it\n"
        shared, alone = Turn(file), Turn(str(tmp_path / "another"))
        waiting = entering(shared)
        assert entering(alone).wait(5)
        assert not waiting.wait(0.2)
        os.kill(holder.pid, signal.SIGKILL)
        assert waiting.wait(5)
    shared.close()
    alone.close()
