"""A test host with the agent in all its roles, and a fake cloud; one for many tests, with an outside on br-ex."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.fakes.cloud import FakeCloud
from tests.real.bridgehost import bridge_host
from tests.real.conftest import Agent
from tests.real.testhost import TestHost, host, wait_until
from tests.real.traffic import answer, serve

SETTINGS = [
    "agent.roles=switch,router,dhcp,metadata", "agent.bridge_mappings=public:br-ex", "agent.tunnel_ip=127.0.0.1",
    "agent.audit_seconds=0.5", "agent.resync_seconds=5", "agent.report_seconds=0.5",
]  # fmt: skip


class L3Lab:
    """`cloud` is what the agent of `host` is told."""

    def __init__(self, test_host: TestHost, cloud: FakeCloud, folder: Path, *settings: str) -> None:
        self.host = test_host
        self.cloud = cloud
        paths = [f"paths.run={folder}/run", f"paths.state={folder}/state"]
        self.agent = Agent(test_host, folder / "bus.sock", folder / "agent.log", *SETTINGS, *paths, *settings)

    def outside(self, name: str, cidr: str, mac: str = "fa:16:3e:ff:00:01") -> None:
        """A namespace on the external network, plugged into br-ex."""
        self.host.add_guest(name, mac, [cidr], mtu=1500)
        self.host.run("ovs-vsctl", "add-port", "br-ex", f"p-{name}")

    def in_space(self, name: str, *command: str, check: bool = True) -> str:
        return self.host.run("ip", "netns", "exec", name, *command, check=check)

    def has_space(self, name: str) -> bool:
        return name in self.host.run("ip", "netns", "list").split()

    def serve(self, guest: str, *ports: int) -> None:
        serve(self.host, guest, *ports)

    def answer(self, source: str, address: str, port: int) -> str:
        return answer(self.host, source, address, port)

    def start_agent(self) -> None:
        """Start it and wait until it has taken its whole view and worked on it."""
        before = len(self.cloud.fetches)
        self.agent.start()
        self.until(lambda: any(each.revision for each in self.cloud.fetches[before:]), 15, "the agent has its view")

    def until(self, condition: Callable[[], Any], seconds: float, what: str) -> Any:
        """Like `wait_until`, with the end of the agent's log."""
        try:
            return wait_until(condition, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.agent.log[-4000:]}") from None


class BridgeL3Lab(L3Lab):
    """The same on a host with Linux bridges, where the external network is behind the card eth1."""

    def __init__(self, test_host: TestHost, cloud: FakeCloud, folder: Path, *settings: str) -> None:
        own = ("agent.data_plane=linuxbridge", "agent.physical_interface_mappings=public:eth1")
        super().__init__(test_host, cloud, folder, *own, *settings)

    def outside(self, name: str, cidr: str, mac: str = "fa:16:3e:ff:00:01") -> None:
        self.host.add_guest(name, mac, [cidr], mtu=1500)
        self.host.sh(f"ip link set p-{name} down; ip link set p-{name} name eth1; ip link set eth1 up")


@contextlib.contextmanager
def l3_lab(*settings: str, plane: str = "openvswitch") -> Iterator[L3Lab]:
    """`settings` more than those of all such hosts."""
    bridges = plane == "linuxbridge"
    folder = Path(tempfile.mkdtemp(prefix="heddle-lab-"))
    cloud = FakeCloud("host1")
    try:
        folder.chmod(0o755)
        cloud.serve(folder / "bus.sock")
        with bridge_host() if bridges else host() as test_host:
            made = (BridgeL3Lab if bridges else L3Lab)(test_host, cloud, folder, *settings)
            made.agent.start()
            wait_until(lambda: cloud.reports, 15, f"the agent reports: {made.agent.log}")
            try:
                yield made
            finally:
                made.agent.stop()
    finally:
        cloud.stop_serving()
        shutil.rmtree(folder, ignore_errors=True)
