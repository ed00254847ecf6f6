"""Tunnels on a host in memory: which ports are made, and what is said of what cannot be carried."""

from __future__ import annotations

import pytest
from tests.fakes.objects import default_group, ip, network, port
from tests.fakes.switch import FakeSwitch

from heddle.errors import ConfigError
from heddle.host.rtnetlink import Link
from heddle.view.types import AddressPair, FixedIp, HostView, RoleState, Segment

IP = "agent.tunnel_ip=192.0.2.1"


def joined(switch: FakeSwitch, *segments: Segment, peer: str = "192.0.2.2") -> None:
    """For each segment a network, with a port here and one on host2."""
    switch.cloud.put(default_group(), HostView(id="host2", tunnel_ip=peer))
    for number, segment in enumerate(segments):
        switch.cloud.put(network(f"net-{number}", segment))
        switch.cloud.port(port(2 * number + 1, net=f"net-{number}"))
        switch.cloud.port(port(2 * number + 2, net=f"net-{number}"), host="host2")
        switch.plug(2 * number + 1)
    switch.sync()


def tunnel_ports(switch: FakeSwitch) -> dict[str, int]:
    others = ("internal", "patch")
    return {each.type: each.ofport for each in switch.ovs.interfaces("br-tun") if each.type not in others}


def record(switch: FakeSwitch) -> RoleState:
    return switch.role.state(switch.mirror)


def test_a_port_for_each_kind_that_networks_here_need() -> None:
    switch = FakeSwitch(IP)
    switch.sync()
    assert tunnel_ports(switch) == {}
    joined(switch, Segment("gre", "", 77), Segment("geneve", "", 77))
    ports = tunnel_ports(switch)
    assert set(ports) == {"gre", "geneve"}
    arriving = [line for line in switch.dump("br-tun") if "tun_id=77" in line and "push_vlan" in line]
    assert len(arriving) == 2, "the same ID in two kinds is two networks"
    for number in ports.values():
        assert sum(f"in_port={number}," in line for line in arriving) == 1
    assert not any(switch.fault("network", f"net-{number}") for number in (0, 1))
    assert record(switch).configuration["tunnel_types"] == ["vxlan", "gre", "geneve"]


def test_a_mac_of_allowed_pairs_goes_to_all_who_may_use_it() -> None:
    shared = "00:00:5e:00:01:07"
    switch = FakeSwitch(IP)
    joined(switch, Segment("vxlan", "", 7))
    switch.cloud.put(HostView(id="host3", tunnel_ip="192.0.2.3"), HostView(id="host4", tunnel_ip="192.0.2.4"))
    pairs = [AddressPair("10.0.0.100", shared)]
    for number, host in ((2, "host2"), (4, "host3"), (6, "host4")):
        more = {"allowed_address_pairs": pairs} if number < 6 else {}
        switch.cloud.port(port(number, net="net-0", **more), host=host)
    switch.sync()
    (flow,) = (line for line in switch.dump("br-tun") if f"dl_dst={shared}" in line)
    assert "192.0.2.2->tun_dst" in flow and "192.0.2.3->tun_dst" in flow and "192.0.2.4" not in flow


@pytest.mark.parametrize("datapath", ["netdev", "system"])
def test_advertisements_are_made_where_the_datapath_can(datapath: str) -> None:
    """The kernel's refuses flows that set their fields, and with them the whole network."""
    switch = FakeSwitch(IP, datapath=datapath)
    joined(switch, Segment("vxlan", "", 7))
    for number, host in ((1, "host1"), (2, "host2")):
        fixed = [FixedIp("s4", ip(number)), FixedIp("s6", f"2001:db8::{number}")]
        switch.cloud.port(port(number, net="net-0", fixed_ips=fixed), host=host)
    switch.sync()
    flows = switch.dump("br-tun")
    assert sum("arp_tpa=" in line and "arp_op" in line.partition("actions")[2] for line in flows) == 1
    assert any("nd_reserved" in line for line in flows) == (datapath == "netdev")
    assert any("nd_target" in line for line in flows) == (datapath == "netdev")


def test_a_new_agent_leaves_the_tunnels_until_it_knows_what_is_needed() -> None:
    switch = FakeSwitch(IP)
    joined(switch, Segment("gre", "", 77))
    before, ports = switch.dump("br-tun"), tunnel_ports(switch)
    switch.start()
    assert tunnel_ports(switch) == ports
    switch.sync()
    assert (switch.dump("br-tun"), tunnel_ports(switch)) == (before, ports)


def test_without_an_address_the_tunnel_ports_of_before_go() -> None:
    switch = FakeSwitch(IP)
    joined(switch, Segment("vxlan", "", 77))
    switch.configure("agent.tunnel_ip=")
    switch.start()
    switch.sync()
    assert tunnel_ports(switch) == {} and not any("tun_id" in line for line in switch.dump("br-tun"))


def test_a_type_may_name_the_tunnels_of_another() -> None:
    switch = FakeSwitch(IP)
    joined(switch, Segment("mine", "", 5, encapsulation="geneve"))
    assert set(tunnel_ports(switch)) == {"geneve"} and not switch.fault("network", "net-0")


@pytest.mark.parametrize(("settings", "segment", "peer", "words"), [
    ("agent.tunnel_ip=", Segment("vxlan", "", 7), "192.0.2.2", ("no address", "set agent.tunnel_ip", "vxlan")),
    (IP, Segment("stt", "", 7), "192.0.2.2", ("stt", "vxlan, gre, geneve")),
    (IP, Segment("vxlan", "", 7), "", ("host2", "agent.tunnel_ip")),
    (IP, Segment("vxlan", "", 7), "2001:db8::2", ("host2", "2001:db8::2", "192.0.2.1", "one IP version")),
    (IP, Segment("vxlan", "", 7, overhead=200), "192.0.2.2", ("eth0", "1600", "1650", "1400", "network.path_mtu")),
    ("agent.tunnel_ip=2001:db8::1", Segment("vxlan", "", 7, overhead=140), "2001:db8::2", ("1610", "1440")),
], ids=["address", "kind", "peer", "version", "mtu", "mtu-ipv6"])  # fmt: skip
def test_what_cannot_be_carried_is_told_and_the_rest_goes_on(
    settings: str, segment: Segment, peer: str, words: tuple[str, ...]
) -> None:
    switch = FakeSwitch(settings, "agent.bridge_mappings=physnet1:br-phy")
    joined(switch, segment, Segment("vlan", "physnet1", 7), peer=peer)
    told = switch.fault("network", "net-0")
    assert all(word in told for word in words), told
    assert not switch.fault("network", "net-1")
    assert switch.state_of(1) == switch.state_of(3) == "up"


def test_no_fault_while_all_ports_are_here() -> None:
    switch = FakeSwitch("agent.tunnel_ip=")
    switch.cloud.put(default_group(), network("net-0", Segment("vxlan", "", 7)))
    switch.cloud.port(port(1, net="net-0"))
    switch.plug(1)
    switch.sync()
    assert not switch.fault("network", "net-0")
    switch.cloud.port(port(2, net="net-0"), host="host2")
    switch.sync()
    assert "agent.tunnel_ip" in switch.fault("network", "net-0")
    switch.cloud.port(port(2, net="net-0"))
    switch.sync()
    assert not switch.fault("network", "net-0")


def test_a_larger_mtu_of_the_device_ends_the_fault() -> None:
    switch = FakeSwitch(IP)
    joined(switch, Segment("vxlan", "", 7, overhead=200))
    assert "1600" in switch.fault("network", "net-0")
    switch.link = Link(1, "eth0", "", 9000, True)
    switch.sync(whole=True)
    assert not switch.fault("network", "net-0")


def test_a_kind_that_open_vswitch_refuses() -> None:
    switch = FakeSwitch(IP)
    switch.database.unknown.add("gre")
    joined(switch, Segment("gre", "", 7), Segment("vxlan", "", 7))
    assert "Address family not supported" in switch.fault("network", "net-0")
    assert not switch.fault("network", "net-1")
    configuration = record(switch).configuration
    assert configuration["tunnel_types"] == ["vxlan", "geneve"]
    assert "gre" in str(configuration["warnings"])


def test_an_address_that_no_device_has_is_on_the_record() -> None:
    switch = FakeSwitch(IP)
    switch.link = None
    joined(switch, Segment("vxlan", "", 7))
    assert "192.0.2.1" in str(record(switch).configuration["warnings"])
    assert not switch.fault("network", "net-0")


@pytest.mark.parametrize("text", ["nonsense", "0.0.0.0", "224.0.0.1", "fe80::1", "192.0.2.1/24"])
def test_an_address_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(ConfigError, match=r"agent\.tunnel_ip"):
        FakeSwitch(f"agent.tunnel_ip={text}")
