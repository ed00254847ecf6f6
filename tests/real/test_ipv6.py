"""IPv6 through a router, and an address by DHCPv6."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes import l3
from tests.real.lab import L3Lab, l3_lab

from heddle.view.types import AssignmentView, GroupView, RuleView

pytestmark = pytest.mark.real

OPEN = GroupView(
    id="open",
    rules=[
        RuleView(id=f"{way}{kind}", direction=way, ethertype=kind) for way in ("ingress", "egress") for kind in (4, 6)
    ],
)  # fmt: skip
ROUTER = l3.uuid(1)

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


@pytest.fixture(scope="module")
def lab() -> Iterator[L3Lab]:
    with l3_lab() as made:
        made.cloud.put(
            OPEN, l3.router(ROUTER), AssignmentView(id=f"router/{ROUTER}", role="router", object_id=ROUTER),
            AssignmentView(id="dhcp/n0", role="dhcp", object_id="n0"),
        )  # fmt: skip
        for i in range(2):
            prefix = "fd00:1::" if i else "fd00::"
            made.cloud.put(
                l3.network(f"n{i}", tunnel=10 + i),
                l3.subnet(f"s{i}", f"n{i}", f"{prefix}/64", f"{prefix}1", ipv6_address_mode="dhcpv6-stateful"),
            )
            made.cloud.port(l3.interface_port(0x10 + i, ROUTER, f"n{i}", {f"s{i}": f"{prefix}1"}))
            guest = l3.port(0x20 + i, f"n{i}", {f"s{i}": f"{prefix}10"}, security_groups=["open"])
            made.cloud.port(guest)
            made.host.plug(f"g{i}", guest.mac_address, [f"{prefix}10/64"], guest.id)
            made.host.run("ip", "-n", f"g{i}", "route", "add", "default", "via", f"{prefix}1")
        made.cloud.port(l3.dhcp_port(0x30, "n0", {"s0": "fd00::2"}))
        made.until(lambda: all(made.cloud.state_of("port", l3.uuid(0x20 + i)) == "up" for i in range(2)), 10, "wired")
        yield made


def test_routed_between_two_networks(lab: L3Lab) -> None:
    lab.until(lambda: lab.host.pings("g0", "fd00:1::10"), 5, "g0 reaches g1")
    lab.until(lambda: lab.host.pings("g1", "fd00::10"), 5, "g1 reaches g0")


def test_an_address_by_dhcpv6(lab: L3Lab) -> None:
    """The server advertises the port's address to the port's MAC."""
    assert lab.host.guest("g0", "python3", "-c", SOLICIT, timeout=15).split() == ["2", "fd00::10"]


def test_a_router_answers_outside_for_guests_by_ndp(lab: L3Lab) -> None:
    """Who is on the external network finds the guests that are proxied, by asking for them, and no others."""
    cloud, proxied, other = lab.cloud, "fd00:1::10", "fd00::10"
    cloud.put(
        l3.network("public", mtu=1500, external=True), l3.subnet("public6", "public", "2001:db8::/64", "2001:db8::1")
    )
    gateway = l3.gateway_port(0x40, ROUTER, {"public6": "2001:db8::5"})
    cloud.port(gateway)
    cloud.put(l3.router(ROUTER, gateway, enable_ndp_proxy=True))
    lab.until(lambda: "br-ex" in lab.host.run("ovs-vsctl", "list-br").split(), 5, "br-ex is there")
    lab.outside("outside", "2001:db8::1/64")
    for prefix in ("fd00:1::/64", "fd00::/64"):
        lab.in_space("outside", "ip", "route", "add", prefix, "dev", "eth0")
    lab.until(lambda: lab.host.pings("g1", "2001:db8::5"), 5, "the gateway is there")
    assert not lab.host.pings("outside", proxied, wait=0.5)

    cloud.put(l3.router(ROUTER, gateway, enable_ndp_proxy=True, ndp_proxies=[proxied]))
    lab.until(lambda: lab.host.pings("outside", proxied, wait=0.2), 5, "the proxied guest is found")
    neighbours = lab.in_space("outside", "ip", "-6", "neigh", "show", proxied)
    assert gateway.mac_address in neighbours
    assert lab.host.pings("g1", "2001:db8::1")
    assert not lab.host.pings("outside", other, wait=0.5)
    lab.in_space("outside", "ip", "route", "replace", "fd00::/64", "via", "2001:db8::5")
    assert not lab.host.pings("outside", other, wait=0.5)

    space = f"qrouter-{ROUTER}"
    lab.in_space(space, "ip", "-6", "neigh", "del", "proxy", proxied, "dev", f"qg-{gateway.id[:11]}")
    lab.until(lambda: proxied in lab.in_space(space, "ip", "-6", "neigh", "show", "proxy"), 5, "the proxy is back")
    lab.agent.stop()
    lab.start_agent()
    lab.until(lambda: lab.host.pings("outside", proxied, wait=0.2), 5, "it is found after a restart of the agent")

    cloud.put(l3.router(ROUTER, gateway, enable_ndp_proxy=True, ndp_proxies=[other]))
    lab.until(lambda: lab.host.pings("outside", other, wait=0.2), 5, "now the other one is reached")
    lab.in_space("outside", "ip", "-6", "neigh", "flush", "dev", "eth0")
    assert not lab.host.pings("outside", proxied, wait=0.5)
    lab.in_space("outside", "ip", "route", "replace", "fd00:1::/64", "via", "2001:db8::5")
    assert not lab.host.pings("outside", proxied, wait=0.5)
    cloud.put(l3.router(ROUTER, gateway))
    lab.until(lambda: lab.host.pings("outside", proxied, wait=0.2), 5, "who is routed to is reached without proxies")
    shown = lab.in_space(space, "ip", "-6", "neigh", "show", "proxy")
    assert proxied not in shown and other not in shown
