"""The nftables tables of Linux bridges, as text, and how one leads to the next."""

from __future__ import annotations

import pytest
from tests.fakes.cloud import FakeCloud
from tests.fakes.objects import OUT, allow, default_group, group, mac, network, port
from tests.golden.helper import check_golden

from heddle.agent.bridge.filter import filter_table
from heddle.agent.bridge.plan import Desired, Place, Planner
from heddle.agent.bridge.ports import device_names
from heddle.agent.bridge.rules import rules_table
from heddle.agent.mirror import Mirror
from heddle.agent.tunnel import Underlay
from heddle.host.nft import Table, render
from heddle.host.nft_delta import delta
from heddle.view.types import (
    AddressPair,
    FetchRequest,
    FixedIp,
    HostView,
    LocalIpView,
    MemberView,
    NetworkView,
    Ref,
    Segment,
)


class Planned:
    """The plan of a host with these cards and devices, as the cloud tells it."""

    def __init__(self) -> None:
        self.cloud = FakeCloud()
        self.planner = Planner(Place("host1", Underlay("192.0.2.1", "eth0", 1500), {"physnet1": "eth1"}))
        self._mirror = Mirror()
        self._devices: set[str] = set()

    def guest(self, number: int, *groups: str, **more: object) -> None:
        view = port(number, groups, **more)
        self.cloud.port(view)
        self._devices.add(device_names(view.id)[0])

    def plan(self) -> Desired:
        for _ in range(3):
            request = FetchRequest(host="host1", revision=self._mirror.revision, scopes=sorted(self._mirror.scopes))
            self._mirror.apply(self.cloud.fetch(request))
        self.planner.note(None)
        return self.planner.plan(self._mirror, self._devices)

    def tables(self) -> tuple[Table, Table]:
        desired = self.plan()
        networks = list(desired.networks.values())
        compiled = rules_table(list(desired.profiles.values()), desired.members, networks, desired.led)
        assert not desired.problems and not compiled.problems
        return filter_table(list(desired.ports.values()), networks, led=desired.led), compiled.table


def test_kinds_of_ports() -> None:
    planned = Planned()
    planned.cloud.put(network("net-a", Segment("vxlan", "", 77)), network("net-b", Segment("flat", "physnet1")))
    planned.cloud.put(default_group())
    both = [FixedIp("s4", "10.0.0.1"), FixedIp("s6", "2001:db8::1")]
    pairs = [AddressPair("10.9.0.0/24", mac(1)), AddressPair("fd00::/64", "00:00:5e:00:01:07")]
    planned.guest(1, "default", fixed_ips=both, allowed_address_pairs=pairs)
    planned.guest(2, device_owner="network:router_interface")
    planned.guest(3, net="net-b", port_security=False)
    bridge, inet = planned.tables()
    check_golden("bridge/ports.nft", render(bridge) + render(inet))


def test_rules() -> None:
    planned = Planned()
    rules = [
        *OUT, allow(protocol=6, ports=(1000, 1999), remote="friends"), allow(protocol=1, ports=(8, -1)),
        allow(protocol=6, ports=(22, 22), cidr="192.0.2.0/24"), allow(ethertype=6, protocol=58, ports=(128, 0)),
        allow(protocol=47), allow(protocol=6, ports=(0, 65535), cidr="198.51.100.7/32"), allow(ethertype=6, protocol=1),
    ]
    planned.cloud.put(network(), group("web", *rules), group("plain", *rules, stateful=False))
    planned.cloud.put(MemberView(id="friends/1", group_id="friends", addresses=["10.0.0.9/32", "10.3.0.0/16"]))
    planned.cloud.put(MemberView(id="friends/2", group_id="friends", addresses=["10.3.1.0/24", "2001:db8::9/128"]))
    planned.guest(1, "web")
    planned.guest(2, "plain")
    check_golden("bridge/rules.nft", render(planned.tables()[1]))


def test_what_a_change_sends() -> None:
    """A port more, a member more and a rule less, each as what differs."""
    planned = Planned()
    planned.cloud.put(network(), default_group(), group("web", *OUT, allow(protocol=6, ports=(80, 80))))
    planned.guest(1, "default")
    before = planned.tables()
    steps = []
    for name, change in (
        ("a port with a group that is new here", lambda: planned.guest(2, "web")),
        ("a member elsewhere", lambda: planned.cloud.put(*planned.cloud.port_objects(port(9), "host2"))),
        ("a rule less", lambda: planned.cloud.put(group("web", *OUT))),
        ("the port goes", lambda: planned.cloud.remove_port(port(2).id)),
    ):
        change()
        after = planned.tables()
        steps += [f"# {name}\n", *(delta(old, new) for old, new in zip(before, after, strict=True))]
        before = after
    check_golden("bridge/changes.nft", "".join(steps))
    assert [delta(table, table) for table in before] == ["", ""]


def test_local_ips() -> None:
    """What the first ones change, and that nothing is left of them."""
    planned = Planned()
    planned.cloud.put(network("net-a", Segment("vxlan", "", 77)), network("net-b"), default_group())
    both = [FixedIp("s4", "10.0.0.1"), FixedIp("s6", "2001:db8::1")]
    planned.guest(1, "default", fixed_ips=both)
    planned.guest(2, "default")
    planned.guest(3, port_security=False)
    planned.guest(4, "default", net="net-b")
    before = planned.tables()
    views = [
        LocalIpView(id=name, network_id="net-a", port_id=port(number).id, local_ip=local, fixed_ip=inside,
                    translate=translate)
        for name, number, local, inside, translate in (
            ("a", 1, "10.0.0.100", "10.0.0.1", True), ("b", 1, "2001:db8::100", "2001:db8::1", True),
            ("c", 2, "10.0.0.200", "10.0.0.2", False), ("second", 3, "10.0.0.200", "10.0.0.3", True),
        )
    ]  # fmt: skip
    planned.cloud.put(*views)
    after = planned.tables()
    changes = "".join(delta(old, new) for old, new in zip(before, after, strict=True))
    entries = "\n".join(" ".join((each.device, each.kind, each.mac, each.address)) for each in
                        sorted(planned.plan().entries))  # fmt: skip
    check_golden("bridge/local_ips.nft", f"{changes}# entries\n{entries}\n")
    for each in views:
        planned.cloud.remove(Ref("local_ip", each.id))
    assert planned.tables() == before


def test_what_cannot_be_matched_hinders_nothing_else() -> None:
    planned = Planned()
    bad = allow(protocol=50, ports=(5, 5))
    planned.cloud.put(network(), group("web", *OUT, bad, allow(cidr="2001:db8::/64"), allow(remote="friends")))
    planned.cloud.put(MemberView(id="friends/1", group_id="friends", addresses=["10.0.0.300/32", "10.0.0.3/32"]))
    planned.guest(1, "web")
    planned.guest(2, "web", mac_address="no")
    desired = planned.plan()
    compiled = rules_table(list(desired.profiles.values()), desired.members, list(desired.networks.values()))
    assert list(desired.problems) == [Ref("port", port(2).id)] and list(desired.ports) == [port(1).id]
    assert set(compiled.problems) == {bad.id, allow(cidr="2001:db8::/64").id, "friends/10.0.0.300/32"}
    assert "10.0.0.3" in render(compiled.table)


def test_a_zone_is_kept_and_adopted() -> None:
    planned = Planned()
    planned.cloud.put(network("net-a"), network("net-b"), default_group())
    planned.guest(1, "default")
    zone = planned.plan().networks["net-a"].zone
    again = Planner(Place("host1"))
    again.adopt([f"net-a {zone + 1}", "net-c nonsense", f"net-b {zone + 1}"])
    assert again.zones == {"net-a": zone + 1}
    assert planned.plan().specs["net-a"].label == f"net-a {zone}"


@pytest.mark.parametrize(("segments", "said"), [
    ([Segment("flat", "other")], "agent.physical_interface_mappings"), ([], "no segment"),
    ([Segment("gre", "", 5), Segment("vxlan", "", 6)], ""),
])  # fmt: skip
def test_segments(segments: list[Segment], said: str) -> None:
    planned = Planned()
    planned.cloud.put(NetworkView(id="net-a", mtu=1450, segments=segments), default_group())
    planned.guest(1, "default")
    desired = planned.plan()
    assert list(desired.ports) == [port(1).id]
    assert said in desired.problems.get(Ref("network", "net-a"), "")
    assert bool(said) == (Ref("network", "net-a") in desired.problems)


def test_ports_of_networks_in_tunnels_that_bridges_do_not_join() -> None:
    """They are refused, plugged or not; with a segment that is joined, the same ports are there."""
    planned = Planned()
    segments = [Segment("gre", "", 5), Segment("geneve", "", 5)]
    planned.cloud.put(NetworkView(id="net-a", mtu=1450, segments=segments), default_group())
    planned.guest(1, "default")
    planned.cloud.port(port(2, ("default",)))
    planned.cloud.port(port(3, ("default",), admin_state_up=False))
    desired = planned.plan()
    assert not desired.ports and not desired.specs and not desired.networks
    assert desired.problems.keys() == {Ref("port", port(1).id), Ref("port", port(2).id)}
    for said in desired.problems.values():
        assert said.startswith("Linux bridges carry no gre or geneve networks: bind the port to a host with Open"), said
    planned.cloud.put(NetworkView(id="net-a", mtu=1450, segments=[*segments, Segment("vxlan", "", 6)]))
    desired = planned.plan()
    assert list(desired.ports) == [port(1).id] and list(desired.specs) == ["net-a"] and not desired.problems


@pytest.mark.parametrize(("underlay", "there", "said"), [
    (Underlay(), "192.0.2.2", "set agent.tunnel_ip"), (Underlay("192.0.2.1", "eth0", 1450), "192.0.2.2", "too small"),
    (Underlay("192.0.2.1", "eth0", 1500), "", "the host host2 has"),
    (Underlay("192.0.2.1", "eth0", 1500), "fd00::2", "IP version"),
    (Underlay("192.0.2.1", "eth0", 1500), "192.0.2.2", ""),
])  # fmt: skip
def test_tunnels(underlay: Underlay, there: str, said: str) -> None:
    planned = Planned()
    planned.planner.place = Place("host1", underlay)
    vxlan = Segment("vxlan", "", 77, overhead=50)
    planned.cloud.put(NetworkView(id="net-a", mtu=1450, segments=[vxlan]), default_group())
    planned.cloud.put(HostView(id="host2", tunnel_ip=there))
    planned.guest(1, "default")
    assert not planned.plan().problems, "nobody is elsewhere"
    planned.cloud.put(*planned.cloud.port_objects(port(9), "host2"))
    desired = planned.plan()
    problem = desired.problems.get(Ref("network", "net-a"), "")
    assert said in problem and bool(said) == bool(problem)
    expected = {"tunnel", "port", "neighbour"} if there == "192.0.2.2" and underlay.address else set()
    assert {entry.kind for entry in desired.entries} == expected


def divided(planned: Planned, net: str, first: int, remote: int) -> None:
    """Two guests here, a router that all meet, and three ports elsewhere, on a private VLAN."""
    planned.guest(first, net=net, pvlan_type="isolated")
    planned.guest(first + 1, net=net, pvlan_type="community", pvlan_community="red")
    planned.guest(first + 2, net=net, device_owner="network:router_interface", pvlan_type="promiscuous")
    for number, kind in enumerate(("isolated", "community", "promiscuous"), remote):
        view = port(number, net=net, pvlan_type=kind, pvlan_community="red" if kind == "community" else "")
        planned.cloud.port(view, host="host2")


def test_private_vlans() -> None:
    planned = Planned()
    planned.cloud.put(HostView(id="host2", tunnel_ip="192.0.2.2"), default_group())
    planned.cloud.put(network("net-a", Segment("vxlan", "", 77)), network("net-b", Segment("flat", "physnet1")))
    planned.guest(1, "default")
    unused, _ = planned.tables()
    divided(planned, "net-a", 11, 21)
    divided(planned, "net-b", 31, 41)
    check_golden("bridge/private_vlans.nft", render(planned.tables()[0]))
    answered = {each.address for each in planned.plan().entries if each.kind == "neighbour"}
    assert answered == {"10.0.0.23"}, "only for who may be met by all"
    names = ("kinds", "meeting", "divided", "kinds_elsewhere")
    assert not any(name in render(unused) for name in names), "nothing of it where there is none"
