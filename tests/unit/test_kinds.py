"""Which ports meet: the whole table of kinds, subnets apart, and what a host is told of who is elsewhere."""

from __future__ import annotations

from itertools import product

from tests.fakes.objects import mac, network, port_id

from heddle.agent.kind_flows import kind_flows
from heddle.agent.kinds import OPEN, Kind, elsewhere, heard_by, kind_of, meet
from heddle.view.types import AddressPair, FixedIp, NeighbourView, NetworkView

ISOLATED, PROMISCUOUS = Kind("isolated"), Kind("promiscuous")
RED, BLUE = Kind("community", "red"), Kind("community", "blue")
PRIVATE = network("private")
APART = NetworkView(id="apart", mtu=1450, segments=[], subnets_apart=True)


def neighbour(number: int, kind: str = "", community: str = "", **more: object) -> NeighbourView:
    values = {"id": port_id(number), "network_id": "private", "mac_address": mac(number), "host": "host2", **more}
    return NeighbourView(pvlan_type=kind, pvlan_community=community, **values)  # type: ignore[arg-type]


def in_subnets(number: int, *subnets: str, **more: object) -> NeighbourView:
    return neighbour(number, fixed_ips=[FixedIp(subnet, f"10.0.0.{number}") for subnet in subnets], **more)


def test_the_table_of_kinds() -> None:
    kinds = (PROMISCUOUS, ISOLATED, RED, BLUE)
    met = {(one, other) for one, other in product(kinds, kinds) if meet(one, other)}
    with_all = {(PROMISCUOUS, each) for each in kinds} | {(each, PROMISCUOUS) for each in kinds}
    assert met == with_all | {(RED, RED), (BLUE, BLUE)}
    assert all(meet(OPEN, each) and meet(each, OPEN) for each in kinds)


def test_numbers_tell_kinds_apart() -> None:
    parts = (frozenset({"a"}), frozenset({"a", "b"}), frozenset[str]())
    kinds = [ISOLATED, RED, BLUE, *(Kind("", "", each) for each in parts), Kind("isolated", "", parts[0])]
    assert len({each.number for each in kinds} | {0, 1}) == len(kinds) + 2
    assert PROMISCUOUS.number == OPEN.number == 1


def test_subnets_apart() -> None:
    one, both, other = (kind_of(in_subnets(1, *each), APART) for each in (("a",), ("a", "b"), ("b",)))
    assert one and both and other
    assert meet(one, one) and meet(one, both) and meet(both, other) and not meet(one, other)
    nowhere, router = kind_of(in_subnets(1), APART), kind_of(in_subnets(1, "a", device_owner="network:dhcp"), APART)
    assert nowhere and router and router.meets_all and meet(router, other) and meet(nowhere, router)
    assert not meet(nowhere, nowhere) and not meet(nowhere, both)


def test_both_at_once() -> None:
    here, there = frozenset({"a"}), frozenset({"b"})
    assert meet(Kind("promiscuous", "", here), Kind("isolated", "", here))
    assert not meet(Kind("promiscuous", "", here), Kind("isolated", "", there))
    assert not meet(Kind("isolated", "", here), Kind("isolated", "", here))


def test_on_other_networks_there_is_nothing() -> None:
    assert kind_of(neighbour(1), PRIVATE) is None


def test_a_mac_of_several_kinds_is_of_none() -> None:
    pairs = [AddressPair("10.0.0.9", mac(1)), AddressPair("10.0.0.9", mac(9))]
    there = [neighbour(1, "promiscuous"), neighbour(2, "isolated", allowed_address_pairs=pairs)]
    here = neighbour(4, "promiscuous", host="host1"), neighbour(5, "promiscuous", host="")
    router = neighbour(6, "promiscuous", host="host1", device_owner="network:router_interface")
    found = elsewhere([*there, neighbour(3, "isolated"), *here, router], PRIVATE)
    assert found.pop(mac(6)) == PROMISCUOUS, "a router may be on any host"
    assert found.pop(mac(4)) == PROMISCUOUS, "a guest of this host may be on its way to another"
    assert found == {mac(1): None, mac(2): ISOLATED, mac(3): ISOLATED, mac(9): ISOLATED}


def test_flows_only_for_whom_somebody_here_may_hear() -> None:
    """2,000 isolated guests elsewhere are no flows in tunnels; where others may come by the uplink they are told."""
    there = {mac(number): ISOLATED for number in range(2000)} | {mac(3000): PROMISCUOUS, mac(3001): RED}
    pairs = heard_by({ISOLATED, PROMISCUOUS}, there.values())
    assert {sender for sender, _ in pairs} == {OPEN, PROMISCUOUS}
    tunnelled, provider = (kind_flows("n", 7, pairs, there, outside) for outside in (False, True))
    assert [key.match for key in tunnelled if key.table == 17] == [f"reg6=7,dl_src={mac(3000)}", "reg6=7"]
    assert len([key for key in provider if key.table == 17]) == len(there) - 1 + 1, "but for the promiscuous one"
    assert not heard_by({PROMISCUOUS}, there.values())


def test_what_begins_as_the_cloud_s_own_macs_is_no_stranger() -> None:
    """So who is known to be promiscuous is told, and who is isolated need not be."""
    there = {mac(1): ISOLATED, mac(2): PROMISCUOUS, "02:00:00:00:00:01": ISOLATED, "02:00:00:00:00:02": PROMISCUOUS}
    pairs = heard_by({ISOLATED}, there.values())
    flows = kind_flows("n", 7, pairs, there, True, mac(1)[:8])
    senders = [(key.match.partition("dl_src=")[2], body.actions) for key, body in flows.items() if key.table == 17]
    found = {source: "reg9" in actions for source, actions in senders}
    assert found == {mac(2): True, "02:00:00:00:00:01": False, "fa:16:3e:00:00:00/ff:ff:ff:00:00:00": False, "": True}
