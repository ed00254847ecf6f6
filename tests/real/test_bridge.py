"""Linux bridge: a host without Open vSwitch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.objects import OUT, allow, default_group, group, ip, network, port
from tests.real.bridgehost import BridgeLab, bridge_lab
from tests.real.traffic import connects, eventually, listening


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[BridgeLab]:
    with bridge_lab(tmp_path) as made:
        yield made


def test_same_network_yes_other_network_no(lab: BridgeLab) -> None:
    lab.cloud.put(network("net-a"), network("net-b"), default_group())
    for number, net in ((1, "net-a"), (2, "net-a"), (3, "net-b"), (4, "net-b")):
        lab.cloud.port(port(number, net=net))
        lab.plug(number)
    lab.wait_up(1, 2, 3, 4)
    assert lab.host.pings("g1", ip(2))
    assert lab.host.pings("g3", ip(4))
    assert not lab.host.pings("g1", ip(3), wait=0.5)
    assert not lab.host.pings("g3", ip(2), wait=0.5)


def test_a_stateful_group(lab: BridgeLab) -> None:
    lab.cloud.put(network(), group("web", *OUT, allow(protocol=6, ports=(80, 80))), group("out", *OUT))
    lab.cloud.port(port(1, ("web",)))
    lab.cloud.port(port(2, ("out",)))
    lab.plug(1)
    lab.plug(2)
    lab.wait_up(1, 2)
    with listening(lab.host, "g1", 80), listening(lab.host, "g1", 81), listening(lab.host, "g2", 80):
        assert connects(lab.host, "g2", ip(1), 80)
        assert not connects(lab.host, "g2", ip(1), 81)
        assert not connects(lab.host, "g1", ip(2), 80)
    assert not lab.host.pings("g2", ip(1), wait=0.5)
    lab.cloud.put(group("web", *OUT, allow(protocol=1)))
    assert eventually(lambda: lab.host.pings("g2", ip(1), wait=0.3))
