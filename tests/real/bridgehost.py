"""A test host with Linux bridges and no Open vSwitch, its agent, and the cloud behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.fakes.cloud import FakeCloud
from tests.fakes.objects import ip, mac, port_id
from tests.real.conftest import Agent, Lab
from tests.real.testhost import TestHost, host, wait_until

SETTINGS = ("agent.data_plane=linuxbridge", "agent.resync_seconds=600", "agent.audit_seconds=600")


def device(number: int) -> str:
    """The interface of a guest, as whoever starts it names it."""
    return f"tap{port_id(number)[:11]}"


class BridgeLab(Lab):
    def plug(self, number: int, *cidrs: str) -> str:
        """Start a guest for port `number`; returns its name.  Nobody tells the agent: it finds the interface."""
        name = f"g{number}"
        self.host.add_guest(name, mac(number), cidrs or (f"{ip(number)}/16",))
        self.host.sh(f"ip link set p-{name} name {device(number)} || "
                     f"{{ ip link set p-{name} down; ip link set p-{name} name {device(number)}; }}; "
                     f"ip link set {device(number)} up")  # fmt: skip
        return name

    def rules(self) -> str:
        return self.host.run("nft", "-s", "list", "ruleset")


def start(test_host: TestHost, folder: Path, *settings: str) -> BridgeLab:
    folder.mkdir(exist_ok=True)
    cloud = FakeCloud(test_host.name)
    cloud.serve(folder / "bus.sock")
    agent = Agent(test_host, folder / "bus.sock", folder / "agent.log", *SETTINGS, *settings)
    agent.start()
    wait_until(lambda: cloud.reports, 15, f"the agent reports: {agent.log}")
    return BridgeLab(test_host, cloud, agent)


@contextlib.contextmanager
def bridge_lab(folder: Path, *settings: str) -> Iterator[BridgeLab]:
    with host("host1", ovs=False) as test_host:
        lab = start(test_host, folder, *settings)
        try:
            yield lab
        finally:
            lab.agent.stop()
            lab.cloud.stop_serving()
