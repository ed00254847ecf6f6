"""IPv6 by router advertisements, on both data planes: the kernel of each guest makes its address and its default route.

Guests have no addresses by hand, and no group of theirs lets anything in but what the router must tell them.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from ipaddress import IPv6Network
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import l3
from tests.real.conftest import Lab
from tests.real.planes import PLANES, plane_lab
from tests.real.testhost import wait_until
from tests.real.traffic import Pinging, eventually

from heddle.agent.addresses import link_local
from heddle.control.ipam import eui64_address
from heddle.view.types import AssignmentView, GroupView, PortView, Ref, RuleView, SubnetView

SETTINGS = ("agent.roles=switch,router,dhcp,metadata", "agent.audit_seconds=0.5", "agent.resync_seconds=600",
            "agent.tunnel_ip=127.0.0.1")  # fmt: skip
OPEN = GroupView(
    id="open", rules=[RuleView(id=way, direction=way, ethertype=6, protocol=58) for way in ("ingress", "egress")]
)
CLOSED = GroupView(id="closed", rules=[RuleView(id="out", direction="egress", ethertype=6)])
ROUTER = l3.uuid(1)
SPACE = f"qrouter-{ROUTER}"
MODES = ("slaac", "dhcpv6-stateless", "dhcpv6-stateful", "")
MTUS = (1450, 1400, 1450, 1450)
ASK = str(Path(__file__).with_name("advertisements.py"))
SOLICIT = """
import socket, struct, sys
mac = bytes.fromhex(open('/sys/class/net/eth0/address').read().strip().replace(':', ''))
duid = b'\\0\\3\\0\\1' + mac
option = lambda code, value: struct.pack('!HH', code, len(value)) + value
message = b'\\1abc' + option(1, duid) + option(3, struct.pack('!III', 7, 0, 0)) + option(8, b'\\0\\0')
index = socket.if_nametoindex('eth0')
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(('::', 546)); s.settimeout(2)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
for _ in range(3):
    s.sendto(message, ('ff02::1:2', 547, 0, index))
    try:
        answer = s.recv(2048)
    except TimeoutError:
        continue
    at = answer.find(struct.pack('!HH', 5, 24))
    print(answer[0], socket.inet_ntop(socket.AF_INET6, answer[at + 4:at + 20]))
    break
"""
INFORMATION = """
import socket, struct
option = lambda code, value: struct.pack('!HH', code, len(value)) + value
index = socket.if_nametoindex('eth0')
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(('::', 546)); s.settimeout(2)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
message = b'\\x0babc' + option(1, b'\\0\\3\\0\\1abcdef') + option(6, struct.pack('!H', 23))
for _ in range(3):
    s.sendto(message, ('ff02::1:2', 547, 0, index))
    try:
        answer = s.recv(2048)
    except TimeoutError:
        continue
    at = answer.find(struct.pack('!HH', 23, 32))
    print(answer[0], socket.inet_ntop(socket.AF_INET6, answer[at + 4:at + 20]))
    break
"""


def cidr(number: int) -> str:
    return str(IPv6Network(f"fd00:{number}::/64"))


def subnet(number: int) -> SubnetView:
    mode = MODES[number]
    return l3.subnet(
        f"s{number}", f"n{number}", cidr(number), f"fd00:{number}::1", ipv6_ra_mode=mode, ipv6_address_mode=mode,
        dns_nameservers=["fd00:53::1", "fd00:53::2"],
    )  # fmt: skip


def interface(number: int, *more: str) -> PortView:
    """The router's port on a network: its subnet, and others of it as "subnet=address"."""
    fixed = {f"s{number}": f"fd00:{number}::1", **dict(each.split("=") for each in more)}
    return l3.interface_port(0x10 + number, ROUTER, f"n{number}", fixed)


def guest(number: int, network: int, group: str = "open") -> PortView:
    """Its address is the one that the API gives."""
    address = eui64_address(cidr(network), l3.mac(number))
    return l3.port(number, f"n{network}", {f"s{network}": address}, security_groups=[group])


GUESTS = {
    "g0": guest(0x20, 0), "g1": guest(0x21, 1), "g3": guest(0x23, 3), "closed": guest(0x24, 0, "closed"),
    "g2": l3.port(0x22, "n2", {"s2": "fd00:2::22"}, security_groups=["open"]),
}  # fmt: skip
ADDRESS = {name: port.fixed_ips[0].ip_address for name, port in GUESTS.items()}


@pytest.fixture(scope="module", params=PLANES)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    folder = Path(tempfile.mkdtemp(prefix="heddle-ra-"))
    folder.chmod(0o755)
    paths = (f"paths.run={folder}/run", f"paths.state={folder}/state")
    try:
        with plane_lab(request.param, folder, *SETTINGS, *paths) as made:
            build(made)
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build(made: Lab) -> None:
    made.cloud.put(
        OPEN, CLOSED, l3.router(ROUTER), AssignmentView(id=f"router/{ROUTER}", role="router", object_id=ROUTER),
        *(AssignmentView(id=f"dhcp/n{number}", role="dhcp", object_id=f"n{number}") for number in (1, 2)),
    )  # fmt: skip
    for number, mtu in enumerate(MTUS):
        made.cloud.put(l3.network(f"n{number}", mtu=mtu, tunnel=10 + number), subnet(number))
        made.cloud.port(interface(number))
    for number in (1, 2):
        made.cloud.port(l3.dhcp_port(0x30 + number, f"n{number}", {f"s{number}": f"fd00:{number}::2"}))
    for name, port in GUESTS.items():
        made.cloud.port(port)
        made.host.plug(name, port.mac_address, [], port.id)
    states = {port.id: name for name, port in GUESTS.items()}
    wait_until(lambda: all(made.cloud.state_of("port", id_) == "up" for id_ in states), 10, "the guests are wired")
    wait_until(lambda: radvd(made), 5, "radvd runs")
    for name in GUESTS:
        started(made, name)


def started(lab: Lab, name: str) -> None:
    """The guest's card comes up (anew): it asks for a router at once."""
    lab.host.sh(f"""
        ip -n {name} link set eth0 down
        ip netns exec {name} sysctl -qw net.ipv6.conf.eth0.router_solicitation_delay=0
        ip -n {name} link set eth0 up
    """)


def addresses(lab: Lab, name: str) -> dict[str, int]:
    """The guest's global addresses, with the seconds for which each is preferred."""
    (link,) = json.loads(lab.host.run("ip", "-n", name, "-6", "-j", "addr", "show", "dev", "eth0"))
    return {each["local"]: each["preferred_life_time"] for each in link["addr_info"] if each["scope"] == "global"}


def default(lab: Lab, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(lab.host.run("ip", "-n", name, "-6", "-j", "route", "show", "default"))
    return found


def told(lab: Lab, name: str, seconds: float = 8) -> dict[str, Any]:
    """What the guest's router advertises, asked now."""
    answer: dict[str, Any] = json.loads(lab.host.guest(name, sys.executable, ASK, "eth0", str(seconds), timeout=30))
    return answer


def radvd(lab: Lab) -> str:
    return lab.host.sh(f"cat $(find {lab.agent._log.parent}/run/ra -name pid) 2>/dev/null || true").strip()


def test_a_guest_has_the_address_of_its_port(lab: Lab) -> None:
    """By SLAAC, whatever its groups say; and reaches guests of other subnets by the route that it was told."""
    for name in ("g0", "closed", "g1"):
        assert eventually(lambda name=name: list(addresses(lab, name)) == [ADDRESS[name]], 10), lab.agent.log[-3000:]
    assert eventually(lambda: lab.host.pings("g0", ADDRESS["g1"]), 5)
    assert lab.host.pings("closed", ADDRESS["g1"]) and not lab.host.pings("g1", ADDRESS["closed"], wait=0.5)
    assert [each["gateway"] for each in default(lab, "g0")] == [link_local(interface(0).mac_address)]


def test_what_each_mode_tells(lab: Lab) -> None:
    servers = ["fd00:53::1", "fd00:53::2"]
    for number, managed, other, own in ((0, False, False, True), (1, False, True, True), (2, True, False, False)):
        assert told(lab, f"g{number}") == {
            "lifetime": 300, "managed": managed, "other": other, "mtu": MTUS[number],
            "servers": servers if number == 0 else [], "prefixes": {cidr(number): [own, 14400]},
        }  # fmt: skip
    assert told(lab, "g3", 1) is None
    assert not addresses(lab, "g3") and not default(lab, "g3")


def test_what_comes_by_dhcpv6(lab: Lab) -> None:
    """The name servers where only they do, and the address of the port."""
    assert lab.host.guest("g1", "python3", "-c", INFORMATION, timeout=15).split() == ["7", "fd00:53::1"]
    assert lab.host.guest("g2", "python3", "-c", SOLICIT, timeout=15).split() == ["2", "fd00:2::22"]
    assert not addresses(lab, "g2")
    lab.host.run("ip", "-n", "g2", "addr", "add", "fd00:2::22/128", "dev", "eth0")
    assert eventually(lambda: lab.host.pings("g2", ADDRESS["g0"]), 5)


def test_a_prefix_more_and_one_fewer(lab: Lab) -> None:
    """The first keeps its guests' addresses all the time; who has an address of the other hears that it is no more."""
    more = l3.subnet("s9", "n0", "fd00:9::/64", "fd00:9::1", ipv6_ra_mode="slaac", ipv6_address_mode="slaac")
    second = eui64_address("fd00:9::/64", GUESTS["g0"].mac_address)
    lab.cloud.put(more)
    lab.cloud.port(interface(0, "s9=fd00:9::1"))
    assert eventually(lambda: set(addresses(lab, "g0")) == {ADDRESS["g0"], second}, 5)
    assert set(told(lab, "g0")["prefixes"]) == {cidr(0), cidr(9)}
    lab.cloud.port(interface(0))
    assert eventually(lambda: addresses(lab, "g0").get(second) == 0, 5)
    assert addresses(lab, "g0")[ADDRESS["g0"]] > 0 and default(lab, "g0")
    assert set(told(lab, "g0")["prefixes"]) == {cidr(0)}
    lab.cloud.remove(Ref("subnet", "s9"))


def test_a_restart_of_the_agent_is_not_noticed(lab: Lab) -> None:
    """And a guest that starts while it is away hears from its router."""
    before = wait_until(lambda: radvd(lab), 5, "radvd runs")
    pinging, told = Pinging(lab.host, "g0", ADDRESS["g1"], 2), len(lab.agent.log)
    lab.agent.stop()
    started(lab, "closed")
    assert eventually(lambda: list(addresses(lab, "closed")) == [ADDRESS["closed"]], 8)
    fetches = len(lab.cloud.fetches)
    lab.agent.start()
    wait_until(lambda: any(each.revision for each in lab.cloud.fetches[fetches:]), 15, "the agent has its view")
    assert pinging.result() == (200, 0)
    assert radvd(lab) == before and "drift " not in lab.agent.log[told:]


def test_radvd_killed_comes_back_and_is_told(lab: Lab) -> None:
    before, drift = radvd(lab), len(lab.agent.log)
    lab.host.run("kill", "-9", before)
    wait_until(lambda: radvd(lab) not in ("", before), 5, f"another radvd: {lab.agent.log[-2000:]}")
    expected = f"expected=[{SPACE}: radvd in {SPACE}] found=[no process]"
    wait_until(lambda: expected in lab.agent.log[drift:], 5, f"it is told: {lab.agent.log[drift:]}")
    assert lab.host.run("ps", "-o", "user=", "-p", radvd(lab)).split() == ["radvd"]
    assert told(lab, "g0")["lifetime"] == 300


def test_a_router_that_is_down_is_no_default_router(lab: Lab) -> None:
    assert eventually(lambda: default(lab, "g0"), 5)
    lab.cloud.put(l3.router(ROUTER, admin_state_up=False))
    assert eventually(lambda: not default(lab, "g0"), 5)
    assert addresses(lab, "g0")[ADDRESS["g0"]] > 0
    lab.cloud.put(l3.router(ROUTER))
    assert eventually(lambda: lab.host.pings("g0", ADDRESS["g1"]), 5)


def test_an_interface_that_goes_says_goodbye(lab: Lab) -> None:
    """Those of the others hear nothing of it; without the last one nothing advertises."""
    assert eventually(lambda: default(lab, "g0") and default(lab, "g1"), 5)
    lab.cloud.remove_port(interface(0).id)
    assert eventually(lambda: not default(lab, "g0") and not any(addresses(lab, "g0").values()), 5)
    assert ADDRESS["g0"] in addresses(lab, "g0")
    assert default(lab, "g1") and radvd(lab)
    for number in (1, 2):
        lab.cloud.remove_port(interface(number).id)
    assert eventually(lambda: not default(lab, "g1") and not default(lab, "g2"), 5)
    assert eventually(lambda: not lab.host.sh("pgrep radvd || true").strip(), 5)


def test_nothing_is_left_of_a_router_that_went_meanwhile(lab: Lab) -> None:
    """Not even where its namespace went as well, by hand."""
    lab.cloud.port(interface(0))
    before = wait_until(lambda: radvd(lab), 5, "radvd runs")
    lab.agent.stop()
    lab.cloud.remove(Ref("assignment", f"router/{ROUTER}"))
    lab.host.run("ip", "netns", "del", SPACE)
    assert lab.host.sh(f"kill -0 {before} && echo runs").split() == ["runs"]
    lab.agent.start()
    assert eventually(lambda: not lab.host.sh("pgrep radvd || true").strip(), 10), lab.agent.log[-2000:]
    assert eventually(lambda: not lab.host.sh(f"ls {lab.agent._log.parent}/run/ra").split(), 5)
