"""Local IPs with packets, on both data planes: one address, which leads here to the port that is associated with it.

The guests are on a flat network, on which "outside" is as one on another host is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.fakes import l3
from tests.real.lab import BridgeL3Lab, L3Lab, l3_lab
from tests.real.planes import PLANES
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


@pytest.fixture(scope="module", params=PLANES)
def made(request: pytest.FixtureRequest) -> Iterator[L3Lab]:
    with l3_lab(plane=request.param) as each:
        each.cloud.put(
            OPEN, WEB, l3.network("flat", mtu=1500, external=True),
            l3.subnet("flat4", "flat", "203.0.113.0/24", "203.0.113.1"),
        )  # fmt: skip
        unfiltered = {"security_groups": [], "port_security": False}
        each.outside("outside", "203.0.113.1/24")
        for number in (CLIENT, CACHE, OTHER, HOLDER, BARE):
            view = port(number, **(unfiltered if number == BARE else {}))
            each.cloud.port(view)
            each.host.plug(name(number), view.mac_address, [f"{address(number)}/24"], view.id)
        each.until(lambda: each.cloud.state_of("port", l3.uuid(BARE)) == "up", 10, "the ports are wired")
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

    def answers(sender: int, told: str) -> int:
        with catching(made.host, [name(sender)], answer) as caught:
            send(made.host, name(sender), arp(l3.mac(sender), told, LOCAL))
        return len(caught[name(sender)])

    made.until(lambda: answers(CLIENT, address(CLIENT)) == 1, 8, "the question is answered once")
    assert not answers(HOLDER, "0.0.0.0") and not answers(HOLDER, LOCAL)


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
    """Who answers in the place of the local IP: as the connection table has it, or where bridges lead to."""
    if isinstance(made, BridgeL3Lab):
        return set(re.findall(r"ip daddr set (\S+)", made.host.run("nft", "list", "table", "bridge", "heddle_ports")))
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
    bridges = isinstance(made, BridgeL3Lab)
    made.host.sh("nft flush map bridge heddle_ports led4" if bridges else "ovs-ofctl del-flows br-int table=16")
    leads(made, "g1", CACHE)
    ping.kill()
    made.cloud.remove(Ref("local_ip", f"a{CACHE}"))
    leads(made, "g1", HOLDER)
    look = "nft list map bridge heddle_ports led4; ip neigh show nud permanent" if bridges else (
        "ovs-ofctl dump-flows br-int | grep nw_dst"
    )
    assert LOCAL not in made.host.sh(look, check=False)


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


def test_addresses_of_ipv6(made: L3Lab) -> None:
    """Translated, asked for by neighbour discovery, and of any size; the port's own address stays as it is."""
    local = "2001:db8::100"
    rules = [RuleView(id=f"six-{way}", direction=way, ethertype=6) for way in ("ingress", "egress")]
    made.cloud.put(GroupView(id="six", rules=rules), l3.subnet("flat6", "flat", "2001:db8::/64"))
    for number in (CLIENT, CACHE):
        fixed = {"flat4": address(number), "flat6": f"2001:db8::{number}"}
        made.cloud.port(l3.port(number, "flat", fixed, security_groups=["open", "six"]))
        made.in_space(name(number), "ip", "addr", "add", f"2001:db8::{number}/64", "dev", "eth0")
    script = ("import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('::', 53))\n"
              "while True: d, a = s.recvfrom(9000); s.sendto(str(len(d)).encode() + a[0].encode(), a)")  # fmt: skip
    server = made.host.popen("ip", "netns", "exec", name(CACHE), "python3", "-c", script)
    ask = ("import socket, sys; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.settimeout(1)\n"
           "s.connect((sys.argv[1], 53)); s.send(b'x' * 4000); print(s.recv(99).decode(), s.getpeername()[0])")
    view = LocalIpView(id="six", network_id="flat", port_id=l3.uuid(CACHE), local_ip=local, fixed_ip="2001:db8::2")

    def asked(target: str) -> str:
        return made.in_space(name(CLIENT), "python3", "-c", ask, target, check=False).splitlines()[-1]

    own = "40002001:db8::1 2001:db8::2"
    made.until(lambda: asked("2001:db8::2") == own, 5, "the port's own address is reached")
    assert not made.host.pings(name(CLIENT), local), "nobody has the address"
    drifts = made.agent.log.count(" drift ")
    made.cloud.put(view)
    made.until(lambda: made.host.pings(name(CLIENT), local, count=3), 8, "the address leads to the port")
    assert asked(local) == f"40002001:db8::1 {local}" and asked("2001:db8::2") == own
    assert l3.mac(CACHE) in made.in_space(name(CLIENT), "ip", "-6", "neigh", "show", local)
    audits = made.agent.log.count(" drift ") - drifts
    assert not audits, made.agent.log[-2000:]
    made.cloud.remove(Ref("local_ip", "six"))
    made.until(lambda: not made.host.pings(name(CLIENT), local, wait=0.3), 5, "it leads nowhere")
    server.kill()


def test_what_cannot_be_led_is_told(made: L3Lab) -> None:
    """An address of another version of IP, and one of another network, which would be somebody else's on this one."""
    port_id = l3.uuid(CACHE)
    six = LocalIpView(id="six", network_id="flat", port_id=port_id, local_ip="2001:db8::9", fixed_ip=address(CACHE))
    foreign = LocalIpView(id="foreign", network_id="mine", port_id=port_id, local_ip=LOCAL, fixed_ip=address(CACHE))
    for item, reason in ((six, "version of IP"), (foreign, "associate a port of its own network")):
        made.cloud.put(item)
        made.until(lambda: made.cloud.state_of("local_ip", item.id) == "error", 5, "it is told")  # noqa: B023
        assert reason in made.cloud.statuses[Ref("local_ip", item.id)].message
        leads(made, "g1", HOLDER)
        made.cloud.remove(Ref("local_ip", item.id))
