"""A test host with the real agent in it, and a fake cloud behind the real local bus.

The agent is a process of its own in the host, so it can be stopped, killed and started again while traffic flows.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.fakes.cloud import FakeCloud
from tests.real.testhost import TestHost, host, wait_until

from heddle.bus.local import LocalServerBus

MAIN = """
import logging, sys
from heddle.agent.loop import run_agent
from heddle.bus.registry import agent_bus
from heddle.config import load
logging.basicConfig(level=logging.INFO, format="%(asctime)s.%(msecs)03d %(name)s %(message)s", datefmt="%H:%M:%S")
settings = load(None, sys.argv[1:], {})
run_agent(settings, agent_bus(settings))
"""
ROOT = Path(__file__).parents[2]


class Lab:
    """`cloud` is what the agent of `host` is told; `outside` is a namespace on br-ex."""

    def __init__(self, test_host: TestHost, folder: Path, roles: str = "switch,router,dhcp") -> None:
        self.host = test_host
        self.cloud = FakeCloud("host1")
        self.log = folder / "agent.log"
        self._settings = [
            "agent.host=host1", f"agent.roles={roles}", "agent.audit_seconds=0.5", "agent.resync_seconds=5",
            f"paths.run={folder}/run", f"paths.state={folder}/state",
        ]  # fmt: skip
        for name in ("run", "state"):
            (folder / name).mkdir(mode=0o755)
        folder.chmod(0o755)
        self._bus = LocalServerBus(folder / "run" / "bus.sock")
        self._bus.start(self.cloud)
        self.cloud.start("host1", lambda wake: self._bus.wake(wake.scopes, wake.request_id))
        self._agent: subprocess.Popen[bytes] | None = None

    def start_agent(self) -> None:
        arguments = [part for setting in self._settings for part in (setting,)]
        with self.log.open("ab") as log:
            self._agent = self.host.popen(
                sys.executable, "-c", MAIN, *arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=ROOT
            )

    def stop_agent(self, kill: bool = False) -> None:
        """By SIGTERM, or by SIGKILL."""
        assert self._agent is not None
        pid = self._agent_pid()
        self.host.run("kill", "-KILL" if kill else "-TERM", str(pid))
        self._agent.wait(10)

    def _agent_pid(self) -> int:
        """The number of the agent in the host's pid namespace."""
        found = self.host.run("pgrep", "-f", "heddle.agent.loop import run_agent").split()
        return int(found[0])

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def outside(self, name: str, cidr: str, mac: str = "fa:16:3e:ff:00:01") -> None:
        """A namespace on the external network, plugged into br-ex."""
        self.host.add_guest(name, mac, [cidr], mtu=1500)
        self.host.run("ovs-vsctl", "add-port", "br-ex", f"p-{name}")

    def in_space(self, name: str, *command: str, check: bool = True) -> str:
        return self.host.run("ip", "netns", "exec", name, *command, check=check)

    def has_space(self, name: str) -> bool:
        return name in self.host.run("ip", "netns", "list").split()

    def close(self) -> None:
        self._bus.stop()
        if self._agent is not None and self._agent.poll() is None:
            self._agent.send_signal(signal.SIGKILL)


@contextlib.contextmanager
def lab(roles: str = "switch,router,dhcp") -> Iterator[Lab]:
    folder = Path(tempfile.mkdtemp(prefix="heddle-lab-"))
    try:
        with host() as test_host:
            made = Lab(test_host, folder, roles)
            try:
                made.start_agent()
                wait_until(lambda: made.cloud.fetches, 15, "the agent asks for its view")
                yield made
            except BaseException:
                sys.stderr.write(made.text()[-8000:])
                raise
            finally:
                made.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
