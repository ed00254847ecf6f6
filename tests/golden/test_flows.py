"""The flows of a few scenarios, as text."""

from __future__ import annotations

import re

import pytest
from tests.fakes.objects import OUT, allow, default_group, group, mac, network, policy, port, port_id
from tests.fakes.switch import FakeSwitch
from tests.golden.helper import check_golden

from heddle.agent.association_flows import learning_flows
from heddle.agent.base_flows import base_flows
from heddle.host.nft import render
from heddle.host.openflow import FlowSet
from heddle.view.types import AddressPair, FixedIp, HostView, LocalIpView, MemberView, Segment


def text(switch: FakeSwitch, bridge: str = "br-int") -> str:
    """The flows in the order of the pipeline, without cookies, and without those that are on every host and those by
    which a network learns associations."""
    base = {_plain(f"table={key.table},priority={key.priority},{key.match}") for key in base_flows(True)}
    lines = []
    for line in switch.dump(bridge):
        match, _, actions = line.partition(" cookie=")
        if _plain(match) not in base and "learn(" not in actions:
            lines.append(f"{_order(match)} actions={actions.partition('actions=')[2]}\n")
    return "".join(sorted(lines, key=_key))


def _plain(match: str) -> str:
    return ",".join(sorted(part for part in match.split(",") if part))


def _order(match: str) -> str:
    """table and priority first."""
    parts = match.split(",")
    head = [next(part for part in parts if part.startswith(name)) for name in ("table=", "priority=")]
    return ",".join(head + [part for part in parts if part not in head])


def _key(line: str) -> tuple[int, int, str]:
    found = re.match(r"table=(\d+),priority=(\d+)", line)
    assert found
    return int(found[1]), -int(found[2]), line


def test_what_is_the_same_on_every_host() -> None:
    check_golden("flows/base.flows", _lines(base_flows()))


def test_what_a_userspace_datapath_needs_beside_it() -> None:
    """And what a network does there."""
    own = base_flows(True).items() - base_flows().items()
    check_golden("flows/userspace.flows", _lines(dict(own) | learning_flows("net-a", 7, 300)))


def _lines(flows: FlowSet) -> str:
    lines = [f"table={k.table},priority={k.priority},{k.match} actions={b.actions}\n" for k, b in flows.items()]
    return "".join(sorted(lines, key=_key))


def test_two_guests_of_a_default_group() -> None:
    switch = FakeSwitch()
    switch.cloud.put(network(), default_group())
    switch.cloud.port(port(1))
    switch.cloud.port(port(2))
    switch.plug(1, 2)
    switch.sync()
    check_golden("flows/two_guests.flows", text(switch))


def test_ipv6_pairs_trusted_and_unfiltered_ports() -> None:
    switch = FakeSwitch()
    switch.cloud.put(network(), group("open", *OUT))
    both = [FixedIp("s4", "10.0.0.1"), FixedIp("s6", "2001:db8::1")]
    pairs = [AddressPair("10.9.0.0/24", mac(1)), AddressPair("10.0.0.100", "00:00:5e:00:01:07")]
    switch.cloud.port(port(1, ("open",), fixed_ips=both, allowed_address_pairs=pairs))
    switch.cloud.port(port(2, (), device_owner="network:router_interface"))
    switch.cloud.port(port(3, (), port_security=False))
    switch.plug(1, 2, 3)
    switch.sync()
    check_golden("flows/kinds_of_ports.flows", text(switch))


def test_ports_with_policies() -> None:
    """One meter, two of them, marks; a trusted port, and one that takes its network's policy."""
    switch = FakeSwitch()
    switch.cloud.put(
        network(qos_policy="plain"), group("open", *OUT), policy("plain", ("egress", "kbps", 5_000, 0)),
        policy("gold", ("egress", "kpps", 3, 1),
               ("egress", "kbps", 8_000, 800), ("ingress", "kbps", 9_000, 0), dscp=26),
        policy("marked", ("ingress", "kpps", 2, 0), dscp=46),
    )  # fmt: skip
    switch.cloud.port(port(1, ("open",), qos_policy="gold"))
    switch.cloud.port(port(2, (), device_owner="network:router_interface", qos_policy="marked"))
    switch.cloud.port(port(3, (), port_security=False))
    switch.cloud.port(port(4, (), device_owner="network:dhcp"))
    switch.plug(1, 2, 3, 4)
    switch.sync()
    meters = "".join(f"meter={number} {meter}\n" for number, meter in sorted(switch.meters.there.items()))
    assert switch.limits.table is not None
    check_golden("flows/policies.flows", text(switch) + meters + render(switch.limits.table))


def test_local_ips() -> None:
    """One that is translated, one that the port knows, and one that two ports of the host are associated with."""
    switch = FakeSwitch()
    switch.cloud.put(
        network(), group("open", *OUT),
        LocalIpView(id="a", network_id="net-a", port_id=port_id(1), local_ip="10.0.9.9", fixed_ip="10.0.0.1"),
        LocalIpView(id="b", network_id="net-a", port_id=port_id(2), local_ip="10.0.9.9", fixed_ip="10.0.0.2"),
        LocalIpView(id="c", network_id="net-a", port_id=port_id(2), local_ip="10.0.9.8", fixed_ip="10.0.0.2",
                    translate=False),
    )  # fmt: skip
    switch.cloud.port(port(1, ("open",)))
    switch.cloud.port(port(2, ("open",)))
    switch.plug(1, 2)
    switch.sync()
    check_golden("flows/local_ips.flows", text(switch))


@pytest.mark.parametrize("datapath", ["netdev", "system"])
def test_local_ips_of_ipv6(datapath: str) -> None:
    """Two that are translated to one address, of which one has a holder here, and one that the port knows."""
    switch = FakeSwitch(datapath=datapath)
    addresses = {"a": "2001:db8::3", "b": "2001:db8::b", "c": "2001:db8::c"}
    switch.cloud.put(
        network(), group("open", *OUT),
        *(LocalIpView(id=each, network_id="net-a", port_id=port_id(1), local_ip=address, fixed_ip="2001:db8::1",
                      translate=each != "c") for each, address in addresses.items()),
    )  # fmt: skip
    for number in (1, 3):
        switch.cloud.port(port(number, ("open",), fixed_ips=[FixedIp("s6", f"2001:db8::{number}")]))
    switch.plug(1, 3)
    switch.sync()
    check_golden(f"flows/local_ips6_{datapath}.flows", text(switch))


def test_rules_with_ranges_and_remote_groups() -> None:
    switch = FakeSwitch()
    rules = [
        *OUT, allow(protocol=6, ports=(1000, 1999), remote="friends"),
        allow(protocol=17, ports=(53, 53), remote="friends"), allow(protocol=1, ports=(8, -1)),
        allow(protocol=6, ports=(22, 22), cidr="192.0.2.0/24"), allow(ethertype=6, protocol=58),
    ]
    switch.cloud.put(network(), group("web", *rules), group("friends"))
    switch.cloud.port(port(1, ("web",)))
    for number in (2, 3):
        switch.cloud.port(port(number, ("friends",)), host="elsewhere")
    switch.plug(1)
    switch.sync()
    check_golden("flows/rules.flows", text(switch))


def test_rules_with_address_groups() -> None:
    """Groups that overlap, one with everybody of IPv4 in it, and one that is empty."""
    switch = FakeSwitch()
    rules = [
        *(allow(ethertype=version, protocol=6, ports=(80, 80), remote="office") for version in (4, 6)),
        allow(protocol=6, ports=(22, 22), remote="admins"), allow(protocol=17, ports=(53, 53), remote="all"),
        allow("egress", remote="office"), allow(protocol=1, remote="nobody"),
    ]
    switch.cloud.put(network(), group("web", *rules))
    addresses = {"office": ["10.0.0.0/16", "198.51.100.7/32", "2001:db8::/64"], "admins": ["10.0.9.0/24"],
                 "all": ["0.0.0.0/0"]}  # fmt: skip
    for name, cidrs in addresses.items():
        switch.cloud.put(*(MemberView(id=f"{name}/{cidr}", group_id=name, addresses=[cidr]) for cidr in cidrs))
    switch.cloud.port(port(1, ("web",)))
    switch.plug(1)
    switch.sync()
    check_golden("flows/address_groups.flows", text(switch))


def test_uplinks_of_every_kind() -> None:
    switch = FakeSwitch("agent.tunnel_ip=192.0.2.1", "agent.bridge_mappings=public:br-ex,physnet1:br-phy")
    switch.cloud.put(
        network("flat", Segment("flat", "public")), network("vlan", Segment("vlan", "physnet1", 101)),
        *(network(kind, Segment(kind, "", 5000)) for kind in ("vxlan", "gre", "geneve")), default_group(),
        HostView(id="host1", tunnel_ip="192.0.2.1"), HostView(id="host2", tunnel_ip="192.0.2.2"),
        HostView(id="host3", tunnel_ip="192.0.2.3"), HostView(id="host4"),
    )
    for number, net in ((1, "flat"), (2, "vlan"), (3, "vxlan"), (8, "gre"), (9, "geneve")):
        switch.cloud.port(port(number, net=net))
    for number, net in ((10, "gre"), (11, "geneve")):
        switch.cloud.port(port(number, net=net), host="host2")
    for number, where in ((4, "host2"), (5, "host3"), (6, "host3"), (7, "host4")):
        switch.cloud.port(port(number, net="vxlan"), host=where)
    switch.plug(1, 2, 3, 8, 9)
    switch.sync()
    check_golden("flows/uplinks_br-int.flows", text(switch))
    check_golden("flows/uplinks_br-tun.flows", text(switch, "br-tun"))


def test_tunnels_over_ipv6() -> None:
    switch = FakeSwitch("agent.tunnel_ip=2001:db8::1")
    switch.cloud.put(network("vxlan", Segment("vxlan", "", 5000)), default_group())
    switch.cloud.put(HostView(id="host2", tunnel_ip="2001:db8::2"))
    switch.cloud.port(port(1, net="vxlan"))
    switch.cloud.port(port(2, net="vxlan"), host="host2")
    switch.plug(1)
    switch.sync()
    check_golden("flows/tunnels_ipv6_br-tun.flows", text(switch, "br-tun"))


def divided(switch: FakeSwitch, net: str, first: int, remote: int) -> None:
    """Two guests here, a router that all meet, and three ports elsewhere, on a private VLAN."""
    kinds = (("isolated", ""), ("community", "red"), ("promiscuous", ""))
    for place, (kind, community) in enumerate(kinds):
        more: dict[str, object] = {"pvlan_type": kind, "pvlan_community": community}
        switch.cloud.port(port(remote + place, net=net, **more), host="host2")
        if kind == "promiscuous":
            more["device_owner"] = "network:router_interface"
        switch.cloud.port(port(first + place, net=net, **more))
    switch.plug(first, first + 1, first + 2)


def test_private_vlans() -> None:
    """In a tunnel, and on a physical network."""
    switch = FakeSwitch("agent.tunnel_ip=192.0.2.1", "agent.bridge_mappings=physnet1:br-ex")
    switch.cloud.put(HostView(id="host2", tunnel_ip="192.0.2.2"), default_group())
    switch.cloud.put(network("net-a", Segment("vxlan", "", 77)), network("net-b", Segment("flat", "physnet1")))
    divided(switch, "net-a", 1, 11)
    divided(switch, "net-b", 4, 14)
    switch.sync()
    check_golden("flows/private_vlans.flows", text(switch))
    check_golden("flows/private_vlans_tunnels.flows", text(switch, "br-tun"))


def test_networks_that_are_not_private_have_no_flow_of_it() -> None:
    counts = {}
    for kind in ("", "promiscuous", "isolated"):
        switch = FakeSwitch()
        switch.cloud.put(network("net-a"), network("net-b"), default_group())
        for number in range(1, 21):
            switch.cloud.port(port(number, net="net-a"))
            switch.cloud.port(port(number + 20, net="net-b", pvlan_type=kind))
        switch.plug(*range(1, 41))
        switch.sync()
        private = [line for line in switch.dump() if "reg9" in line or "reg10" in line]
        assert not kind or all("reg6=2" in line or "in_port=" in line or "reg5=" in line for line in private)
        counts[kind] = len(switch.dump())
        flows = [line for line in switch.dump() if "table=23" in line or "table=24" in line or "table=17" in line]
        assert len(flows) == {"": 0, "promiscuous": 0, "isolated": 20 + 1 + 1}[kind]
    assert counts["promiscuous"] == counts[""] and counts["isolated"] == counts[""] + 22
