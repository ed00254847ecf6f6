"""Security groups and anti-spoofing, with packets.  Each "no" stands beside a "yes" of the same generator."""

from __future__ import annotations

import contextlib

import pytest
from tests.fakes.objects import OUT, allow, default_group, group, ip, mac, network, port, port_id
from tests.real.conftest import Lab
from tests.real.traffic import BROADCAST, arp, catching, connects, eventually, listening, send, udp

from heddle.view.types import AddressPair, FixedIp, MemberView, Ref

NONCE = "6865646c652d6e6f6e6365"


def two_guests(lab: Lab, *groups: str) -> None:
    """Guest 1 with the default group, guest 2 with these."""
    lab.cloud.port(port(1, ("default",)))
    lab.cloud.port(port(2, groups or ("default",)))
    lab.plug(1)
    lab.plug(2)
    lab.wait_up(1, 2)


def test_ingress_is_closed_until_a_rule_opens_it(lab: Lab) -> None:
    lab.cloud.put(network(), default_group(), group("web", *OUT))
    two_guests(lab, "web")
    with listening(lab.host, "g2", 80), listening(lab.host, "g2", 90):
        assert not connects(lab.host, "g1", ip(2), 80)
        assert not lab.host.pings("g1", ip(2), wait=0.5)
        assert connects(lab.host, "g2", "127.0.0.1", 80)
        lab.cloud.put(group("web", *OUT, allow(protocol=6, ports=(79, 81))))
        assert eventually(lambda: connects(lab.host, "g1", ip(2), 80))
        assert not connects(lab.host, "g1", ip(2), 90)
        lab.cloud.put(group("web", *OUT))
        assert eventually(lambda: not connects(lab.host, "g1", ip(2), 80))


def test_what_a_guest_began_is_answered(lab: Lab) -> None:
    lab.cloud.put(network(), default_group(), group("closed", *OUT), group("open", *OUT, allow(), allow(ethertype=6)))
    lab.cloud.port(port(1, ("closed",)))
    lab.cloud.port(port(2, ("open",)))
    lab.plug(1)
    lab.plug(2)
    lab.wait_up(1, 2)
    assert lab.host.pings("g1", ip(2), count=3)
    assert not lab.host.pings("g2", ip(1), wait=0.5)


def test_what_the_receiver_refused_does_not_become_established(lab: Lab) -> None:
    """The refused sender's flow must not let the receiver's answer-like frames in."""
    lab.cloud.put(network(), default_group(), group("closed", *OUT))
    lab.cloud.port(port(1, ("closed",)))
    lab.cloud.port(port(2, ("closed",)))
    lab.plug(1)
    lab.plug(2)
    lab.wait_up(1, 2)
    with catching(lab.host, ["g1", "g2"], NONCE) as caught:
        for _ in range(3):
            send(lab.host, "g1", udp(mac(1), mac(2), ip(1), ip(2), NONCE))
            send(lab.host, "g2", udp(mac(2), mac(1), ip(2), ip(1), NONCE))
    assert caught == {"g1": [], "g2": []}


def test_a_connection_made_on_a_detour_is_still_new_to_the_receiver(lab: Lab) -> None:
    """Guest 1 has its rules commit a flow to guest 2's address by way of the router, then sends it directly."""
    lab.cloud.put(network(), default_group(), group("closed", *OUT), group("open", *OUT, allow()))
    lab.cloud.port(port(1, ("closed",)))
    lab.cloud.port(port(2, ("closed",)))
    lab.cloud.port(port(3, (), device_owner="network:router_interface"))
    for number in (1, 2, 3):
        lab.plug(number)
    lab.wait_up(1, 2, 3)
    detour = udp(mac(1), mac(3), ip(1), ip(2), NONCE)
    direct = udp(mac(1), mac(2), ip(1), ip(2), NONCE)
    lab.host.guest("g3", "ip", "addr", "flush", "dev", "eth0")
    other = NONCE[::-1]
    with catching(lab.host, ["g3"], other) as caught:
        send(lab.host, "g2", udp(mac(2), mac(3), ip(2), ip(3), other))
    assert caught["g3"], "from now on nothing for guest 2 is flooded"
    with catching(lab.host, ["g2", "g3"], NONCE) as caught:
        for _ in range(4):
            send(lab.host, "g1", detour)
        for _ in range(4):
            send(lab.host, "g1", direct)
    assert (len(caught["g2"]), len(caught["g3"])) == (0, 4)
    lab.cloud.port(port(2, ("open",)))
    lab.wait_up(2)
    with catching(lab.host, ["g2"], NONCE) as caught:
        for _ in range(20):
            send(lab.host, "g1", direct)
    assert caught["g2"]


def test_multicast_meets_the_rules_of_each_receiver(lab: Lab) -> None:
    lab.cloud.put(network(), group("closed", *OUT), group("open", *OUT, allow()))
    for number, groups in ((1, "closed"), (2, "closed"), (3, "open")):
        lab.cloud.port(port(number, (groups,)))
        lab.plug(number)
    lab.wait_up(1, 2, 3)
    frame = udp(mac(1), "01:00:5e:01:01:01", ip(1), "239.1.1.1", NONCE)
    with catching(lab.host, ["g2", "g3"], NONCE) as caught:
        for _ in range(4):
            send(lab.host, "g1", frame)
    assert (len(caught["g2"]), len(caught["g3"])) == (0, 4)


def test_a_remote_group_follows_its_members(lab: Lab) -> None:
    lab.cloud.put(
        network(), default_group(), group("friends", *OUT),
        group("server", *OUT, allow(protocol=6, ports=(1000, 2000), remote="friends")),
    )
    lab.cloud.port(port(1, ("default",)))
    lab.cloud.port(port(2, ("server",)))
    lab.cloud.port(port(3, ("friends",)))
    for number in (1, 2, 3):
        lab.plug(number)
    lab.wait_up(1, 2, 3)
    with listening(lab.host, "g2", 1500), listening(lab.host, "g2", 999):
        assert connects(lab.host, "g3", ip(2), 1500)
        assert not connects(lab.host, "g3", ip(2), 999)
        assert not connects(lab.host, "g1", ip(2), 1500)
        lab.cloud.port(port(1, ("friends",)))
        assert eventually(lambda: connects(lab.host, "g1", ip(2), 1500))
        lab.cloud.remove(Ref("member", f"friends/{port_id(3)}"))
        assert eventually(lambda: not connects(lab.host, "g3", ip(2), 1500))


def test_address_groups_that_overlap(lab: Lab) -> None:
    """Each address lets in to the services of all groups that it is in, and to no other."""
    lab.cloud.put(
        network(), default_group(), group(
            "server", *OUT, allow(protocol=6, ports=(1000, 1000), remote="campus"),
            allow(protocol=6, ports=(2000, 2000), remote="admins"), allow(protocol=6, ports=(3000, 3000), remote="all"),
            allow(protocol=6, ports=(4000, 4000), remote="nobody"),
        ),
    )
    for name, cidr in (("campus", "10.0.0.0/30"), ("campus", "10.0.0.0/16"), ("admins", f"{ip(1)}/32"),
                       ("admins", "2001:db8::/64"), ("all", "0.0.0.0/0")):  # fmt: skip
        lab.cloud.put(MemberView(id=f"{name}/{cidr}", group_id=name, addresses=[cidr]))
    for number, groups in ((1, "default"), (2, "server"), (3, "default")):
        lab.cloud.port(port(number, (groups,)))
        lab.plug(number)
    lab.wait_up(1, 2, 3)

    def reached(guest: int) -> list[int]:
        return [number for number in (1000, 2000, 3000, 4000) if connects(lab.host, f"g{guest}", ip(2), number)]

    with contextlib.ExitStack() as servers:
        for number in (1000, 2000, 3000, 4000):
            servers.enter_context(listening(lab.host, "g2", number))
        assert (reached(1), reached(3)) == ([1000, 2000, 3000], [1000, 3000])
        lab.cloud.remove(Ref("member", "campus/10.0.0.0/16"))
        lab.cloud.put(MemberView(id=f"nobody/{ip(3)}/32", group_id="nobody", addresses=[f"{ip(3)}/32"]))
        assert eventually(lambda: reached(3) == [1000, 3000, 4000]), "it is in 10.0.0.0/30 still"
        lab.cloud.remove(Ref("member", "campus/10.0.0.0/30"))
        assert eventually(lambda: (reached(1), reached(3)) == ([2000, 3000], [3000, 4000]))
        lab.cloud.remove(Ref("member", "all/0.0.0.0/0"))
        assert eventually(lambda: (reached(1), reached(3)) == ([2000], [4000]))


def test_an_address_group_of_ipv6(lab: Lab) -> None:
    rules = (*OUT, allow(ethertype=6, protocol=58, remote="some"))
    lab.cloud.put(network(), default_group(), group("server", *rules))
    lab.cloud.put(MemberView(id="some/2001:db8::/112", group_id="some", addresses=["2001:db8::/112"]))
    addresses = {1: "2001:db8::1", 2: "2001:db8::2", 3: "2001:db8::3:3"}
    for number, groups in ((1, "default"), (2, "server"), (3, "default")):
        view = port(number, (groups,))
        lab.cloud.port(port(number, (groups,), fixed_ips=[*view.fixed_ips, FixedIp("six", addresses[number])]))
        lab.plug(number, f"{addresses[number]}/64", f"{ip(number)}/16")
    lab.wait_up(1, 2, 3)
    assert eventually(lambda: lab.host.pings("g1", addresses[2]))
    assert not lab.host.pings("g3", addresses[2], wait=0.5)
    lab.cloud.put(MemberView(id="some/2001:db8::3:0/112", group_id="some", addresses=["2001:db8::3:0/112"]))
    lab.cloud.remove(Ref("member", "some/2001:db8::/112"))
    assert eventually(lambda: lab.host.pings("g3", addresses[2]))
    assert eventually(lambda: not lab.host.pings("g1", addresses[2], wait=0.5))


def test_egress_rules_hold(lab: Lab) -> None:
    lab.cloud.put(network(), group("open", *OUT, allow()), group("tcp80", allow("egress", protocol=6, ports=(80, 80))))
    lab.cloud.port(port(1, ("tcp80",)))
    lab.cloud.port(port(2, ("open",)))
    lab.plug(1)
    lab.plug(2)
    lab.wait_up(1, 2)
    with listening(lab.host, "g2", 80), listening(lab.host, "g2", 90):
        assert connects(lab.host, "g1", ip(2), 80)
        assert not connects(lab.host, "g1", ip(2), 90)


def test_a_stateless_group_needs_both_ways(lab: Lab) -> None:
    rules = (allow("egress"), allow(protocol=6, ports=(80, 80)))
    lab.cloud.put(network(), default_group(), group("stateless", *rules, stateful=False))
    lab.cloud.put(group("open", *OUT, allow()))
    lab.cloud.port(port(1, ("open",)))
    lab.cloud.port(port(2, ("stateless",)))
    lab.plug(1)
    lab.plug(2)
    lab.wait_up(1, 2)
    with listening(lab.host, "g2", 80), listening(lab.host, "g2", 90), listening(lab.host, "g1", 80):
        assert connects(lab.host, "g1", ip(2), 80)
        assert not connects(lab.host, "g1", ip(2), 90)
        assert not connects(lab.host, "g2", ip(1), 80), "the answers come in only by a rule"


def tracked(lab: Lab, *addresses: str) -> bool:
    """Whether a connection between addresses is in the switch's connection table."""
    lines = lab.host.run("ovs-appctl", "dpctl/dump-conntrack").splitlines()
    return any(all(f"={address}," in line for address in addresses) for line in lines)


def test_stateless_groups_track_nothing(lab: Lab) -> None:
    """The same connection, by a rule for each way and by tracking: only the latter is in the table."""
    ephemeral, web = allow(protocol=6, ports=(1024, 65535)), allow(protocol=6, ports=(80, 80))
    lab.cloud.put(network(), group("asks", *OUT, stateful=False), group("serves", *OUT, web, stateful=False))
    lab.cloud.put(group("kept", *OUT, web))
    for number, name in ((1, "asks"), (2, "serves"), (3, "kept"), (4, "kept")):
        lab.cloud.port(port(number, (name,)))
        lab.plug(number)
    lab.wait_up(1, 2, 3, 4)
    with listening(lab.host, "g2", 80), listening(lab.host, "g4", 80):
        assert not connects(lab.host, "g1", ip(2), 80), "no rule lets the answer in"
        assert connects(lab.host, "g3", ip(4), 80) and tracked(lab, ip(3), ip(4))
        lab.cloud.put(group("asks", *OUT, ephemeral, stateful=False))
        assert eventually(lambda: connects(lab.host, "g1", ip(2), 80))
        assert not tracked(lab, ip(1), ip(2))
        lab.cloud.put(group("asks", *OUT, stateful=False))
        assert eventually(lambda: not connects(lab.host, "g1", ip(2), 80)), "taken away, it is closed at once"


def test_a_group_that_becomes_stateful_lets_answers_in(lab: Lab) -> None:
    """And one that becomes stateless lets them in no more, also those of a connection that there was."""
    open_group = group("open", *OUT, allow(), allow(ethertype=6))
    lab.cloud.put(network(), group("asks", *OUT, stateful=False), open_group)
    lab.cloud.port(port(1, ("asks",)))
    lab.cloud.port(port(2, ("open",)))
    lab.plug(1)
    lab.plug(2)
    lab.wait_up(1, 2)
    asked, answer = (5000, 53), (53, 5000)

    def answered() -> bool:
        with catching(lab.host, ["g1"], NONCE, 0.3) as caught:
            send(lab.host, "g1", udp(mac(1), mac(2), ip(1), ip(2), NONCE, asked))
            send(lab.host, "g2", udp(mac(2), mac(1), ip(2), ip(1), NONCE, answer))
        return bool(caught["g1"])

    with catching(lab.host, ["g2"], NONCE) as caught:
        send(lab.host, "g1", udp(mac(1), mac(2), ip(1), ip(2), NONCE, asked))
    assert caught["g2"], "what it asks gets out"
    assert not answered()
    lab.cloud.put(group("asks", *OUT))
    assert eventually(answered)
    lab.cloud.put(group("asks", *OUT, stateful=False))
    assert eventually(lambda: not answered())
    assert lab.host.pings("g2", ip(1), wait=0.3) is False


def test_stateless_groups_and_ipv6(lab: Lab) -> None:
    """Neighbours find each other without a rule; an echo needs one for its reply (type 129)."""
    lab.cloud.put(network(), group("asks", *OUT, stateful=False), group("open", *OUT, allow(ethertype=6)))
    for number, name in ((1, "asks"), (2, "open")):
        view = port(number, (name,))
        fixed = [*view.fixed_ips, FixedIp("subnet6", f"2001:db8::{number}")]
        lab.cloud.port(port(number, (name,), fixed_ips=fixed))
        lab.plug(number, f"2001:db8::{number}/64", f"{ip(number)}/16")
    lab.wait_up(1, 2)
    assert not lab.host.pings("g1", "2001:db8::2", wait=0.5)
    reply = allow(ethertype=6, protocol=58, ports=(129, -1))
    lab.cloud.put(group("asks", *OUT, reply, stateful=False))
    assert eventually(lambda: lab.host.pings("g1", "2001:db8::2"))
    assert not lab.host.pings("g2", "2001:db8::1", wait=0.5), "a request (type 128) is not a reply"


@pytest.mark.parametrize("frame", ["mac", "ip", "arp", "arp-mac"])
def test_spoofed_frames_are_dropped(lab: Lab, frame: str) -> None:
    everybody = group("open", *OUT, allow(), allow(ethertype=6))
    lab.cloud.put(network(), network("net-b"), everybody)
    for number, net in ((1, "net-a"), (2, "net-a"), (3, "net-a"), (4, "net-b")):
        lab.cloud.port(port(number, ("open",), net))
        lab.plug(number)
    lab.wait_up(1, 2, 3, 4)
    nonce = "0a0004d2" if frame.startswith("arp") else NONCE
    target = "10.0.4.210"
    good = {
        "mac": udp(mac(1), mac(2), ip(1), ip(2), NONCE), "ip": udp(mac(1), mac(2), ip(1), ip(2), NONCE),
        "arp": arp(mac(1), ip(1), target), "arp-mac": arp(mac(1), ip(1), target),
    }[frame]
    bad = {
        "mac": udp(mac(9), mac(2), ip(1), ip(2), NONCE), "ip": udp(mac(1), mac(2), ip(9), ip(2), NONCE),
        "arp": arp(mac(1), ip(3), target), "arp-mac": arp(mac(3), ip(1), target, eth_src=mac(1)),
    }[frame]
    with catching(lab.host, ["g2", "g4"], nonce) as caught:
        send(lab.host, "g1", good)
    assert len(caught["g2"]) == 1 and caught["g4"] == []
    with catching(lab.host, ["g2", "g3", "g4"], nonce) as caught:
        send(lab.host, "g1", bad)
    assert caught == {"g2": [], "g3": [], "g4": []}


def test_a_frame_for_an_unknown_address_or_with_a_vlan_tag_reaches_nobody(lab: Lab) -> None:
    lab.cloud.put(network(), network("net-b"), group("open", *OUT, allow()))
    for number, net in ((1, "net-a"), (2, "net-a"), (3, "net-b")):
        lab.cloud.port(port(number, ("open",), net))
        lab.plug(number)
    lab.wait_up(1, 2, 3)
    plain = udp(mac(1), mac(2), ip(1), ip(2), NONCE)
    tagged = [plain[:24] + f"8100{tag:04x}" + plain[24:] for tag in (1, 2, 3, 4094)]
    unknown = udp(mac(1), mac(77), ip(1), ip(2), NONCE)
    foreign = udp(mac(1), mac(3), ip(1), ip(3), NONCE)
    with catching(lab.host, ["g2", "g3"], NONCE) as caught:
        send(lab.host, "g1", plain)
    assert len(caught["g2"]) == 1 and not caught["g3"]
    with catching(lab.host, ["g2", "g3"], NONCE) as caught:
        send(lab.host, "g1", *tagged, unknown, foreign)
    assert caught == {"g2": [], "g3": []}


def test_an_allowed_address_pair_may_be_used(lab: Lab) -> None:
    lab.cloud.put(network(), group("open", *OUT, allow()))
    pair = AddressPair("10.0.9.0/24", mac(1))
    lab.cloud.port(port(1, ("open",)))
    lab.cloud.port(port(2, ("open",)))
    lab.plug(1)
    lab.plug(2)
    lab.wait_up(1, 2)
    frame = udp(mac(1), mac(2), "10.0.9.7", ip(2), NONCE)
    with catching(lab.host, ["g2"], NONCE) as caught:
        send(lab.host, "g1", frame)
    assert not caught["g2"]
    lab.cloud.port(port(1, ("open",), allowed_address_pairs=[pair]))
    seen = []
    for _ in range(5):
        with catching(lab.host, ["g2"], NONCE, 0.3) as caught:
            send(lab.host, "g1", frame)
        seen += caught["g2"]
    assert seen


def test_dhcp_servers_and_routers_are_not_guests(lab: Lab) -> None:
    """A guest may ask for an address; it may not give one, nor say that it is a router."""
    lab.cloud.put(network(), group("open", *OUT, allow(), allow(ethertype=6)))
    lab.cloud.port(port(1, ("open",)))
    lab.cloud.port(port(2, ("open",)))
    lab.cloud.port(port(3, (), device_owner="network:dhcp"))
    for number in (1, 2, 3):
        lab.plug(number)
    lab.wait_up(1, 2, 3)
    ask = udp(mac(1), BROADCAST, "0.0.0.0", "255.255.255.255", NONCE, (68, 67))
    give = udp(mac(1), BROADCAST, ip(1), "255.255.255.255", NONCE, (67, 68))
    trusted = udp(mac(3), mac(2), ip(3), ip(2), NONCE, (67, 68))
    with catching(lab.host, ["g2", "g3"], NONCE) as caught:
        send(lab.host, "g1", ask)
    assert (len(caught["g2"]), len(caught["g3"])) == (0, 1)
    with catching(lab.host, ["g2", "g3"], NONCE) as caught:
        send(lab.host, "g1", give)
    assert caught == {"g2": [], "g3": []}
    with catching(lab.host, ["g2"], NONCE) as caught:
        send(lab.host, "g3", trusted)
    assert len(caught["g2"]) == 1


def test_port_security_off_filters_nothing(lab: Lab) -> None:
    lab.cloud.put(network(), default_group(), group("open", *OUT, allow()))
    lab.cloud.port(port(1, (), port_security=False))
    lab.cloud.port(port(2, ("open",)))
    lab.plug(1)
    lab.plug(2)
    lab.wait_up(1, 2)
    with catching(lab.host, ["g2"], NONCE) as caught:
        send(lab.host, "g1", udp(mac(9), mac(2), ip(9), ip(2), NONCE))
    assert len(caught["g2"]) == 1
    with catching(lab.host, ["g1"], NONCE) as caught:
        send(lab.host, "g2", udp(mac(2), mac(55), ip(2), ip(55), NONCE))
    assert len(caught["g1"]) == 1, "a port without port security sees frames for unknown addresses"


def test_a_new_owner_of_an_address_inherits_no_connection(lab: Lab) -> None:
    """Guest 2's connection from guest 1 is established; then another port gets guest 2's address."""
    lab.cloud.put(network(), default_group(), group("open", *OUT, allow()), group("closed", *OUT))
    lab.cloud.port(port(1, ("open",)))
    lab.cloud.port(port(2, ("open",)))
    lab.plug(1)
    lab.plug(2)
    lab.wait_up(1, 2)
    there, back = (1000, 2000), (2000, 1000)
    for _ in range(2):
        send(lab.host, "g1", udp(mac(1), mac(2), ip(1), ip(2), NONCE, there))
        send(lab.host, "g2", udp(mac(2), mac(1), ip(2), ip(1), NONCE, back))
    assert ip(2) in lab.host.run("ovs-appctl", "dpctl/dump-conntrack")
    lab.cloud.remove_port(port_id(2))
    lab.cloud.port(port(3, ("closed",), fixed_ips=[FixedIp("s", ip(2))]))
    lab.plug(3, f"{ip(2)}/16")
    lab.wait_up(3)
    assert ip(2) not in lab.host.run("ovs-appctl", "dpctl/dump-conntrack")
    with catching(lab.host, ["g3"], NONCE) as caught:
        for _ in range(4):
            send(lab.host, "g1", udp(mac(1), mac(3), ip(1), ip(2), NONCE, there))
    assert not caught["g3"]


def test_ipv6_between_guests(lab: Lab) -> None:
    lab.cloud.put(network(), default_group())
    for number in (1, 2):
        view = port(number)
        fixed = [*view.fixed_ips, type(view.fixed_ips[0])("subnet6", f"2001:db8::{number}")]
        lab.cloud.port(port(number, fixed_ips=fixed))
        lab.plug(number, f"2001:db8::{number}/64", f"{ip(number)}/16")
    lab.wait_up(1, 2)
    assert eventually(lambda: lab.host.pings("g1", "2001:db8::2"))
    local = lab.host.guest("g2", "ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link").split()[3]
    assert not eventually(lambda: lab.host.pings("g1", local.split("/")[0] + "%eth0", wait=0.3), 1), (
        "link-local addresses are no members of the group"
    )
    lab.host.guest("g1", "ip", "addr", "add", "2001:db8::9/64", "dev", "eth0", "nodad", "preferred_lft", "forever")
    assert "0 received" in lab.host.guest("g1", "ping", "-c1", "-W1", "-I", "2001:db8::9", "2001:db8::2")


def test_members_with_broken_addresses_hinder_no_others(lab: Lab) -> None:
    lab.cloud.put(network(), default_group(), MemberView(id="default/x", group_id="default", addresses=["nonsense"]))
    two_guests(lab)
    assert lab.host.pings("g1", ip(2))
    assert eventually(lambda: lab.cloud.state_of("group", "default") == "error")
