"""Distributed routers in the plan of a host: what is forwarded here, and what is left to the router's host."""

from __future__ import annotations

import re

import pytest
from tests.fakes.objects import default_group, mac, network, port, port_id
from tests.fakes.switch import FakeSwitch

from heddle.agent.routed_flows import host_mac
from heddle.view.types import (
    AddressPair,
    FixedIp,
    HostView,
    NeighbourView,
    NetworkView,
    Route,
    RouterView,
    Segment,
    SubnetView,
)

TUNNEL = {"net-a": Segment("vxlan", "", 11), "net-b": Segment("vxlan", "", 12)}
MAC_A, MAC_B = "fa:16:3e:aa:00:01", "fa:16:3e:bb:00:01"


def neighbour(number: int, net: str, address: str, **more: object) -> NeighbourView:
    values = {
        "id": port_id(number), "network_id": net, "mac_address": mac(number), "host": "host2",
        "fixed_ips": [FixedIp(f"subnet-{net}", address)], "device_owner": "compute:lab", **more,
    }
    return NeighbourView(**values)  # type: ignore[arg-type]


def interface(number: int, net: str, address: str, mac_address: str, distributed: bool = True) -> NeighbourView:
    return neighbour(
        number, net, address, mac_address=mac_address, device_owner="network:router_interface", device_id="r",
        distributed=distributed,
    )


@pytest.fixture
def switch() -> FakeSwitch:
    """Port 1 of net-a is here, port 2 of net-b on host2, and a router between them on host3."""
    made = FakeSwitch("agent.tunnel_ip=172.31.0.1")
    cloud = made.cloud
    for name, host in (("host1", "172.31.0.1"), ("host2", "172.31.0.2"), ("host3", "172.31.0.3")):
        cloud.put(HostView(id=name, tunnel_ip=host))
    for place, net in enumerate(TUNNEL):
        cloud.put(network(net, TUNNEL[net]))
        cloud.put(SubnetView(id=f"subnet-{net}", network_id=net, cidr=f"10.{place}.0.0/24", ip_version=4))
    cloud.put(default_group())
    cloud.put(RouterView(id="r"))
    cloud.port(port(1, fixed_ips=[FixedIp("subnet-net-a", "10.0.0.5")]))
    cloud.put(neighbour(2, "net-b", "10.1.0.5"))
    cloud.put(interface(100, "net-a", "10.0.0.1", MAC_A))
    cloud.put(interface(101, "net-b", "10.1.0.1", MAC_B))
    made.plug(1)
    made.sync()
    made.sync()
    return made


def leads(switch: FakeSwitch) -> dict[str, str]:
    """What is forwarded here that comes from net-a: the actions by destination."""
    entrance = next((line for line in switch.dump() if "table=20" in line and f"dl_dst={MAC_A}" in line), "")
    number = re.search(r"set_field:(0x[0-9a-f]+)->reg10", entrance)
    found = {}
    for line in switch.dump():
        if number and "table=25" in line and f"reg10={number[1]}," in line.replace(" ", ","):
            address = re.search(r"nw_dst=([0-9.]+)", line)
            assert address, line
            found[address[1]] = line.partition("actions=")[2]
    return found


def test_known_ports_of_the_routers_networks_are_reached_from_here(switch: FakeSwitch) -> None:
    found = leads(switch)
    assert set(found) == {"10.0.0.5", "10.1.0.5"}
    assert f"set_field:{mac(2)}->eth_dst" in found["10.1.0.5"] and "resubmit(,41)" in found["10.1.0.5"]
    assert host_mac("host1", "fa:16:3f:00:00:00") in found["10.1.0.5"], "no switch sees the router's MAC here"
    assert f"set_field:{MAC_A}->eth_src" in found["10.0.0.5"] and "resubmit(,20)" in found["10.0.0.5"]


@pytest.mark.parametrize(
    "change",
    [
        RouterView(id="r", admin_state_up=False),
        RouterView(id="r", routes=[Route("10.1.0.0/28", "10.0.0.9")]),
        neighbour(2, "net-b", "10.1.0.5", host=""),
        neighbour(2, "net-b", "10.1.0.5", port_security=False),
        neighbour(3, "net-b", "10.1.0.6", allowed_address_pairs=[AddressPair("10.1.0.5", mac(3))]),
        SubnetView(id="subnet-net-b", network_id="net-b", cidr="10.1.0.0/24", ip_version=4, address_scope="other"),
        NetworkView(id="net-b", mtu=1400, segments=[TUNNEL["net-b"]]),
        HostView(id="host2"),
        interface(101, "net-b", "10.1.0.1", MAC_B, distributed=False),
        neighbour(2, "net-b", "10.1.0.5", pvlan_type="isolated"),
    ],
    ids=["down", "route", "unbound", "anything", "shared", "scope", "mtu", "no-tunnel", "central", "isolated"],
)
def test_what_is_left_to_the_routers_host(switch: FakeSwitch, change: object) -> None:
    switch.cloud.put(change)
    switch.sync()
    assert "10.1.0.5" not in leads(switch)


def test_nothing_is_left_of_it(switch: FakeSwitch) -> None:
    """The last guest goes, and comes back: the visited network has the same flows as before."""
    before = sorted(line for bridge in ("br-int", "br-tun") for line in switch.dump(bridge))
    assert switch.ovs.interface("patch-tun").port_external_ids["heddle-subports"] == "net-b=2"
    switch.unplug(1)
    switch.sync()
    assert not leads(switch) and not any("table=25" in line or "table=26" in line for line in switch.dump())
    assert not any("net-b" in each for each in switch.role._wiring.networks.tags)
    switch.plug(1)
    switch.sync()
    assert leads(switch).keys() == {"10.0.0.5", "10.1.0.5"}
    assert len(before) == len([line for bridge in ("br-int", "br-tun") for line in switch.dump(bridge)])


def test_a_new_agent_finds_all_as_it_shall_be(switch: FakeSwitch) -> None:
    before = switch.dump(), switch.dump("br-tun")
    switch.start()
    switch.sync()
    assert (switch.dump(), switch.dump("br-tun")) == before
    switch.sync(whole=True)
    assert (switch.dump(), switch.dump("br-tun")) == before
    assert not switch.role.audit(switch.mirror)


def test_a_hosts_mac() -> None:
    one, other = host_mac("host1", "fa:16:3f:00:00:00"), host_mac("host2", "fa:16:3f:00:00:00")
    assert one != other and one.startswith("fa:16:3f:") and one == host_mac("host1", "fa:16:3f:00:00:00")
    assert host_mac("host1", "fa:16:3f:4f:00:00").startswith("fa:16:3f:4f:")
