"""Who has this address?  Asked between two hosts, beside a capture on the cable between them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from tests.fakes.objects import default_group, ip, mac, network, port, port_id
from tests.real.conftest import Lab
from tests.real.matrix import NOWHERE, TUNNELS, Pair, ip6, two_hosts, underlay
from tests.real.testhost import DATAPATH
from tests.real.traffic import arp, catching, eventually, send

from heddle.view.types import AddressPair, FixedIp, HostView, PortView, Segment

# Within VXLAN: the frame's destination at 50, its type at 62, the type of an ICMPv6 message at 104.
ASKED = {
    "ipv4": "udp port 4789 and ether[50:4] = 0xffffffff and ether[62:2] = 0x0806",
    "ipv6": "udp port 4789 and ether[50:2] = 0x3333 and ether[62:2] = 0x86dd and ether[104] = 135",
}
# The kernel's datapath makes no advertisements.
ANSWERED = ["ipv4", "ipv6"] if DATAPATH == "netdev" else ["ipv4"]
FAMILIES = pytest.mark.parametrize("family", ANSWERED)
VNI = count(100)


class Net:
    """A VXLAN network of the two hosts; its guests are numbered in it, odd ones on the first host."""

    def __init__(self, labs: Pair) -> None:
        self.labs = labs
        self.base = 256 * next(VNI)
        self.name = f"net-{self.base}"
        for lab in labs:
            lab.cloud.put(network(self.name, Segment("vxlan", "", self.base)))

    def number(self, guest: int) -> int:
        return self.base + guest

    def guest(self, guest: int) -> tuple[Lab, str]:
        return self.labs[1 - guest % 2], f"g{self.number(guest)}"

    def address(self, guest: int, family: str) -> str:
        number = self.number(guest)
        return ip(number) if family == "ipv4" else ip6(number)

    def view(self, guest: int, **more: object) -> PortView:
        number = self.number(guest)
        fixed = [FixedIp("s4", ip(number)), FixedIp("s6", ip6(number))]
        return port(number, net=self.name, fixed_ips=fixed, **more)

    def bind(self, guest: int, host: str = "", **more: object) -> None:
        for lab in self.labs:
            lab.cloud.port(self.view(guest, **more), host=host or ("host1" if guest % 2 else "host2"))

    def add(self, *guests: int) -> None:
        for guest in guests:
            self.bind(guest)
            number = self.number(guest)
            self.guest(guest)[0].plug(number, f"{ip6(number)}/64", f"{ip(number)}/8")
        for guest in guests:
            self.guest(guest)[0].wait_up(self.number(guest))
        for lab in {self.guest(guest)[0] for guest in guests}:
            assert eventually(lambda lab=lab: self.knows(lab, *guests), 10)

    def knows(self, lab: Lab, *guests: int) -> bool:
        flows = "\n".join(lab.flows("br-tun"))
        return all(f"arp_tpa={ip(self.number(guest))} " in flows for guest in guests)

    def remove(self, guest: int) -> None:
        for lab in self.labs:
            lab.cloud.remove_port(port_id(self.number(guest)))

    def asks(self, guest: int, address: str, family: str) -> tuple[bool, list[str]]:
        """Whether a guest that knows nobody reaches an address, and the questions on the cable meanwhile."""
        lab, name = self.guest(guest)
        lab.host.guest(name, "ip", "neigh", "flush", "dev", "eth0")
        with underlay(lab.host, ASKED[family]) as asked:
            reached = lab.host.pings(name, address)
        return reached, asked

    def neighbour(self, guest: int, address: str) -> str:
        lab, name = self.guest(guest)
        return lab.host.guest(name, "ip", "neigh", "show", address)


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with two_hosts(tmp_path_factory.mktemp("answers"), f"agent.tunnel_ip={TUNNELS[4]}", mtu=1600) as made:
        for lab in made:
            lab.cloud.put(default_group(), *(HostView(id=f"host{n}", tunnel_ip=TUNNELS[4].format(n=n)) for n in (1, 2)))
        yield made


@pytest.fixture
def net(labs: Pair) -> Net:
    made = Net(labs)
    made.add(1, 2, 4)
    assert eventually(lambda: made.asks(1, made.address(2, "ipv4"), "ipv4")[0], 10)
    return made


@FAMILIES
def test_a_known_address_is_answered_here_and_an_unknown_one_is_asked_for(net: Net, family: str) -> None:
    assert net.asks(1, net.address(2, family), family) == (True, [])
    assert mac(net.number(2)) in net.neighbour(1, net.address(2, family))
    reached, asked = net.asks(1, NOWHERE[family], family)
    assert not reached and asked


@FAMILIES
def test_an_address_of_this_host_is_not_asked_for_elsewhere(net: Net, family: str) -> None:
    net.add(3)
    assert net.asks(1, net.address(3, family), family) == (True, [])


@FAMILIES
def test_a_network_of_this_host_alone_asks_nobody_else(net: Net, family: str) -> None:
    alone = Net(net.labs)
    alone.add(1, 3)
    assert alone.asks(1, alone.address(3, family), family)[0]
    assert alone.asks(1, NOWHERE[family], family) == (False, [])
    assert net.asks(1, NOWHERE[family], family)[1]


@FAMILIES
def test_an_address_that_another_port_may_use_is_asked_for(net: Net, family: str) -> None:
    known = net.address(2, family)
    block = f"{known.rpartition(':')[0]}:0/112" if family == "ipv6" else f"{known.rpartition('.')[0]}.0/24"
    for pair in (known, block):
        net.bind(4, allowed_address_pairs=[AddressPair(pair, mac(net.number(4)))])
        assert eventually(lambda: net.asks(1, known, family)[1]), pair
        assert net.asks(1, known, family)[0]
        net.bind(4)
        assert eventually(lambda: net.asks(1, known, family) == (True, [])), pair


@FAMILIES
def test_a_port_without_port_security_answers_itself(net: Net, family: str) -> None:
    net.bind(2, port_security=False, security_groups=[])
    assert eventually(lambda: net.asks(1, net.address(2, family), family)[1])


@FAMILIES
def test_a_port_that_is_gone_is_asked_for(net: Net, family: str) -> None:
    known = net.address(2, family)
    net.remove(2)
    assert eventually(lambda: net.asks(1, known, family)[1])
    assert not any(mac(net.number(2)) in flow for flow in net.labs[0].flows("br-tun"))


@FAMILIES
def test_a_port_that_moved_is_found_where_it_is(net: Net, family: str) -> None:
    """From the second host to the first: nothing of it is asked or sent elsewhere any more; then back again."""
    number, known = net.number(2), net.address(2, family)
    assert net.asks(1, known, family)[0]
    first, second = net.labs
    second.host.unplug(f"g{number}")
    net.bind(2, host="host1")
    first.plug(number, f"{ip6(number)}/64", f"{ip(number)}/8")
    assert eventually(lambda: net.asks(1, known, family) == (True, []), 10)
    assert not any(f"dl_dst={mac(number)}" in flow for flow in first.flows("br-tun"))
    assert any(f"dl_dst={mac(number)}" in flow for flow in second.flows("br-tun"))
    first.host.unplug(f"g{number}")
    net.bind(2, host="host2")
    second.plug(number, f"{ip6(number)}/64", f"{ip(number)}/8")
    assert eventually(lambda: net.asks(1, known, family) == (True, []), 10)


def test_probes_and_announcements_reach_everybody(net: Net) -> None:
    """A probe for an address that is in use finds its owner, and an announcement of a new place is heard."""
    one, other = net.number(1), net.number(2)
    plain = arp(mac(one), ip(one), ip(other))
    for frame, heard in ((arp(mac(one), "0.0.0.0", ip(one)), True), (arp(mac(one), ip(one), ip(one)), True),
                         (plain, False)):  # fmt: skip
        with catching(net.labs[1].host, [f"g{other}"], frame[28:]) as caught:
            send(net.labs[0].host, f"g{one}", frame)
        assert len(caught[f"g{other}"]) == heard, frame


@pytest.mark.parametrize("family", ANSWERED[1:])
def test_a_router_says_that_it_is_one(net: Net, family: str) -> None:
    """A guest takes who does not say so from its list of routers."""
    known = net.address(2, family)
    assert net.asks(1, known, family) == (True, [])
    assert "router" not in net.neighbour(1, known)
    net.bind(2, device_owner="network:router_interface", security_groups=[], port_security=False)
    assert eventually(lambda: net.asks(1, known, family) == (True, []) and "router" in net.neighbour(1, known))
