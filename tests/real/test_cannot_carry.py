"""What hosts say of networks that they cannot carry, while they carry the others: real devices, real agents."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.objects import default_group, ip, mac, port
from tests.real.conftest import Lab
from tests.real.matrix import TUNNELS, Pair, two_hosts
from tests.real.traffic import eventually

from heddle.view.types import HostView, NetworkView, Ref, Segment

TUNNEL = f"agent.tunnel_ip={TUNNELS[4]}"


def put(labs: Pair, *networks: NetworkView, without: str = "") -> None:
    """These networks, each with a guest on both hosts: 1 and 2, 3 and 4 and so on; a host `without` an address."""
    found = {f"host{n}": TUNNELS[4].format(n=n) for n in (1, 2)} | {without: ""}
    hosts = [HostView(id=name, tunnel_ip=address) for name, address in found.items() if name]
    for lab in labs:
        lab.cloud.put(default_group(), *hosts, *networks)
    for place, net in enumerate(networks):
        for number in (2 * place + 1, 2 * place + 2):
            for lab in labs:
                lab.cloud.port(port(number, net=net.id), host="host1" if number % 2 else "host2")
            labs[1 - number % 2].plug(number, f"{ip(number)}/16", mtu=net.mtu)
    for number in range(1, 2 * len(networks) + 1):
        labs[1 - number % 2].wait_up(number)


def fault(lab: Lab, network: str) -> str:
    status = lab.cloud.statuses.get(Ref("network", network))
    return status.message if status is not None and status.state == "error" else ""


def passes(lab: Lab, guest: str, address: str, size: int) -> bool:
    return "1 received" in lab.host.guest(guest, "ping", "-c1", "-W1", "-M", "do", "-s", str(size - 28), address)


def test_an_underlay_whose_mtu_is_too_small(tmp_path: Path) -> None:
    large = NetworkView(id="large", mtu=1450, segments=[Segment("vxlan", "", 7, overhead=50)])
    small = NetworkView(id="small", mtu=1350, segments=[Segment("vxlan", "", 8, overhead=50)])
    with two_hosts(tmp_path, TUNNEL, "agent.audit_seconds=0.5", mtu=1400) as labs:
        put(labs, large, small)
        one = labs[0]
        for lab in labs:
            assert eventually(lambda lab=lab: fault(lab, "large"), 10)
            told = fault(lab, "large")
            assert "br-phy" in told and "is 1400" in told and "1500 bytes" in told and "to 1350" in told, told
            assert told in lab.agent.log and not fault(lab, "small")
        assert eventually(lambda: one.host.pings("g1", ip(2)) and passes(one, "g3", ip(4), 1350), 10)
        assert not passes(one, "g1", ip(2), 1450)
        for lab in labs:
            lab.host.sh("ip link set eth0 mtu 1500; ip link set br-phy mtu 1500")
        assert eventually(lambda: not fault(labs[0], "large") and not fault(labs[1], "large"), 20)
        assert eventually(lambda: passes(one, "g1", ip(2), 1450))


def test_hosts_without_an_address_or_a_bridge(tmp_path: Path) -> None:
    """The first host has no address for tunnels, the second no bridge for a physical network; VLAN 101 joins both."""
    both = "agent.bridge_mappings=physnet1:br-phy"
    tunnel = NetworkView(id="tunnel", mtu=1450, segments=[Segment("gre", "", 7, overhead=42)])
    odd = NetworkView(id="odd", mtu=1450, segments=[Segment("vlan", "physnet2", 7)])
    good = NetworkView(id="good", mtu=1450, segments=[Segment("vlan", "physnet1", 101)])
    with two_hosts(tmp_path, TUNNEL, both) as labs:
        first, second = labs
        first.agent.stop()
        first.agent.settings = [each for each in first.agent.settings if "tunnel_ip" not in each]
        first.agent.settings.append(f"{both},physnet2:br-phy2")
        first.agent.start()
        put(labs, tunnel, odd, good, without="host1")
        assert eventually(lambda: "set agent.tunnel_ip" in fault(first, "tunnel"), 10)
        assert eventually(lambda: "the host host1" in fault(second, "tunnel"), 10)
        assert "physical network physnet2" in fault(second, "odd") and not fault(first, "odd")
        for lab, network in ((first, "tunnel"), (second, "tunnel"), (second, "odd")):
            assert fault(lab, network) in lab.agent.log
        assert not fault(first, "good") and not fault(second, "good")
        assert eventually(lambda: first.host.pings("g5", ip(6)), 10)
        assert not first.host.pings("g1", ip(2), wait=0.5) and not first.host.pings("g3", ip(4), wait=0.5)
        assert not any(mac(2) in flow for flow in first.flows("br-tun"))
