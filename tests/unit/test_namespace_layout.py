"""From what a namespace holds to what it shall hold: the requests, without a kernel."""

from __future__ import annotations

import struct

from heddle.host.announce import Announcement, frame
from heddle.host.layout import (
    Interface,
    Layout,
    Observed,
    dark,
    deviations,
    hearing,
    interface_requests,
    route_requests,
    surplus,
)
from heddle.host.netlink import attribute, attributes, nested, text, u32
from heddle.host.rtnetlink import Link, Route

MAC = "fa:16:3e:00:00:01"
WANTED = Interface("qr-a", MAC, 1450, frozenset({"10.0.0.1/24", "10.0.0.5/32"}))


def seen(link: Link | None, addresses: set[str], routes: set[Route] | None = None) -> Observed:
    links = {link.name: link} if link else {}
    return Observed(links, {name: frozenset(addresses) for name in links}, frozenset(routes or set()))


def names(requests: list[object]) -> list[str]:
    return [request.what for request in requests]  # type: ignore[attr-defined]


def test_attributes_are_read_as_they_are_written() -> None:
    data = text(3, "qr-a") + u32(4, 1450) + nested(18, attribute(1, b"veth"))
    found = attributes(data)
    assert found[3] == b"qr-a\0"
    assert struct.unpack("=I", found[4]) == (1450,)
    assert attributes(found[18]) == {1: b"veth"}


def test_a_damaged_attribute_ends_the_reading() -> None:
    assert attributes(u32(4, 1) + b"\0\0\0\0") == {4: struct.pack("=I", 1)}


def test_what_is_right_needs_nothing() -> None:
    link = Link(2, "qr-a", MAC, 1450, True)
    assert interface_requests(WANTED, seen(link, set(WANTED.addresses))) == []


def test_old_addresses_go_before_new_ones_come() -> None:
    link = Link(2, "qr-a", MAC, 1450, True)
    requests = interface_requests(WANTED, seen(link, {"10.0.0.9/24", "10.0.0.5/32"}))
    assert names(requests) == ["deletion of address 10.0.0.9/24 of qr-a", "address 10.0.0.1/24 of qr-a"]


def test_another_mac_mtu_or_state_is_set() -> None:
    """For another MAC address it goes down first."""
    for link, times in (
        (Link(2, "qr-a", "fa:16:3e:00:00:02", 1450, True), 2), (Link(2, "qr-a", MAC, 1500, True), 1),
        (Link(2, "qr-a", MAC, 1450, False), 1),
    ):  # fmt: skip
        requests = interface_requests(WANTED, seen(link, set(WANTED.addresses)))
        assert names(requests) == ["settings of link qr-a"] * times


def test_an_interface_that_is_missing_is_not_set() -> None:
    assert interface_requests(WANTED, seen(None, set())) == []
    assert surplus(Layout((WANTED,)), seen(None, set()), new=True) == []


def test_new_and_old_addresses() -> None:
    observed = seen(Link(2, "qr-a", MAC, 1450, True), {"10.0.0.9/24", "10.0.0.5/32"})
    assert surplus(Layout((WANTED,)), observed, new=True) == [("qr-a", "10.0.0.1/24")]
    assert surplus(Layout((WANTED,)), observed, new=False) == [("qr-a", "10.0.0.9/24")]


def test_routes_that_differ_are_replaced() -> None:
    link = Link(2, "qr-a", MAC, 1450, True)
    old, kept, new = (Route("0.0.0.0/0", hop, "qr-a") for hop in ("10.0.0.2", "10.0.0.3", "10.0.0.4"))
    requests = route_requests(Layout((WANTED,), frozenset({kept, new})), seen(link, set(), {old, kept}))
    assert names(requests) == [
        "deletion of route 0.0.0.0/0 via 10.0.0.2 dev qr-a", "route 0.0.0.0/0 via 10.0.0.4 dev qr-a",
    ]  # fmt: skip


def test_an_interface_listens_to_other_routers_only_where_it_shall() -> None:
    heard = Route("::/0", "fe80::1", "qr-a")
    for listens, accept_ra, otherwise, stray in ((True, 2, False, 0), (True, 0, True, 0), (False, 2, True, 1)):
        item = Interface("qr-a", MAC, 1450, listens=listens)
        there = Observed({"qr-a": Link(7, "qr-a", MAC, 1450, True, accept_ra=accept_ra)}, {"qr-a": frozenset()},
                         frozenset(), heard=frozenset({heard}))  # fmt: skip
        layout = Layout((item,))
        assert hearing(layout, there) == ({"qr-a": listens} if otherwise else {})
        assert len(route_requests(layout, there)) == stray
        assert len(deviations(layout, there)) == otherwise + stray


def test_an_interface_that_is_up_and_hears_nobody_is_dark() -> None:
    layout = Layout((Interface("eth0", MAC, 1450, outer="tap1"),))
    assert dark(layout, seen(Link(2, "eth0", MAC, 1450, True, carrier=False), set())) == ["tap1"]
    assert dark(layout, seen(Link(2, "eth0", MAC, 1450, True), set())) == []


def test_an_announcement_of_ipv4_is_a_request_for_the_own_address() -> None:
    sent = frame(Announcement("qg-b", MAC, "203.0.113.5"))
    assert sent[:6] == b"\xff" * 6
    assert sent[6:12] == bytes.fromhex("fa163e000001")
    assert sent[12:22] == bytes.fromhex("0806" "0001" "0800" "0604" "0001")
    assert sent[28:32] == sent[38:42] == bytes([203, 0, 113, 5])


def test_an_announcement_of_ipv6_has_a_right_checksum() -> None:
    sent = frame(Announcement("qg-b", MAC, "2001:db8::5"))
    payload = sent[54:]
    pseudo = sent[22:54] + struct.pack("!IxxxB", len(payload), 58)
    total = sum(struct.unpack(f"!{(len(pseudo) + len(payload)) // 2}H", pseudo + payload))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF
    assert payload[0] == 136
