"""The supervisor: keeps the server and the agent of this host running.

It holds a lock in the host folder for as long as it lives, so that there is one of it.  A child that ends is
started again, at once the first time and with growing pauses when it keeps ending.  The children end with it,
however it ends; what carries traffic (Open vSwitch, dnsmasq, guests) is nobody's child here and stays.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from heddle.errors import HeddleError
from heddle.host.process import alive, command_of

log = logging.getLogger(__name__)

PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_SECONDS = 30.0
END_SECONDS = 10.0
TRIES = 5


class Lock:
    """The lock that one supervisor of a host has; holds the pid of its holder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def take(self) -> None:
        """Raises `HeddleError` that names the process that has it."""
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(TRIES):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                time.sleep(0.05)
        else:
            pid = self._pid()
            os.close(self._file)
            raise HeddleError(
                f"Heddle is already running on this host as process {pid} (lock {self._path}); "
                "`heddle stop` ends it, `heddle status` shows it"
            )
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._file)

    def _pid(self) -> str:
        return os.pread(self._file, 32, 0).decode().strip() or "?"


def holder(path: Path) -> int:
    """The process that holds the lock, 0 when nobody does."""
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return 0
    except BlockingIOError:
        pid = path.read_text(encoding="ascii").strip()
        return int(pid) if pid.isdigit() else -1
    except OSError:
        return 0


@dataclass
class Child:
    """A process to keep running; `command` gets the supervisor's pid appended, the process the open files `fds`."""

    name: str
    command: Sequence[str]
    fds: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    again_at: float = field(default=0.0)

    def start(self) -> None:
        self.started = time.monotonic()
        words = [*self.command, str(os.getpid())]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, pass_fds=self.fds)
        log.info("started process=%s pid=%d", self.name, self.process.pid)

    def look(self) -> None:
        """Notice an end, and start again when it is time."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            steady = now - self.started > STEADY_SECONDS
            self.failures = 1 if steady else self.failures + 1
            pause = PAUSES[min(self.failures - 1, len(PAUSES) - 1)]
            log.error("ended process=%s pid=%d status=%d restart_in=%gs", self.name, self.process.pid,
                      self.process.returncode, pause)  # fmt: skip
            self.process = None
            self.again_at = now + pause
        if self.process is None and now >= self.again_at:
            self.start()


class Supervisor:
    """Runs `children` until it is told to end.  `ready` is polled once a child runs; `on_ready` is called once."""

    def __init__(self, children: Sequence[Child], ready: Callable[[], bool], on_ready: Callable[[], None]) -> None:
        self._children = children
        self._ready = ready
        self._on_ready = on_ready
        self._stopping = False

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        bell, rope = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(rope, warn_on_full_buffer=False)
        waiting = True
        while not self._stopping:
            for child in self._children:
                child.look()
            if waiting and self._ready():
                waiting = False
                self._on_ready()
            if select.select([bell], [], [], 0.1 if waiting else self._next_look())[0]:
                os.read(bell, 4096)
        self._end()

    def _next_look(self) -> float:
        due = [child.again_at - time.monotonic() for child in self._children if child.process is None]
        return max(0.05, min([1.0, *due]))

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        log.info("ending on signal=%s", signal.Signals(number).name)
        self._stopping = True

    def _end(self) -> None:
        """End the children, all at once and within one patience.  What they listen on is theirs alone from now on: a
        server that takes no more connections would leave who connects waiting otherwise."""
        for number in {each for child in self._children for each in child.fds}:
            os.close(number)
        running = {child.name: child.process for child in reversed(self._children) if child.process is not None}
        for process in running.values():
            process.terminate()
        deadline = time.monotonic() + END_SECONDS
        for name, process in running.items():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("killed, for it did not end in %g s process=%s", END_SECONDS, name)
                process.kill()
                process.wait()
            log.info("ended process=%s pid=%d", name, process.pid)


def end(pid: int, seconds: float = 2 * END_SECONDS) -> bool:
    """Ask a supervisor to end, and wait.  Whether it did."""
    if "heddle" not in command_of(pid):
        return not alive(pid)
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def program(arguments: Sequence[str]) -> list[str]:
    """The command line of this same program with other arguments."""
    return [sys.executable, "-m", "heddle.cli.main", *arguments]
