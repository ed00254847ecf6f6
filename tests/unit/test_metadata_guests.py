"""Which guest it is that asks, and by what it is not another."""

from __future__ import annotations

import msgspec
from tests.fakes import l3

from heddle.agent.metadata.guests import Guests
from heddle.agent.metadata.scopes import content
from heddle.host.metadata_wire import News
from heddle.view.types import AddressPair, NeighbourView, Object, Ref, ScopeNews, network_scope

ME, OTHER = l3.port(1, "n1", {"s1": "10.0.0.1", "s6": "fd00::1"}), l3.port(2, "n1", {"s1": "10.0.0.2"})
SUBNETS = [l3.subnet("s1", "n1", "10.0.0.0/24"), l3.subnet("s6", "n1", "fd00::/64")]


def news(network: str, *items: Object, whole: bool = True) -> News:
    raws = [msgspec.Raw(msgspec.msgpack.encode(item)) for item in items]
    return News(scopes=[ScopeNews(scope=network_scope(network), whole=whole, objects=raws)])


def guests(*ports: NeighbourView) -> Guests:
    made = Guests()
    made.take(news("n1", l3.network("n1"), *SUBNETS, *(port for port in ports if port.network_id == "n1")))
    made.take(news("n2", l3.network("n2"), *(port for port in ports if port.network_id == "n2")))
    return made


def ask(of: Guests, address: str, mac: str, network: str = "n1") -> str:
    found = of.find(network, address, mac)
    return found.port.id if found else ""


def test_by_each_of_its_addresses_with_its_own_mac() -> None:
    made = guests(l3.neighbour(ME), l3.neighbour(OTHER))
    for address in ("10.0.0.1", "fd00::1", "FD00:0::1", "fe80::f816:3eff:fe00:1"):
        assert ask(made, address, l3.mac(1)) == ME.id
        assert ask(made, address, l3.mac(1).upper()) == ME.id
        assert ask(made, address, l3.mac(2)) == "" and ask(made, address, "") == ""
    assert ask(made, "10.0.0.2", l3.mac(2)) == OTHER.id
    assert ask(made, "10.0.0.3", l3.mac(1)) == ""


def test_the_same_address_on_another_network_is_another_guest() -> None:
    twin = l3.port(3, "n2", {"t1": "10.0.0.1"})
    made = guests(l3.neighbour(ME), l3.neighbour(twin))
    assert ask(made, "10.0.0.1", l3.mac(3), "n2") == twin.id
    assert ask(made, "10.0.0.1", l3.mac(3), "n1") == "" and ask(made, "10.0.0.1", l3.mac(1), "n2") == ""
    assert ask(made, "10.0.0.1", l3.mac(1), "n3") == ""


def test_an_address_pair_brings_a_mac_for_its_own_address_and_no_other_guests_address() -> None:
    pairs = [AddressPair("10.0.0.1", "fa:16:3e:aa:aa:aa"), AddressPair("10.0.0.0/24", l3.mac(1))]
    made = guests(l3.neighbour(ME, allowed_address_pairs=pairs), l3.neighbour(OTHER))
    assert ask(made, "10.0.0.1", "fa:16:3e:aa:aa:aa") == ME.id
    assert ask(made, "fd00::1", "fa:16:3e:aa:aa:aa") == ""
    assert ask(made, "10.0.0.2", l3.mac(1)) == "" and ask(made, "10.0.0.9", l3.mac(1)) == ""


def test_ports_of_the_cloud_are_no_guests() -> None:
    router = l3.interface_port(4, "r1", "n1", {"s1": "10.0.0.254"})
    assert ask(guests(l3.neighbour(router)), "10.0.0.254", l3.mac(4)) == ""
    made = guests(l3.neighbour(msgspec.structs.replace(router, device_owner="")))
    assert ask(made, "10.0.0.254", l3.mac(4)) == router.id


def test_cards_are_of_the_same_device_and_project() -> None:
    def card(number: int, network: str, project: str, device: str = "vm") -> NeighbourView:
        return l3.neighbour(l3.port(number, network, {}), device_id=device, project_id=project)

    made = guests(
        card(1, "n1", "blue"), card(2, "n2", "blue"), card(3, "n1", "red"), card(4, "n1", "blue", "vm2"),
        card(5, "n1", "blue", ""), card(6, "n1", "blue", ""),
    )  # fmt: skip

    def cards(number: int, address: str, network: str = "n1") -> list[str]:
        found = made.find(network, address, l3.mac(number))
        return [card.port.id for card in found.cards] if found else []

    assert cards(1, "fe80::f816:3eff:fe00:1") == [l3.uuid(1), l3.uuid(2)]
    assert cards(2, "fe80::f816:3eff:fe00:2", "n2") == [l3.uuid(2), l3.uuid(1)]
    assert cards(3, "fe80::f816:3eff:fe00:3") == [l3.uuid(3)]
    assert cards(5, "fe80::f816:3eff:fe00:5") == [l3.uuid(5)]


def test_what_is_gone_or_moved_is_no_longer_found() -> None:
    made = guests(l3.neighbour(ME), l3.neighbour(OTHER))
    moved = l3.neighbour(l3.port(2, "n1", {"s1": "10.0.0.7"}), revision=1)
    made.take(news("n1", moved, whole=False))
    assert ask(made, "10.0.0.7", l3.mac(2)) == OTHER.id and ask(made, "10.0.0.2", l3.mac(2)) == ""
    taken = l3.neighbour(l3.port(1, "n1", {"s1": "10.0.0.2"}), revision=2)
    made.take(news("n1", taken, whole=False))
    assert ask(made, "10.0.0.2", l3.mac(1)) == ME.id
    made.take(News(gone=[Ref("neighbour", ME.id), Ref("neighbour", "unknown"), Ref("port", ME.id)]))
    assert ask(made, "10.0.0.2", l3.mac(1)) == "" and ask(made, "10.0.0.7", l3.mac(2)) == OTHER.id
    made.take(News(dropped=[network_scope("n1")]))
    assert ask(made, "10.0.0.7", l3.mac(2)) == ""
    assert made.digests().keys() == {network_scope("n2")}


def test_floating_ips_follow_the_port_that_they_lead_to() -> None:
    made = guests(l3.neighbour(ME), l3.neighbour(OTHER))

    def bring(*items: Object, whole: bool = False) -> None:
        raws = [msgspec.Raw(msgspec.msgpack.encode(item)) for item in items]
        made.take(News(scopes=[ScopeNews(scope="router:r1", whole=whole, objects=raws)]))

    def floating(number: int) -> tuple[str, ...]:
        found = made.find("n1", f"10.0.0.{number}", l3.mac(number))
        return found.cards[0].floating if found else ("nobody",)

    forwards = l3.forwarding_ip("f2", "r1", "203.0.113.2")
    bring(l3.floating_ip("f1", "r1", "203.0.113.1", "10.0.0.1", ME), forwards, whole=True)
    assert floating(1) == ("203.0.113.1",) and floating(2) == ()
    bring(l3.floating_ip("f1", "r1", "203.0.113.1", "10.0.0.2", OTHER))
    assert floating(1) == () and floating(2) == ("203.0.113.1",)
    made.take(News(gone=[Ref("floating_ip", "f1")]))
    assert floating(1) == floating(2) == ()
    bring(l3.floating_ip("f3", "r1", "203.0.113.3", "10.0.0.1", ME))
    made.take(News(dropped=["router:r1"]))
    assert floating(1) == ()


def test_a_digest_tells_whether_something_was_missed() -> None:
    one, other = guests(l3.neighbour(ME)), guests(l3.neighbour(ME), l3.neighbour(OTHER))
    scope = network_scope("n1")
    assert one.digests()[scope] != other.digests()[scope] == content(other.mirror, scope)
    other.take(News(gone=[Ref("neighbour", OTHER.id)]))
    assert one.digests() == other.digests()
