"""A host with Open vSwitch, a cloud behind it, and the agent between them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.cloud import FakeCloud
from tests.fakes.objects import ip, mac, port_id
from tests.real.testhost import DATAPATH, PATIENCE, TestHost, host, wait_until

HERE = Path(__file__).parent
TOOLS = ("ovs-vswitchd", "ovsdb-server", "nft", "unshare", "ip")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    reason = "needs root" if os.geteuid() else f"needs {', '.join(missing)}" if missing else ""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.real)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


class Agent:
    """The agent of a test host, in a process of its own, with its log in a file."""

    def __init__(self, test_host: TestHost, socket: Path, log: Path, *settings: str) -> None:
        self.host = test_host
        self._socket = socket
        self._log = log
        self.settings = [
            f"agent.host={test_host.name}", f"agent.datapath={DATAPATH}", "agent.roles=switch",
            "agent.bridge_mappings=", *settings,
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        root = HERE.parent.parent
        environment = {**os.environ, "PYTHONPATH": f"{root}/src:{root}"}
        with self._log.open("ab") as log:
            self.process = self.host.python(
                str(HERE / "run_agent.py"), str(self._socket), *self.settings, stdout=log, stderr=log, env=environment
            )

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    def _pid(self) -> int:
        """nsenter leaves a child in the pid namespace; signals go to that."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return int(children.split()[0]) if children.split() else self.process.pid

    def stop(self, number: int = signal.SIGTERM, seconds: float = 5) -> None:
        """End it, and wait for that."""
        if self.process is None or self.process.poll() is not None:
            return
        os.kill(self._pid(), number)
        self.process.wait(timeout=seconds * PATIENCE)
        self.process = None

    def memory(self) -> int:
        """Resident memory that is its own, in KB."""
        text = Path(f"/proc/{self._pid()}/smaps_rollup").read_text(encoding="ascii")
        return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


class Lab:
    """A host, its agent and the cloud; guests are numbered as in `tests.fakes.objects`."""

    def __init__(self, test_host: TestHost, cloud: FakeCloud, agent: Agent) -> None:
        self.host, self.cloud, self.agent = test_host, cloud, agent

    def plug(self, number: int, *cidrs: str, mtu: int = 1450) -> str:
        """Plug a guest for port `number`; returns its name."""
        self.host.plug(f"g{number}", mac(number), cidrs or (f"{ip(number)}/16",), port_id(number), mtu)
        return f"g{number}"

    def wait_up(self, *numbers: int, seconds: float = 10) -> None:
        wait_until(
            lambda: all(self.cloud.state_of("port", port_id(number)) == "up" for number in numbers),
            seconds, f"the ports {numbers} are up: {self.cloud.statuses}\n{self.agent.log[-3000:]}",
        )

    def flows(self, bridge: str = "br-int") -> list[str]:
        """An independent dump: what vswitchd has, without counters."""
        text = self.host.run("ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "--no-names", "dump-flows", bridge)
        return sorted(line.strip() for line in text.splitlines() if "actions" in line)


@pytest.fixture
def test_host() -> Iterator[TestHost]:
    with host() as made:
        yield made


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[FakeCloud]:
    made = FakeCloud("host1")
    made.serve(tmp_path / "bus.sock")
    yield made
    made.stop_serving()


@pytest.fixture
def lab(test_host: TestHost, cloud: FakeCloud, tmp_path: Path) -> Iterator[Lab]:
    agent = Agent(test_host, tmp_path / "bus.sock", tmp_path / "agent.log")
    agent.start()
    wait_until(lambda: cloud.reports, 15, f"the agent reports: {agent.log}")
    yield Lab(test_host, cloud, agent)
    agent.stop()
