"""What is forgotten of an IPv6 address that no port has any more, and that vswitchd survives it."""

from __future__ import annotations

from tests.fakes.objects import OUT, allow, group, network, port, port_id
from tests.real.conftest import Lab
from tests.real.matrix import ip6
from tests.real.traffic import connects, eventually, listening

from heddle.view.types import FixedIp


def test_connections_of_an_ipv6_address(lab: Lab) -> None:
    lab.cloud.put(network(), group("open", *OUT, allow(ethertype=6)))
    for number in (1, 2, 3, 4):
        lab.cloud.port(port(number, ("open",), fixed_ips=[FixedIp("s6", ip6(number))]))
        lab.plug(number, f"{ip6(number)}/64")
    lab.wait_up(1, 2, 3, 4)
    before = lab.host.run("cat", "/run/openvswitch/ovs-vswitchd.pid")
    assert eventually(lambda: lab.host.pings("g1", ip6(2)) and lab.host.pings("g3", ip6(4)))
    with listening(lab.host, "g2", 80), listening(lab.host, "g4", 80):
        assert connects(lab.host, "g1", ip6(2), 80) and connects(lab.host, "g3", ip6(4), 80)
    assert tracked(lab, "tcp", 2) and tracked(lab, "icmpv6", 2) and tracked(lab, "tcp", 4)
    lab.cloud.remove_port(port_id(2))
    assert eventually(lambda: not tracked(lab, "tcp", 2))
    assert tracked(lab, "tcp", 4)
    assert lab.host.pings("g3", ip6(4))
    assert lab.host.run("cat", "/run/openvswitch/ovs-vswitchd.pid") == before


def tracked(lab: Lab, protocol: str, number: int) -> bool:
    lines = lab.host.run("ovs-appctl", "dpctl/dump-conntrack").splitlines()
    return any(line.startswith(f"{protocol},") and f"={ip6(number)}," in line for line in lines)
