"""The same laboratory on each data plane: a host, its agent and the cloud behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.fakes.cloud import FakeCloud
from tests.real.bridgehost import bridge_lab
from tests.real.conftest import Agent, Lab
from tests.real.testhost import host, wait_until

PLANES = ("openvswitch", "linuxbridge")


@contextlib.contextmanager
def plane_lab(plane: str, folder: Path, *settings: str) -> Iterator[Lab]:
    """One that is always removed; `settings` are of its agent."""
    if plane == "linuxbridge":
        with bridge_lab(folder, *settings) as made:
            yield made
        return
    cloud = FakeCloud("host1")
    cloud.serve(folder / "bus.sock")
    with host() as test_host:
        agent = Agent(test_host, folder / "bus.sock", folder / "agent.log", *settings)
        try:
            agent.start()
            wait_until(lambda: cloud.reports, 15, f"the agent reports: {agent.log}")
            yield Lab(test_host, cloud, agent)
        finally:
            agent.stop()
            cloud.stop_serving()
