"""Packets between guests of one host."""

from __future__ import annotations

from tests.fakes.objects import default_group, ip, network, port
from tests.real.conftest import Lab


def test_same_network_yes_other_network_no(lab: Lab) -> None:
    lab.cloud.put(network("net-a"), network("net-b"), default_group())
    for number, net in ((1, "net-a"), (2, "net-a"), (3, "net-b"), (4, "net-b")):
        lab.cloud.port(port(number, net=net))
    for number in (1, 2, 3, 4):
        lab.plug(number)
    lab.wait_up(1, 2, 3, 4)
    assert lab.host.pings("g1", ip(2))
    assert lab.host.pings("g3", ip(4))
    assert not lab.host.pings("g1", ip(3), wait=0.5)
    assert not lab.host.pings("g3", ip(2), wait=0.5)
