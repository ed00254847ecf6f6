"""The matrix of Open vSwitch: each network type between two hosts, over IPv4 and IPv6, beside all others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.real.matrix import Matrix, cells, two_hosts

from heddle.view.types import Segment

SEGMENTS = {
    "local": (Segment("local"), Segment("local")),
    "flat": (Segment("flat", "physnet1"), Segment("flat", "physnet2")),
    "vlan": (Segment("vlan", "physnet1", 101), Segment("vlan", "physnet1", 102)),
    "vxlan": (Segment("vxlan", "", 77), Segment("vxlan", "", 78)),
}
CELLS = pytest.mark.parametrize(("kind", "family"), cells("openvswitch", SEGMENTS))


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    settings = ("agent.bridge_mappings=physnet1:br-phy,physnet2:br-phy2", "agent.tunnel_ip=172.31.0.{n}")
    with two_hosts(tmp_path_factory.mktemp("matrix"), *settings) as labs:
        yield Matrix(labs, SEGMENTS)


@CELLS
def test_carries(matrix: Matrix, kind: str, family: str) -> None:
    matrix.carries(kind, family)


@CELLS
def test_fits(matrix: Matrix, kind: str, family: str) -> None:
    matrix.fits(kind, family)


@pytest.mark.parametrize("kind", ["flat", "vlan"])
def test_pieces_are_seen(matrix: Matrix, kind: str) -> None:
    matrix.pieces_are_seen(kind)
