"""Local IPs with packets: one address, which leads on this host to the port that is associated with it.

The guests are on a flat network, on which "outside" is as one on another host is.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes import l3
from tests.real.lab import L3Lab, l3_lab
from tests.real.tenant import OPEN
from tests.real.traffic import arp, bare, catching, send

from heddle.agent.local_ips import ZONES
from heddle.host.connection import parse_connections
from heddle.view.types import AddressPair, GroupView, LocalIpView, PortView, Ref, RuleView

pytestmark = pytest.mark.real

LOCAL = "203.0.113.100"
CLIENT, CACHE, OTHER, HOLDER, BARE = range(1, 6)
WEB = GroupView(
    id="web",
    rules=[RuleView(id="in", direction="ingress", ethertype=4, protocol=6, port_min=80, port_max=80),
           RuleView(id="out", direction="egress", ethertype=4)],
)  # fmt: skip


def address(number: int) -> str:
    return LOCAL if number == HOLDER else f"203.0.113.{number + 10}"


def name(number: int) -> str:
    return f"g{number}"


def port(number: int, **more: object) -> PortView:
    return l3.port(number, "flat", {"flat4": address(number)}, **({"security_groups": ["open"]} | more))


def leads_to(number: int, translate: bool = True) -> LocalIpView:
    return LocalIpView(
        id=f"a{number}", network_id="flat", port_id=l3.uuid(number), local_ip=LOCAL, fixed_ip=address(number),
        translate=translate,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Iterator[L3Lab]:
    with l3_lab() as each:
        each.cloud.put(
            OPEN, WEB, l3.network("flat", mtu=1500, external=True),
            l3.subnet("flat4", "flat", "203.0.113.0/24", "203.0.113.1"),
        )  # fmt: skip
        unfiltered = {"security_groups": [], "port_security": False}
        for number in (CLIENT, CACHE, OTHER, HOLDER, BARE):
            view = port(number, **(unfiltered if number == BARE else {}))
            each.cloud.port(view)
            each.host.plug(name(number), view.mac_address, [f"{address(number)}/24"], view.id)
        each.until(lambda: each.cloud.state_of("port", l3.uuid(BARE)) == "up", 10, "the ports are wired")
        each.outside("outside", "203.0.113.1/24")
        for number in (CACHE, OTHER, HOLDER):
            each.serve(name(number), 80, 81)
        for number in (CACHE, OTHER, HOLDER):
            each.until(lambda: asks(each, "g1", address(number)), 5, f"{name(number)} answers")  # noqa: B023
        yield each


def asks(made: L3Lab, source: str, target: str = LOCAL, port: int = 80) -> str:
    """Who answers."""
    return made.answer(source, target, port)


def leads(made: L3Lab, source: str, number: int) -> None:
    """Within a moment the local IP leads to this guest."""
    host = address(int(source[1:])) if source[1:].isdigit() else "203.0.113.1"
    made.until(lambda: asks(made, source) == f"{name(number)} 80 {host}", 5, f"{LOCAL} leads {source} to {number}")


def test_it_leads_to_the_port_of_this_host(made: L3Lab) -> None:
    for source in ("g1", "g5", "outside"):
        leads(made, source, HOLDER)
    made.cloud.put(leads_to(CACHE))
    for source in ("g1", "g5"):
        leads(made, source, CACHE)
        assert made.host.pings(source, LOCAL)
    made.in_space("g1", "ip", "neigh", "flush", "dev", "eth0")
    leads(made, "g1", CACHE)
    assert l3.mac(CACHE) in made.in_space("g1", "ip", "neigh", "show", LOCAL)
    for source in ("g2", "outside"):
        leads(made, source, HOLDER)
    assert asks(made, "g1", address(CACHE)) == f"g2 80 {address(CLIENT)}"
    assert asks(made, "g1", address(OTHER)) == f"g3 80 {address(CLIENT)}"
    assert asks(made, "g4", address(CACHE)) == f"g2 80 {LOCAL}"


def test_only_questions_are_answered(made: L3Lab) -> None:
    """The holder may look for duplicates of its address, and announce it."""
    made.cloud.put(leads_to(CACHE))
    leads(made, "g1", CACHE)
    answer = bare(l3.mac(CACHE)) + bytes(map(int, LOCAL.split("."))).hex()
    for sender, told, answered in ((CLIENT, address(CLIENT), 1), (HOLDER, "0.0.0.0", 0), (HOLDER, LOCAL, 0)):
        with catching(made.host, [name(sender)], answer) as caught:
            send(made.host, name(sender), arp(l3.mac(sender), told, LOCAL))
        assert len(caught[name(sender)]) == answered, (sender, told)


def test_packets_of_any_size_and_a_closed_port(made: L3Lab) -> None:
    made.cloud.put(leads_to(CACHE))
    leads(made, "g1", CACHE)
    assert "1 received" in made.host.guest("g1", "ping", "-c", "1", "-s", "4000", "-W", "2", LOCAL)
    refused = made.in_space("g1", "python3", "-c", f"import socket; socket.create_connection(('{LOCAL}', 99), 2)",
                            check=False)  # fmt: skip
    assert "ConnectionRefusedError" in refused


def test_the_rules_of_the_port_decide(made: L3Lab) -> None:
    made.cloud.put(leads_to(CACHE))
    leads(made, "g1", CACHE)
    assert asks(made, "g1", port=81) == f"g2 81 {address(CLIENT)}"
    made.cloud.port(port(CACHE, security_groups=["web"]))
    made.until(lambda: not asks(made, "g1", port=81), 5, "port 81 is closed")
    assert asks(made, "g1") == f"g2 80 {address(CLIENT)}"
    assert asks(made, "g5") == f"g2 80 {address(BARE)}" and not asks(made, "g5", port=81)
    made.cloud.port(port(CACHE))
    made.until(lambda: asks(made, "g1", port=81), 5, "port 81 is open")


def translated(made: L3Lab) -> set[str]:
    """Who answers in the place of the local IP, as the connection table has it."""
    found = parse_connections(made.host.run("ovs-appctl", "dpctl/dump-conntrack"))
    return {each.translated for each in found if each.zone >= ZONES and each.target == LOCAL}


def test_where_it_leads_changes(made: L3Lab) -> None:
    """Connections that went to one port do not go on at the other as if they were its own."""
    made.cloud.put(leads_to(CACHE))
    leads(made, "g1", CACHE)
    ping = made.host.popen("ip", "netns", "exec", "g1", "ping", "-i", "0.05", LOCAL, stdout=-3)
    made.cloud.put(leads_to(OTHER))
    made.cloud.remove(Ref("local_ip", f"a{CACHE}"))
    leads(made, "g1", OTHER)
    assert translated(made) == {address(OTHER)}
    made.agent.stop()
    leads(made, "g1", OTHER)
    made.cloud.put(leads_to(CACHE))
    made.cloud.remove(Ref("local_ip", f"a{OTHER}"))
    made.start_agent()
    leads(made, "g1", CACHE)
    made.until(lambda: translated(made) == {address(CACHE)}, 5, "what it was is forgotten")
    made.host.run("ovs-ofctl", "del-flows", "br-int", "table=16")
    leads(made, "g1", CACHE)
    ping.kill()
    made.cloud.remove(Ref("local_ip", f"a{CACHE}"))
    leads(made, "g1", HOLDER)
    assert f"nw_dst={LOCAL}" not in made.host.run("ovs-ofctl", "dump-flows", "br-int")


def test_a_port_that_knows_the_address(made: L3Lab) -> None:
    pair = AddressPair(LOCAL, l3.mac(CACHE))
    made.cloud.port(port(CACHE, allowed_address_pairs=[pair]))
    made.in_space("g2", "ip", "addr", "add", f"{LOCAL}/32", "dev", "lo")
    made.cloud.put(leads_to(CACHE, translate=False))
    leads(made, "g1", CACHE)
    leads(made, "g5", CACHE)
    leads(made, "outside", HOLDER)
    made.in_space("g2", "ip", "addr", "del", f"{LOCAL}/32", "dev", "lo")
    made.until(lambda: not asks(made, "g1"), 5, "nobody knows the address")
    made.cloud.remove(Ref("local_ip", f"a{CACHE}"))
    leads(made, "g1", HOLDER)


def test_what_cannot_be_led_is_told(made: L3Lab) -> None:
    """An address of IPv6, and one of another network, which would be somebody else's on this one."""
    port_id = l3.uuid(CACHE)
    six = LocalIpView(id="six", network_id="flat", port_id=port_id, local_ip="2001:db8::9", fixed_ip="2001:db8::2")
    foreign = LocalIpView(id="foreign", network_id="mine", port_id=port_id, local_ip=LOCAL, fixed_ip=address(CACHE))
    for item, reason in ((six, "only IPv4"), (foreign, "associate a port of its own network")):
        made.cloud.put(item)
        made.until(lambda: made.cloud.state_of("local_ip", item.id) == "error", 5, "it is told")  # noqa: B023
        assert reason in made.cloud.statuses[Ref("local_ip", item.id)].message
        leads(made, "g1", HOLDER)
        made.cloud.remove(Ref("local_ip", item.id))
