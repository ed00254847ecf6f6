"""Which packets go first: what a card's queues are, and how frames are told apart on their way to them."""

from __future__ import annotations

from tests.fakes.cloud import FakeCloud
from tests.fakes.objects import mac, network, policy, port, port_id

from heddle.agent.mirror import Mirror
from heddle.agent.precedence import Numbers, Promise, promises, queues, table
from heddle.host.card_queues import Queues
from heddle.host.nft import render
from heddle.view.types import AddressPair, FetchRequest, PortView, Segment

MAPPINGS = {"physnet1": "br-ex"}


def mirrored(*ports: PortView, segments: tuple[Segment, ...], qos_policy: str = "") -> Mirror:
    cloud, mirror = FakeCloud(), Mirror()
    cloud.put(network("net-a", *segments, qos_policy=qos_policy), policy("gold", guaranteed=500), policy("plain"))
    for each in ports:
        cloud.port(each)
    for _ in range(3):
        asked = FetchRequest(host="host1", revision=mirror.revision, scopes=sorted(mirror.scopes))
        mirror.apply(cloud.fetch(asked))
    return mirror


def test_ports_with_a_guaranteed_policy_are_promised_it_where_they_leave_the_host() -> None:
    pair = AddressPair("10.0.9.9", mac(99))
    ports = [
        port(1, qos_policy="gold", allowed_address_pairs=[pair, AddressPair("10.0.9.8", mac(1))]),
        port(2, qos_policy="plain"), port(3, qos_policy="gold", device_owner="network:dhcp"),
        port(4, qos_policy="gold", admin_state_up=False),
    ]  # fmt: skip
    found = promises(mirrored(*ports, segments=(Segment("vlan", "physnet1", 5),)), MAPPINGS)
    assert found == [Promise(port_id(1), "br-ex", 500, (mac(1), mac(99)), "", 5)]
    elsewhere = (Segment("vlan", "physnet2", 5), Segment("vxlan", "", 7))
    found = promises(mirrored(port(1), segments=elsewhere, qos_policy="gold"), MAPPINGS)
    assert found == [Promise(port_id(1), "rp_tunnelled", 500, (mac(1),), "vxlan", 7)]
    assert promises(mirrored(port(1), segments=(Segment("local"),), qos_policy="gold"), MAPPINGS) == []


def promise(number: int, kbps: int, tunnel: str = "", id: int = 0) -> Promise:
    return Promise(port_id(number), "br-ex", kbps, (mac(number),), tunnel, id)


def test_more_than_a_card_carries_is_shared_in_proportion_and_leaves_something_to_others() -> None:
    numbers = Numbers().follow([port_id(1), port_id(2)])
    assert queues(1_000, [promise(1, 300), promise(2, 200)], numbers) == Queues(1_000, 500, {2: 300, 3: 200})
    assert queues(1_000, [promise(1, 1_500), promise(2, 500)], numbers) == Queues(1_000, 11, {2: 742, 3: 247})
    assert queues(1_000, [], numbers) == Queues(1_000, 1_000, {})
    assert queues(1, [promise(1, 1)], numbers).others == 1


def test_a_port_keeps_its_queue_and_a_new_one_takes_a_free_one() -> None:
    numbers = Numbers()
    assert numbers.follow(["a", "b"]) == {"a": 2, "b": 3}
    assert numbers.follow(["b"]) == {"b": 3}
    assert numbers.follow(["b", "c", "a"]) == {"b": 3, "a": 2, "c": 4}


def test_frames_are_told_by_their_sender_and_network() -> None:
    every = [
        promise(1, 1, id=5), promise(2, 1), promise(3, 1, "vxlan", 77), promise(4, 1, "gre", 78),
        promise(5, 1, "geneve", 79), Promise(port_id(6), "br-ex", 1, (mac(1),), "", 5),
    ]  # fmt: skip
    text = render(table({"eth0": every}, Numbers().follow(each.port_id for each in every)))
    for line in (
        f"elements = {{ 5 . {mac(1)} : 4ed:2 }}", f"elements = {{ {mac(2)} : 4ed:3 }}",
        "udp dport 4789 @th,96,24 77 @th,176,48 0xfa163e000003 meta priority set 4ed:4 accept",
        "meta l4proto gre @th,32,32 78 @th,112,48 0xfa163e000004 meta priority set 4ed:5 accept",
        "udp dport 6081 @th,96,24 79 @th,176,48 0xfa163e000005 meta priority set 4ed:6 accept",
        'type filter hook egress device "eth0" priority filter; policy accept;',
    ):  # fmt: skip
        assert line in text, text
