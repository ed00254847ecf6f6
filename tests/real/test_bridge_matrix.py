"""The matrix of Linux bridge: two hosts with it, and one with it beside one with Open vSwitch.

VLAN networks are in it where the kernel has VLAN devices, as a full kernel has (`scripts/test-kernel.sh real`).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from tests.real.bridgehost import behind_switch, bridge_host, cable, start
from tests.real.matrix import TUNNELS, Matrix, cells, make_lab
from tests.real.testhost import host

from heddle.view.types import Segment


def has_vlans() -> bool:
    """Whether the kernel has VLAN devices (8021q)."""
    script = "ip link add vl0 type veth peer name vl1 && ip link add link vl0 name vl0.5 type vlan id 5"
    return subprocess.run(["unshare", "-n", "sh", "-c", script], capture_output=True, check=False).returncode == 0


VLAN = {"vlan": (Segment("vlan", "physnet1", 101), Segment("vlan", "physnet1", 102))} if has_vlans() else {}
SEGMENTS = {
    **VLAN,
    "local": (Segment("local"), Segment("local")),
    "flat": (Segment("flat", "physnet1"), Segment("flat", "physnet2")),
    "vxlan": (Segment("vxlan", "", 77), Segment("vxlan", "", 78)),
}
IN_TUNNELS = {"vxlan": SEGMENTS["vxlan"]}
BOTH = {kind: SEGMENTS[kind] for kind in SEGMENTS if kind != "local"}
CELLS = pytest.mark.parametrize(("kind", "family"), cells("linuxbridge", SEGMENTS))
MIXED = pytest.mark.parametrize(("kind", "family"), cells("linuxbridge+openvswitch", BOTH))
CARDS = "agent.physical_interface_mappings=physnet1:eth1,physnet2:eth2"


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    folder = tmp_path_factory.mktemp("bridges")
    with bridge_host("host1") as one, bridge_host("host2") as other:
        cable(one, other)
        cable(one, other, "eth1", None)
        cable(one, other, "eth2", None)
        labs = (
            start(one, folder / "1", CARDS, "agent.tunnel_ip=172.31.0.1"),
            start(other, folder / "2", CARDS, "agent.tunnel_ip=172.31.0.2"),
        )
        yield Matrix(labs, SEGMENTS)
        for lab in labs:
            lab.agent.stop()
            lab.cloud.stop_serving()


@pytest.fixture(scope="module")
def mixed6(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """A host of each kind, and tunnels whose ends have IPv6 addresses."""
    folder = tmp_path_factory.mktemp("mixed6")
    with bridge_host("host1") as one, host("host2") as other:
        cable(one, other)
        behind_switch(other, "eth0", "br-phy0", 2)
        labs = (
            start(one, folder / "1", "agent.tunnel_ip=fd31::1"),
            make_lab(other, folder / "2", "agent.tunnel_ip=fd31::2"),
        )
        yield Matrix(labs, IN_TUNNELS, TUNNELS[6])
        for lab in labs:
            lab.agent.stop()
            lab.cloud.stop_serving()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    folder = tmp_path_factory.mktemp("mixed")
    with bridge_host("host1") as one, host("host2") as other:
        for net, device in enumerate(("eth0", "eth1", "eth2")):
            cable(one, other, device, None if net else 0)
            behind_switch(other, device, f"br-phy{net}", 2, net)
        bridges = "agent.bridge_mappings=physnet1:br-phy1,physnet2:br-phy2"
        labs = (
            start(one, folder / "1", CARDS, "agent.tunnel_ip=172.31.0.1"),
            make_lab(other, folder / "2", bridges, "agent.tunnel_ip=172.31.0.2"),
        )
        yield Matrix(labs, BOTH)
        for lab in labs:
            lab.agent.stop()
            lab.cloud.stop_serving()


@CELLS
def test_carries(matrix: Matrix, kind: str, family: str) -> None:
    matrix.carries(kind, family)


@CELLS
def test_fits(matrix: Matrix, kind: str, family: str) -> None:
    matrix.fits(kind, family)


@MIXED
def test_carries_between_both_kinds(mixed: Matrix, kind: str, family: str) -> None:
    mixed.carries(kind, family)


@MIXED
def test_fits_between_both_kinds(mixed: Matrix, kind: str, family: str) -> None:
    mixed.fits(kind, family)


@pytest.mark.parametrize(("kind", "family"), cells("linuxbridge+openvswitch_over_ipv6", IN_TUNNELS))
def test_carries_over_ipv6(mixed6: Matrix, kind: str, family: str) -> None:
    mixed6.carries(kind, family)
    mixed6.fits(kind, family)


def test_nothing_is_at_fault(matrix: Matrix) -> None:
    """The networks fit the underlay, and the records of both hosts show what they carry."""
    for lab in matrix.labs:
        assert not [each for each in lab.cloud.statuses.values() if each.state == "error"]
        roles = lab.cloud.reports[-1].roles or lab.cloud.reports[0].roles
        (role,) = [each for each in roles if each.role in ("switch", "bridge")]
        assert role.configuration["tunnel_types"] == ["vxlan"] and "warnings" not in role.configuration
