"""A Heddle of its own for the bench: `heddle up` in a host of scratch namespaces with its own Open vSwitch."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.real.testhost import PATIENCE, TestHost, wait_until

from bench.client import Client, log_in
from bench.quota import unlimited
from bench.site import cpu_seconds
from bench.space import Space

NAME = "bench1"
URL = "http://127.0.0.1:9696"
SETTINGS = ("server.user=nobody", f"agent.host={NAME}", "agent.tunnel_ip=127.0.0.1")


class Cloud:
    """`host` is the scratch host, `space` its network namespace, `api` a client as the administrator."""

    def __init__(self, host: TestHost, folder: Path, settings: tuple[str, ...] = ()) -> None:
        self.host, self.folder, self.name = host, folder, NAME
        self.space = Space(f"/proc/{host.pid}/ns/net")
        paths = [f"paths.{each}={folder}/{each}" for each in ("state", "run", "log")]
        self._words = [word for each in (*paths, *SETTINGS, *settings) for word in ("--set", each)]
        self.token = ""

    def command(self, *words: str, check: bool = True, timeout: float = 120) -> str:
        """Run `heddle ...` on the host; returns what it printed."""
        return self.host.run(sys.executable, "-m", "heddle.cli.main", *self._words, *words, check=check,
                             timeout=timeout)  # fmt: skip

    def start(self) -> None:
        self.command("up", "--detach", "--wait", f"{60 * PATIENCE:g}")
        import yaml

        tree = yaml.safe_load((self.folder / "state" / "clouds.yaml").read_text(encoding="utf-8"))
        auth: dict[str, Any] = next(iter(tree["clouds"].values()))["auth"]
        self.token, _ = log_in(auth["auth_url"], auth, dial=self.space.dial)
        self.api = self.client()
        wait_until(self._has_agents, 30, f"the agent reports: {self.log_tail()}", step=0.1)

    def client(self) -> Client:
        return Client(URL, {"X-Auth-Token": self.token}, dial=self.space.dial)

    def _has_agents(self) -> bool:
        agents = self.api.call("GET", "/v2.0/agents")["agents"]
        return len(agents) >= 3 and all(agent["alive"] for agent in agents)

    def log_tail(self) -> str:
        path = self.folder / "log" / "agent.log"
        return path.read_text(encoding="utf-8")[-3000:] if path.exists() else "(no log)"

    def stop(self) -> None:
        self.command("stop", check=False)

    # Processes, by their ids outside

    def processes(self) -> dict[int, str]:
        """The supervisor and what descends from it: id -> the command line."""
        tree: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError, IndexError):
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    tree.setdefault(parent, []).append(int(entry.name))
        found, waiting = {}, [self._supervisor(tree)]
        while waiting:
            pid = waiting.pop()
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            waiting += tree.get(pid, [])
        return found

    def _supervisor(self, tree: dict[int, list[int]]) -> int:
        for pid in tree.get(self.host.pid, []):
            if b"--supervised" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        raise RuntimeError("the supervisor does not run")

    def process(self, role: str) -> int:
        """The id of the "server" (the first of its processes), "server-2", the "agent" or the "supervisor"."""
        marks = {"supervisor": "--supervised", "agent": " agent --parent", "server": " --worker 1/"}
        mark = marks.get(role) or f" --worker {role.removeprefix('server-')}/"
        return next(pid for pid, command in self.processes().items() if mark in command)

    def agent(self) -> int:
        return self.process("agent")

    def spent(self) -> dict[str, float]:
        """Processor time so far, in seconds."""
        return {role: cpu_seconds(self.process(role)) for role in ("server", "agent")}

    def kill_agent(self) -> None:
        """Kill the agent, and hold the supervisor so that it stays away until `release`."""
        agent, supervisor = self.process("agent"), self.process("supervisor")
        os.kill(supervisor, signal.SIGSTOP)
        os.kill(agent, signal.SIGKILL)

    def release(self) -> None:
        os.kill(self.process("supervisor"), signal.SIGCONT)


@contextlib.contextmanager
def running(parent: Path, settings: tuple[str, ...] = (), logs: Path | None = None) -> Iterator[Cloud]:
    """A started cloud with its files in a new folder below `parent`; all of it is removed at the end.

    `logs`: where its logs are copied to before that.
    """
    folder = Path(tempfile.mkdtemp(prefix="heddle-bench-", dir=parent))
    folder.chmod(0o755)
    host = TestHost(NAME)
    try:
        cloud = Cloud(host, folder, settings)
        cloud.start()
        with unlimited(cloud.api):
            yield cloud
        cloud.stop()
    finally:
        if logs is not None and (folder / "log").is_dir():
            shutil.copytree(folder / "log", logs, dirs_exist_ok=True)
        host.stop()
        shutil.rmtree(folder, ignore_errors=True)
