"""The process that agrees on highly available routers, seen from the agent: started, found again, and read.

What it is told and what it says are files (`ha_files.py`).  It goes on when the agent ends.  Nobody waits for its
start: it reads what it was told meanwhile, and whoever looks next sees whether it came.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from heddle.errors import HeddleError
from heddle.host import beside, ha_files
from heddle.host.ha_files import Config, Here, Recipe, State
from heddle.host.run import detach

MODULE = "heddle.agent.ha.serve"
_START_WITHIN = 10.0
_STUCK = 3.0


class HaProcess:
    """In the run folder, a folder of its own holds its files: only root may enter."""

    def __init__(self, run_folder: Path) -> None:
        self._folder = run_folder / ha_files.FOLDER
        self._child: subprocess.Popen[bytes] | None = None
        self._since = 0.0
        self._failure = ""

    def ensure(self, config: Config) -> str:
        """Have it run with this configuration; why it had to be started, "" when it runs or starts.

        Raises `HeddleError` when one has not come since the last call; it is started again, and raises until it comes,
        so that whoever tries does so later and later.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        (self._folder / ha_files.ROUTERS).mkdir(exist_ok=True, mode=0o700)
        before = ha_files.read(self._folder / "config", Config)
        ha_files.write(self._folder / "config", config)
        moved = before is not None and _place(before) != _place(config)
        why = self._wrong(moved)
        if why:
            late = self._give_up()
            self._failure = "" if moved else late
            beside.end(MODULE, self._folder, signs=(signal.SIGHUP, signal.SIGTERM, signal.SIGKILL))
            self._start()
        if self._failure:
            raise HeddleError(f"the process of highly available routers does not start; it said: {self._failure}")
        return why

    def wrong(self) -> str:
        """What is not as it should be with the process, "" if nothing is."""
        return self._wrong(moved=False)

    def _wrong(self, moved: bool) -> str:
        if self._starts() and not moved:
            return ""
        if not beside.pid_of(MODULE, self._folder):
            return "no process"
        if ha_files.silence(self._folder) > _STUCK:
            return "a process that does nothing"
        try:
            runs = (self._folder / "version").read_text(encoding="ascii")
        except OSError:
            runs = ""
        if runs != version():
            return "a process of another version"
        return "a process with another address" if moved else ""

    def give(self, recipes: Mapping[str, Recipe]) -> list[str]:
        """These routers are ready on this host, and no others; the ids of those of which it had not known so."""
        folder = self._folder / ha_files.ROUTERS
        news = [id for id, recipe in recipes.items() if ha_files.write(folder / id, recipe)]
        for path in folder.iterdir():
            if path.name not in recipes:
                path.unlink(missing_ok=True)
                news += [path.name] if not path.name.startswith(".") else []
        if news:
            self._nudge()
        return news

    def take_back(self, router_id: str) -> None:
        """A router is ready here no longer."""
        with contextlib.suppress(OSError):
            (self._folder / ha_files.ROUTERS / router_id).unlink(missing_ok=True)

    def _nudge(self) -> None:
        """Have it look at once."""
        if pid := beside.pid_of(MODULE, self._folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)

    def states(self) -> dict[str, Here]:
        found = ha_files.read(self._folder / "state", State)
        return found.routers if found is not None else {}

    def state_stamp(self) -> int:
        try:
            return (self._folder / "state").stat().st_mtime_ns
        except OSError:
            return 0

    def stop(self) -> bool:
        """End it, and forget its files; whether there was one."""
        found, self._failure = end(self._folder), ""
        if self._child is not None:
            self._child.poll()
        return found

    def is_there(self) -> bool:
        return self._folder.is_dir()

    def _start(self) -> None:
        self._child = detach([sys.executable, "-m", MODULE, str(self._folder)], self._folder / "log")
        self._since = time.monotonic()

    def _starts(self) -> bool:
        """Whether one is on its way, and has time left."""
        if self._child is None or not self._since:
            return False
        if beside.pid_of(MODULE, self._folder) == self._child.pid and ha_files.silence(self._folder) < 1.0:
            self._since, self._failure = 0.0, ""
        return bool(self._since) and self._child.poll() is None and time.monotonic() < self._since + _START_WITHIN

    def _give_up(self) -> str:
        """End one that was started and has not come yet; its last words, "" if there is none such."""
        if self._child is None or not self._since:
            return ""
        self._child.kill()
        self._child.wait()
        return beside.last_words(self._folder)


def version() -> str:
    """Names the code that the process runs: an agent of another starts it anew."""
    package = Path(__file__).parents[1]
    names = ("ha_files", "ha_gate", "ha_process", "announce", "openflow", "flow_watch", "switch_link", "carrier")
    host = [package / "host" / f"{name}.py" for name in names]
    host += sorted((package / "host").glob("carried*.py"))
    return beside.version_of((*sorted((package / "agent" / "ha").rglob("*.py")), package / "agent/ha_flows.py", *host))


def end(folder: Path) -> bool:
    """End the process of that folder: nothing is active here any more.  Whether there was one."""
    pid = beside.end(MODULE, folder)
    if folder.is_dir():
        shutil.rmtree(folder)
    return bool(pid)


def _place(config: Config) -> tuple[str, int, str]:
    return config.address, config.port, config.switch
