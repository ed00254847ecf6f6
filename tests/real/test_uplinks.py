"""Networks that leave the host: tunnels between two hosts, VLAN and flat physical networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fakes.objects import OUT, allow, default_group, group, ip, mac, network, port, port_id
from tests.real.conftest import Lab
from tests.real.matrix import make_lab
from tests.real.testhost import host, join, wait_until
from tests.real.traffic import arp, catching, connects, eventually, listening, send

from heddle.view.types import HostView, Segment

Pair = tuple[Lab, Lab]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Callable[..., Pair]]:
    """Makes two joined hosts with an agent each; the clouds are told the same."""
    labs: list[Lab] = []
    with host("host1") as one, host("host2") as other:
        join(one, other)

        def make(*settings: str) -> Pair:
            for number, each in ((1, one), (2, other)):
                labs.append(make_lab(each, tmp_path / str(number), *(text.format(n=number) for text in settings)))
            return labs[0], labs[1]

        yield make
        for lab in labs:
            lab.agent.stop()
            lab.cloud.stop_serving()


def guests(labs: Pair, *where: tuple[int, str]) -> None:
    """A guest for each (number, network), odd ones on the first host."""
    for number, net in where:
        for lab in labs:
            lab.cloud.port(port(number, net=net), host="host1" if number % 2 else "host2")
    for number, _ in where:
        labs[1 - number % 2].plug(number)
    for number, _ in where:
        labs[1 - number % 2].wait_up(number)


def test_vxlan_between_hosts(pair: Callable[..., Pair]) -> None:
    labs = pair("agent.tunnel_ip=172.31.0.{n}")
    for lab in labs:
        lab.cloud.put(
            HostView(id="host1", tunnel_ip="172.31.0.1"), HostView(id="host2", tunnel_ip="172.31.0.2"),
            network("net-a", Segment("vxlan", "", 77)), network("net-b", Segment("vxlan", "", 78)), default_group(),
        )
    # The local tags differ between the hosts, and the addresses of the two networks overlap.
    guests(labs, (4, "net-b"), (1, "net-a"), (2, "net-a"), (3, "net-b"))
    one, other = labs[0].host, labs[1].host
    wait_until(lambda: one.pings("g1", ip(2)), 5, "the hosts have found each other (ARP of the tunnel's ends)")
    assert one.pings("g3", ip(4))
    assert not one.pings("g1", ip(4), wait=0.5)
    assert one.pings("g1", ip(2), count=3)
    with listening(other, "g2", 80):
        assert connects(one, "g1", ip(2), 80)
    nonce = "0a0004d2"
    with catching(other, ["g2", "g4"], nonce) as caught:
        send(one, "g1", arp(mac(1), ip(1), "10.0.4.210"))
    assert len(caught["g2"]) == 1 and not caught["g4"]
    labs[0].cloud.remove_port(port_id(2))
    assert eventually(lambda: not any(mac(2) in flow for flow in labs[0].flows("br-tun")))


def test_vlan_and_flat_on_one_physical_network(pair: Callable[..., Pair]) -> None:
    """The two hosts' br-phy is the physical network; guests without rules inward are not reached from there."""
    labs = pair("agent.bridge_mappings=physnet1:br-phy")
    for lab in labs:
        lab.cloud.put(
            network("net-a", Segment("vlan", "physnet1", 101)), network("net-b", Segment("vlan", "physnet1", 102)),
            network("net-c", Segment("flat", "physnet1")), default_group(), group("open", *OUT, allow()),
        )
    guests(labs, (1, "net-a"), (2, "net-a"), (3, "net-b"), (4, "net-b"), (5, "net-c"), (6, "net-c"))
    one, other = labs[0].host, labs[1].host
    for number in (1, 3, 5):
        assert one.pings(f"g{number}", ip(number + 1)), f"guest {number}"
    nonce = "0a0004d2"
    for number, hears in ((1, "g2"), (3, "g4"), (5, "g6")):
        with catching(other, ["g2", "g4", "g6"], nonce) as caught:
            send(one, f"g{number}", arp(mac(number), ip(number), "10.0.4.210"))
        assert {guest for guest, frames in caught.items() if frames} == {hears}
    other.sh("ip addr add 10.0.0.200/16 dev br-phy")
    assert not one.pings("g1", "10.0.0.200", wait=0.5)
    assert one.pings("g5", "10.0.0.200")
    assert "0 received" in other.run("ping", "-c1", "-W1", ip(5), check=False), "no rule inward for the outside"
    labs[0].cloud.port(port(5, ("open",), "net-c"))
    assert eventually(lambda: "1 received" in other.run("ping", "-c1", "-W1", ip(5), check=False))
    assert "br-phy" in other.run("ovs-vsctl", "list-br")
