"""A test host with Linux bridges and no Open vSwitch, its agent, and the cloud behind it."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.fakes.cloud import FakeCloud
from tests.fakes.objects import port_id
from tests.real.conftest import Agent, Lab
from tests.real.testhost import DATAPATH, TestHost, wait_until

SETTINGS = ("agent.data_plane=linuxbridge", "agent.resync_seconds=600", "agent.audit_seconds=600")


def device(number: int) -> str:
    """The interface of a guest, as whoever starts it names it."""
    return f"tap{port_id(number)[:11]}"


class BridgeHost(TestHost):
    """A host without Open vSwitch."""

    def __init__(self, name: str = "host1") -> None:
        super().__init__(name, ovs=False)

    def plug(
        self, name: str, mac: str, cidrs: Sequence[str], port_id: str, mtu: int = 1450, gateway: str = ""
    ) -> None:
        """Start a guest.  Nobody tells the agent: it finds the interface by its name."""
        self.add_guest(name, mac, cidrs, mtu, gateway)
        tap = f"tap{port_id[:11]}"
        rename = f"ip link set p-{name} name {tap}"
        self.sh(f"{rename} || {{ ip link set p-{name} down; {rename}; }}; ip link set {tap} up")

    def unplug(self, name: str) -> None:
        self.sh(f"ip netns del {name}")


class BridgeLab(Lab):
    def rules(self) -> str:
        return self.host.run("nft", "-s", "list", "ruleset")


def cable(one: TestHost, other: TestHost, device: str = "eth0", net: int | None = 0, mtu: int = 1500) -> None:
    """A cable between two hosts, by a network card of each.  With `net` the cards have 172.31.<net>.1 and .2, and
    fd31:<net>::1 and ::2.

    What userspace Open vSwitch gets from the kernel at the other end must have its checksums.
    """
    ends = ["type", "veth", "peer", "name", device, "mtu", str(mtu), "netns", str(other.pid)]
    subprocess.run(["ip", "link", "add", device, "mtu", str(mtu), "netns", str(one.pid), *ends], check=True, stdin=-3)
    for number, each in ((1, one), (2, other)):
        each.sh(f"ethtool -K {device} tx off >/dev/null; ip link set {device} up")
        if net is not None:
            each.sh(f"""
                ip addr add 172.31.{net}.{number}/24 dev {device}
                ip addr add fd31:{net}::{number}/64 dev {device} nodad
            """)


def behind_switch(test_host: TestHost, device: str, bridge: str, number: int, net: int = 0) -> None:
    """Make a card of a host with Open vSwitch a port of a bridge, with the addresses that `cable` gives."""
    test_host.sh(f"""
        sysctl -qw net.ipv6.conf.{device}.disable_ipv6=1
        hook='{{ type filter hook ingress device {device} priority -500; policy drop; }}'
        [ {DATAPATH} != netdev ] || nft "add table netdev underlay; add chain netdev underlay {device} $hook"
        ip addr flush dev {device}
        ovs-vsctl add-br {bridge} -- set bridge {bridge} datapath_type={DATAPATH} fail-mode=standalone \
          -- add-port {bridge} {device}
        ip addr add 172.31.{net}.{number}/24 dev {bridge}
        ip addr add fd31:{net}::{number}/64 dev {bridge} nodad
        ip link set {bridge} up mtu 1500
    """)


def start(test_host: BridgeHost, folder: Path, *settings: str) -> BridgeLab:
    folder.mkdir(exist_ok=True)
    cloud = FakeCloud(test_host.name)
    cloud.serve(folder / "bus.sock")
    agent = Agent(test_host, folder / "bus.sock", folder / "agent.log", *SETTINGS, *settings)
    agent.start()
    wait_until(lambda: cloud.reports, 15, f"the agent reports: {agent.log}")
    return BridgeLab(test_host, cloud, agent)


@contextlib.contextmanager
def bridge_host(name: str = "host1") -> Iterator[BridgeHost]:
    """One that is always removed."""
    made = BridgeHost(name)
    try:
        yield made
    finally:
        made.stop()


@contextlib.contextmanager
def bridge_lab(folder: Path, *settings: str) -> Iterator[BridgeLab]:
    with bridge_host() as test_host:
        lab = start(test_host, folder, *settings)
        try:
            yield lab
        finally:
            lab.agent.stop()
            lab.cloud.stop_serving()
