"""IPv6 between guests and the outside, by every way in which a router learns of the next one; on both data planes.

The outside is a router itself, `fe80::1` on the external network, with 2001:db8:ffff::1 behind it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes import l3
from tests.real.conftest import Lab
from tests.real.planes import PLANES, plane_lab
from tests.real.test_router_advertisements import started
from tests.real.testhost import wait_until
from tests.real.traffic import eventually

from heddle.agent.addresses import link_local
from heddle.control.ipam import eui64_address
from heddle.view.types import AssignmentView, GroupView, PortView, RuleView

MAPPING = {"openvswitch": "agent.bridge_mappings=public:br-ex",
           "linuxbridge": "agent.physical_interface_mappings=public:eth1"}  # fmt: skip
OPEN = GroupView(id="open", rules=[RuleView(id=f"{way}{version}", direction=way, ethertype=version)
                                   for way in ("ingress", "egress") for version in (4, 6)])  # fmt: skip
ROUTER, SPACE = l3.uuid(1), f"qrouter-{l3.uuid(1)}"
PREFIX, FAR, FAR4 = "fd00:1::/64", "2001:db8:ffff::1", "203.0.113.1"
INSIDE = l3.interface_port(0x11, ROUTER, "blue", {"blue4": "10.0.0.1", "blue6": "fd00:1::1"})
GUEST = l3.port(0x20, "blue", {"blue4": "10.0.0.9", "blue6": eui64_address(PREFIX, l3.mac(0x20))},
                security_groups=["open"])  # fmt: skip
ADDRESS = GUEST.fixed_ips[1].ip_address
ADVERTISED = """interface eth0 { AdvSendAdvert on; MinRtrAdvInterval 100; MaxRtrAdvInterval 200;
prefix 2001:db8:9::/64 { AdvAutonomous on; }; };"""


def gateway(*more: str) -> PortView:
    """The router's gateway, with an address of IPv4 and more as "subnet=address"."""
    return l3.gateway_port(0x10, ROUTER, {"public4": "203.0.113.10", **dict(each.split("=") for each in more)})


@pytest.fixture(scope="module", params=PLANES)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    folder = Path(tempfile.mkdtemp(prefix="heddle-outside-"))
    folder.chmod(0o755)
    settings = ("agent.roles=switch,router", "agent.audit_seconds=0.5", "agent.resync_seconds=600",
                "agent.tunnel_ip=127.0.0.1", MAPPING[request.param], f"paths.run={folder}/run",
                f"paths.state={folder}/state")  # fmt: skip
    try:
        with plane_lab(request.param, folder, *settings) as made:
            outside(made, request.param)
            build(made)
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def outside(made: Lab, plane: str) -> None:
    made.host.add_guest("outside", "fa:16:3e:ff:00:01", [f"{FAR4}/24", "fe80::1/64"], mtu=1500)
    if plane == "openvswitch":
        wait_until(lambda: "br-ex" in made.host.run("ovs-vsctl", "list-br").split(), 5, "br-ex is there")
        made.host.run("ovs-vsctl", "add-port", "br-ex", "p-outside")
    else:
        made.host.sh("ip link set p-outside down; ip link set p-outside name eth1; ip link set eth1 up")
    made.host.guest("outside", "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1", check=True)
    for words in (
        f"addr add {FAR}/128 dev lo", "addr add 2001:db8::1/64 dev eth0",
        f"route add {PREFIX} via {link_local(gateway().mac_address)} dev eth0",
    ):  # fmt: skip
        made.host.run("ip", "-n", "outside", *words.split())


def build(made: Lab) -> None:
    made.cloud.put(
        OPEN, l3.network("public", mtu=1500, external=True), l3.network("blue", tunnel=10),
        l3.subnet("public4", "public", "203.0.113.0/24", FAR4), l3.subnet("blue4", "blue", "10.0.0.0/24", "10.0.0.1"),
        l3.subnet("blue6", "blue", PREFIX, "fd00:1::1", ipv6_ra_mode="slaac", ipv6_address_mode="slaac"),
        l3.router(ROUTER, gateway()), AssignmentView(id=f"router/{ROUTER}", role="router", object_id=ROUTER),
    )  # fmt: skip
    for port in (INSIDE, GUEST, gateway()):
        made.cloud.port(port)
    made.host.plug("g", GUEST.mac_address, ["10.0.0.9/24"], GUEST.id, gateway="10.0.0.1")
    wait_until(lambda: made.cloud.state_of("port", GUEST.id) == "up", 10, "the guest is wired")
    wait_until(lambda: made.cloud.state_of("router", ROUTER) == "up", 10, "the router is up")
    started(made, "g")
    made.host.run("ip", "-n", "g", "route", "add", "default", "via", "10.0.0.1")


def defaults(lab: Lab) -> list[str]:
    """The router's default routes, as "next hop, who told it"."""
    lines = lab.host.run("ip", "-n", SPACE, "-6", "route", "show", "default").splitlines()
    return [f"{line.split()[2]} {line.split()[line.split().index('proto') + 1]}" for line in lines]


def reaches(lab: Lab) -> bool:
    return lab.host.pings("g", FAR) and lab.host.pings("outside", ADDRESS)


def test_the_next_router_tells_of_itself(lab: Lab) -> None:
    """No subnet outside is of IPv6: the router has a link-local address there and listens; IPv4 goes as well."""
    assert eventually(lambda: lab.host.pings("g", FAR4) and lab.host.pings("g", "fd00:1::1"), 10), lab.agent.log[-3000:]
    assert defaults(lab) == [] and not lab.host.pings("g", FAR, wait=0.5)
    lab.host.sh(f"echo '{ADVERTISED}' >/run/outside.conf; cd /; ip netns exec outside radvd -C /run/outside.conf "
                "-p /run/outside.pid -m none")  # fmt: skip
    assert eventually(lambda: reaches(lab), 8), defaults(lab)
    assert defaults(lab) == ["fe80::1 ra"] and lab.host.pings("g", FAR4)
    assert "2001:db8:9:" not in lab.host.run("ip", "-n", SPACE, "-6", "addr")


def test_what_the_router_listens_to_is_put_back(lab: Lab) -> None:
    device = f"qg-{gateway().id[:11]}"
    told = len(lab.agent.log)
    lab.host.guest(SPACE, "sysctl", "-qw", f"net.ipv6.conf.{device}.accept_ra=0", check=True)
    assert eventually(lambda: f"{device}: router advertisements taken] found=[not taken]" in lab.agent.log[told:], 5)
    assert lab.host.guest(SPACE, "sysctl", "-n", f"net.ipv6.conf.{device}.accept_ra").strip() == "2"
    assert eventually(lambda: reaches(lab), 8)


def test_a_gateway_of_an_external_subnet(lab: Lab) -> None:
    """The router no longer listens, and forgets what it heard; a link-local gateway does as well."""
    for next_hop in ("2001:db8::1", "fe80::1"):
        lab.cloud.put(l3.subnet("public6", "public", "2001:db8::/64", next_hop))
        lab.cloud.port(gateway("public6=2001:db8::10"))
        assert eventually(lambda hop=next_hop: defaults(lab) == [f"{hop} static"], 5), lab.agent.log[-3000:]
        assert eventually(lambda: reaches(lab) and lab.host.pings("outside", "2001:db8::10"), 5)
    lab.cloud.port(gateway())
    assert eventually(lambda: defaults(lab) == ["fe80::1 ra"] and reaches(lab), 8), defaults(lab)


def test_packets_too_big_are_told(lab: Lab) -> None:
    """The outside's link has 1500 bytes, the guest's network 1450."""
    assert eventually(lambda: reaches(lab), 8)
    assert "mtu=1450" in lab.host.guest("outside", "ping", "-c", "1", "-W", "1", "-M", "do", "-s", "1440", ADDRESS)
    assert "1 received" in lab.host.guest("outside", "ping", "-c", "1", "-W", "1", "-M", "do", "-s", "1402", ADDRESS)


def test_the_next_router_by_a_setting(lab: Lab) -> None:
    """Over a restart of the agent, and though nobody advertises any more."""
    lab.host.sh("kill $(cat /run/outside.pid)")
    assert eventually(lambda: defaults(lab) == [], 5) and not lab.host.pings("g", FAR, wait=0.5)
    lab.agent.stop()
    lab.agent.settings.append("agent.ipv6_gateway=fe80::1")
    lab.agent.start()
    assert eventually(lambda: defaults(lab) == ["fe80::1 static"] and reaches(lab), 10), lab.agent.log[-3000:]
