"""The matrix of Open vSwitch: each network type between two hosts, over IPv4 and IPv6, beside all others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.real.matrix import TUNNELS, Matrix, cells, two_hosts

from heddle.view.types import Segment

# The same IDs in all kinds of tunnels: they are other networks.
IN_TUNNELS = {kind: (Segment(kind, "", 77), Segment(kind, "", 78)) for kind in ("vxlan", "gre", "geneve")}
SEGMENTS = {
    "local": (Segment("local"), Segment("local")),
    "flat": (Segment("flat", "physnet1"), Segment("flat", "physnet2")),
    "vlan": (Segment("vlan", "physnet1", 101), Segment("vlan", "physnet1", 102)),
    **IN_TUNNELS,
}
MAPPINGS = "agent.bridge_mappings=physnet1:br-phy,physnet2:br-phy2"
CELLS = pytest.mark.parametrize(("kind", "family"), cells("openvswitch", SEGMENTS))


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with two_hosts(tmp_path_factory.mktemp("matrix"), MAPPINGS, f"agent.tunnel_ip={TUNNELS[4]}") as labs:
        yield Matrix(labs, SEGMENTS)


@pytest.fixture(scope="module")
def matrix6(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """Tunnels whose ends have IPv6 addresses."""
    with two_hosts(tmp_path_factory.mktemp("matrix6"), f"agent.tunnel_ip={TUNNELS[6]}") as labs:
        yield Matrix(labs, IN_TUNNELS, TUNNELS[6])


@CELLS
def test_carries(matrix: Matrix, kind: str, family: str) -> None:
    matrix.carries(kind, family)


@CELLS
def test_fits(matrix: Matrix, kind: str, family: str) -> None:
    matrix.fits(kind, family)


@pytest.mark.parametrize("kind", ["flat", "vlan"])
def test_pieces_are_seen(matrix: Matrix, kind: str) -> None:
    matrix.pieces_are_seen(kind)


@pytest.mark.parametrize(("kind", "family"), cells("openvswitch_over_ipv6", IN_TUNNELS))
def test_carries_over_ipv6(matrix6: Matrix, kind: str, family: str) -> None:
    matrix6.carries(kind, family)
    matrix6.fits(kind, family)


def test_nothing_is_at_fault(matrix: Matrix) -> None:
    """The networks fit the underlay, and the records of both hosts show what they carry."""
    for lab in matrix.labs:
        assert not [each for each in lab.cloud.statuses.values() if each.state == "error"]
        roles = lab.cloud.reports[-1].roles or lab.cloud.reports[0].roles
        (configuration,) = (role.configuration for role in roles if role.role == "switch")
        assert configuration["tunnel_types"] == ["vxlan", "gre", "geneve"]
        assert "warnings" not in configuration
