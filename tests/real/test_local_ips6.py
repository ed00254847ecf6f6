"""Local IPs of IPv6 with packets, on Open vSwitch: who is led, by neighbour discovery and translation, and who not.

Which neighbour discovery that is depends on the datapath (`heddle.agent.local_ip_questions`): the kernel's, on which
`scripts/test-kernel.sh real` runs this, or the userspace one.

All guests but two are on a flat network, on which "outside" is as one on another host is.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from tests.fakes import l3
from tests.real.lab import L3Lab, l3_lab
from tests.real.tenant import OPEN
from tests.real.testhost import PATIENCE
from tests.real.traffic import bare, catching

from heddle.view.types import AddressPair, GroupView, LocalIpView, PortView, Ref, RuleView

pytestmark = pytest.mark.real

LOCAL, LOCAL4, NOBODY = "2001:db8::100", "203.0.113.100", "2001:db8::101"
CLIENT, CACHE, OTHER, HOLDER, BARE, APART, THERE = range(1, 8)
OUTSIDE = "2001:db8::fe"
RULES = [RuleView(id=f"six-{way}", direction=way, ethertype=6) for way in ("ingress", "egress")]
SERVE = (
    "import socket, sys; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('::', 53))\n"
    "while True: d, a = s.recvfrom(9000)[:2]; s.sendto(f'{sys.argv[1]} {len(d)} {a[0]}'.encode(), a)"
)
ASK = (
    "import socket, sys; six = ':' in sys.argv[1]\n"
    "s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)\n"
    "s.settimeout(float(sys.argv[2])); s.connect((sys.argv[1], 53)); s.send(b'x' * 4000)\n"
    "try: print(s.recv(99).decode())\n"
    "except OSError: pass"
)


def address(number: int) -> str:
    return LOCAL if number == HOLDER else f"2001:db8::{number}"


def address4(number: int) -> str:
    return LOCAL4 if number == HOLDER else f"203.0.113.{number + 10}"


def name(number: int) -> str:
    return f"g{number}"


def port(number: int, **more: object) -> PortView:
    network = "apart" if number in (APART, THERE) else "flat"
    fixed = {f"{network}4": address4(number), f"{network}6": address(number)}
    return l3.port(number, network, fixed, **({"security_groups": ["open", "six"]} | more))


def leads_to(number: int, local: str = LOCAL, translate: bool = True) -> LocalIpView:
    inside = address(number) if ":" in local else address4(number)
    return LocalIpView(
        id=f"{local}-{number}", network_id="flat", port_id=l3.uuid(number), local_ip=local, fixed_ip=inside,
        translate=translate,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Iterator[L3Lab]:
    with l3_lab() as each:
        each.cloud.put(OPEN, GroupView(id="six", rules=RULES))
        each.cloud.put(l3.network("flat", mtu=1500, external=True), l3.network("apart"))
        for network in ("flat", "apart"):
            each.cloud.put(l3.subnet(f"{network}4", network, "203.0.113.0/24"),
                           l3.subnet(f"{network}6", network, "2001:db8::/64"))  # fmt: skip
        each.outside("outside", f"{OUTSIDE}/64")
        for number in range(CLIENT, THERE + 1):
            view = port(number, **({"security_groups": [], "port_security": False} if number == BARE else {}))
            each.cloud.port(view)
            addresses = [f"{address4(number)}/24", f"{address(number)}/64"]
            each.host.plug(name(number), view.mac_address, addresses, view.id)
        for number in (CACHE, HOLDER):
            each.host.popen("ip", "netns", "exec", name(number), "python3", "-c", SERVE, name(number), stderr=-3)
            each.until(lambda: said(each, CLIENT, address(number)), 10, f"{name(number)} answers")  # noqa: B023
        yield each


@pytest.fixture
def led(made: L3Lab) -> Iterator[L3Lab]:
    """The local IP leads to CACHE, in either version of IP."""
    items = [leads_to(CACHE), leads_to(CACHE, LOCAL4)]
    made.cloud.put(*items)
    for local in (LOCAL4, LOCAL):
        made.until(lambda: answers(made, CLIENT, CACHE, local), 10, f"{local} leads to CACHE")  # noqa: B023
    yield made
    for item in items:
        made.cloud.remove(Ref("local_ip", item.id))
    made.until(lambda: answers(made, CLIENT, HOLDER), 10, f"{LOCAL} leads to its holder again")


def forget(made: L3Lab, space: str) -> None:
    made.in_space(space, "ip", "neigh", "flush", "dev", "eth0")


def said(made: L3Lab, source: int, target: str = LOCAL) -> str:
    """What the server says that answers: its name, how much came, and from whom."""
    return made.in_space(name(source), "python3", "-c", ASK, target, str(PATIENCE)).strip()


def answers(made: L3Lab, source: int, server: int, local: str = LOCAL) -> bool:
    """Whether this server answers at an address to who knows no neighbours."""
    forget(made, name(source))
    own = address(source) if ":" in local else f"::ffff:{address4(source)}"
    return said(made, source, local) == f"{name(server)} 4000 {own}"


def neighbour(made: L3Lab, space: str, target: str = LOCAL) -> str:
    return made.in_space(space, "ip", "neigh", "show", target)


def finds(made: L3Lab, source: int, target: str) -> bool:
    """Whether who was answered knows CACHE for the neighbour."""
    return l3.mac(CACHE) in neighbour(made, name(source), target)


def test_it_leads_guests_of_this_host_to_the_port(led: L3Lab) -> None:
    """Those with port security and without; not the associated port itself, nor who comes from elsewhere."""
    for source in (CLIENT, BARE):
        for local in (LOCAL4, LOCAL):
            assert answers(led, source, CACHE, local)
            assert led.host.pings(name(source), local) and finds(led, source, local)
        assert answers(led, source, CACHE, address(CACHE)) and finds(led, source, address(CACHE))
    assert answers(led, CACHE, HOLDER)
    forget(led, "outside")
    assert led.host.pings("outside", LOCAL) and l3.mac(HOLDER) in neighbour(led, "outside")


def test_nobody_is_led_by_what_is_not_associated(led: L3Lab) -> None:
    assert led.host.pings(name(CLIENT), LOCAL) and not led.host.pings(name(CLIENT), NOBODY, wait=0.3)
    assert led.host.pings(name(APART), address(THERE)) and not led.host.pings(name(APART), LOCAL, wait=0.3)


def test_the_advertisement_reaches_who_asked(led: L3Lab) -> None:
    """Not a bystander, and not the holder, which asks the same port for its own address meanwhile."""
    advertised = ip_address(LOCAL).packed.hex() + "0201" + bare(l3.mac(CACHE))
    for space in (name(CLIENT), name(HOLDER)):
        forget(led, space)
    with catching(led.host, [name(CLIENT), name(OTHER), name(HOLDER)], advertised, seconds=1.5) as caught:
        assert led.host.pings(name(HOLDER), address(CACHE))
        assert led.host.pings(name(CLIENT), LOCAL)
    assert caught[name(CLIENT)] and not caught[name(OTHER)] and not caught[name(HOLDER)]


def test_who_knows_the_neighbour_may_ask_it_alone(led: L3Lab) -> None:
    """By neighbour unreachability detection (RFC 4861, 7.3); and so for the port's own address."""
    for target in (LOCAL, address(CACHE)):
        assert led.host.pings(name(CLIENT), target)
        known = ("lladdr", l3.mac(CACHE), "dev", "eth0")
        led.in_space(name(CLIENT), "ip", "neigh", "change", target, *known, "nud", "probe")
        led.until(lambda: "REACHABLE" in neighbour(led, name(CLIENT), target), 5, f"{target} is confirmed")  # noqa: B023


def test_the_holder_may_look_for_duplicates(led: L3Lab) -> None:
    space = name(HOLDER)
    led.in_space(space, "sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=1")
    led.in_space(space, "ip", "addr", "del", f"{LOCAL}/64", "dev", "eth0")
    led.in_space(space, "ip", "addr", "add", f"{LOCAL}/64", "dev", "eth0")
    assert "tentative" in led.in_space(space, "ip", "addr", "show", "dev", "eth0", "to", LOCAL)
    led.until(lambda: "tentative" not in led.in_space(space, "ip", "addr", "show", "dev", "eth0"), 5, "it has looked")
    assert "dadfailed" not in led.in_space(space, "ip", "addr", "show", "dev", "eth0")
    assert answers(led, CLIENT, CACHE) and answers(led, CACHE, HOLDER)


def test_no_audit_finds_other_flows(led: L3Lab) -> None:
    drifts, reports = led.agent.log.count(" drift "), len(led.cloud.reports)
    led.until(lambda: len(led.cloud.reports) > reports + 4, 10, "the agent goes on")
    assert led.agent.log.count(" drift ") == drifts, led.agent.log[-2000:]


def test_a_port_that_knows_the_address(made: L3Lab) -> None:
    """It answers itself, at its own card."""
    made.cloud.port(port(CACHE, allowed_address_pairs=[AddressPair(LOCAL, l3.mac(CACHE))]))
    made.in_space(name(CACHE), "ip", "addr", "add", f"{LOCAL}/128", "dev", "eth0")
    item = leads_to(CACHE, translate=False)
    made.cloud.put(item)

    def led_there() -> bool:
        forget(made, name(CLIENT))
        return said(made, CLIENT).startswith(name(CACHE)) and finds(made, CLIENT, LOCAL)

    made.until(led_there, 10, "the address leads to the port")
    made.in_space(name(CACHE), "ip", "addr", "del", f"{LOCAL}/128", "dev", "eth0")
    assert not made.host.pings(name(CLIENT), LOCAL, wait=0.3)
    made.cloud.remove(Ref("local_ip", item.id))
    made.until(lambda: answers(made, CLIENT, HOLDER), 10, "the holder has it again")
