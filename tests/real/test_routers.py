"""Routers, floating IPs and DHCP, with packets: the real agent on real Open vSwitch, told by a fake cloud."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import msgspec
import pytest
from tests.fakes import l3
from tests.fakes.objects import policy
from tests.real.lab import L3Lab, l3_lab
from tests.real.rates import comes, pouring
from tests.real.tenant import Tenant, with_outside
from tests.real.traffic import lease

from heddle.view.types import AssignmentView, ConntrackHelper, Ref

pytestmark = pytest.mark.real

@pytest.fixture(scope="module")
def made() -> Iterator[L3Lab]:
    with l3_lab() as each:
        with_outside(each)
        yield each


@pytest.fixture(scope="module")
def blue(made: L3Lab) -> Tenant:
    tenant = Tenant(made, "blue", 0x100, "203.0.113.10", 100)
    made.until(lambda: made.cloud.state_of("router", tenant.router) == "up", 5, "the router is up")
    return tenant


@pytest.fixture(scope="module")
def red(made: L3Lab) -> Tenant:
    """The same addresses as blue's, behind another router."""
    tenant = Tenant(made, "red", 0x200, "203.0.113.11", 200)
    made.until(lambda: made.cloud.state_of("router", tenant.router) == "up", 5, "the router is up")
    return tenant


def source_seen(made: L3Lab, guest: str) -> str:
    """The address that the outside sees when the guest connects to it."""
    server = made.host.popen(
        "ip", "netns", "exec", "outside", "python3", "-c",
        "import socket; s = socket.create_server(('203.0.113.1', 8080)); s.settimeout(5); c, a = s.accept();"
        "c.sendall(a[0].encode())",
    )  # fmt: skip
    text = ""
    for _ in range(20):
        text = made.host.guest(
            guest, "python3", "-c",
            "import socket; c = socket.create_connection(('203.0.113.1', 8080), 2); print(c.recv(99).decode())",
        ).strip()  # fmt: skip
        if "Error" not in text:
            break
        time.sleep(0.1)
    server.wait(6)
    return text


def test_between_two_networks(blue: Tenant) -> None:
    blue.reaches(0, "10.0.1.10")
    blue.reaches(1, "10.0.0.10")


def test_outward_under_the_routers_address(made: L3Lab, blue: Tenant) -> None:
    blue.reaches(0, "203.0.113.1")
    assert source_seen(made, "blue1") == "203.0.113.10"


def test_overlapping_addresses_of_two_tenants(made: L3Lab, blue: Tenant, red: Tenant) -> None:
    red.reaches(0, "203.0.113.1")
    red.reaches(0, "10.0.1.10")
    assert source_seen(made, "red1") == "203.0.113.11"
    assert source_seen(made, "blue1") == "203.0.113.10"


def test_nobody_routes_in_from_outside(made: L3Lab, blue: Tenant) -> None:
    """With SNAT on, the private addresses are no destination on the external network."""
    blue.reaches(0, "203.0.113.1")
    made.in_space("outside", "ip", "route", "replace", "10.0.0.0/24", "via", "203.0.113.10")
    assert not made.host.pings("outside", "10.0.0.10")
    made.in_space("outside", "ip", "route", "del", "10.0.0.0/24")


def test_floating_ip(made: L3Lab, blue: Tenant) -> None:
    floating = l3.floating_ip("f1", blue.router, "203.0.113.20", "10.0.0.10", blue.ports[0])
    blue.reaches(0, "203.0.113.1")
    assert not made.host.pings("outside", "203.0.113.20")
    started = time.monotonic()
    made.cloud.put(floating)
    made.until(lambda: made.host.pings("outside", "203.0.113.20", wait=0.1), 5, "the floating IP answers")
    print(f"floating IP answers after {1000 * (time.monotonic() - started):.0f} ms")
    assert source_seen(made, "blue1") == "203.0.113.20"
    assert source_seen(made, "blue2") == "203.0.113.10"
    blue.reaches(1, "203.0.113.20")
    blue.reaches(0, "203.0.113.20")
    made.host.popen("ip", "netns", "exec", "outside", "ping", "-q", "-i", "0.05", "203.0.113.20", stdout=-3)
    time.sleep(0.3)
    made.cloud.remove(Ref("floating_ip", "f1"))
    made.until(lambda: not made.host.pings("outside", "203.0.113.20", wait=0.2), 5, "the floating IP is silent")
    time.sleep(0.3)
    connections = made.in_space(blue.space, "conntrack", "-L", check=False)
    assert "203.0.113.20" not in connections
    assert source_seen(made, "blue1") == "203.0.113.10"


def test_policies_of_floating_ips_and_of_the_gateway(made: L3Lab, blue: Tenant) -> None:
    """What the gateway's own address sends is limited apart from floating IPs; without a policy nothing is."""
    blue.reaches(0, "203.0.113.1")
    floating = l3.floating_ip("f9", blue.router, "203.0.113.29", "10.0.0.10", blue.ports[0])
    made.cloud.put(floating)
    made.until(lambda: made.host.pings("outside", "203.0.113.29", wait=0.1), 5, "the floating IP answers")
    with pouring(made.host, "blue1", "203.0.113.1"):
        comes(made.host, "outside", 5_000, 60_000)
        made.cloud.put(policy("fip", ("egress", "kbps", 2_000, 0), ("ingress", "kbps", 3_000, 0)))
        made.cloud.put(msgspec.structs.replace(floating, qos_policy="fip"))
        comes(made.host, "outside", 1_600, 2_400)
    with pouring(made.host, "outside", "203.0.113.29"):
        comes(made.host, "blue1", 2_400, 3_600)
    router = made.cloud.view(Ref("router", blue.router))
    with pouring(made.host, "blue2", "203.0.113.1"):
        comes(made.host, "outside", 5_000, 60_000)
        made.cloud.put(policy("gate", ("egress", "kbps", 1_500, 0)))
        made.cloud.put(msgspec.structs.replace(router, qos_policy="gate"))
        comes(made.host, "outside", 1_200, 1_800)
        made.cloud.put(policy("gate", ("egress", "kbps", 3_000, 0)))
        comes(made.host, "outside", 2_400, 3_600)
    rules = made.in_space(blue.space, "nft", "list", "table", "inet", "heddle")
    assert rules.count("limit rate") == 3
    made.cloud.put(router, floating)
    listing = ("nft", "list", "table", "inet", "heddle")
    made.until(lambda: "limit" not in made.in_space(blue.space, *listing), 5, "there is no limit")
    made.cloud.remove(Ref("floating_ip", "f9"))
    blue.reaches(0, "203.0.113.1")


def test_a_floating_ip_of_another_subnet_of_the_network(made: L3Lab, blue: Tenant) -> None:
    """As on a routed external network, whose floating IPs are reached by way of the routers' gateways."""
    blue.reaches(0, "203.0.113.1")
    made.in_space("outside", "ip", "route", "replace", "192.0.2.80/32", "via", "203.0.113.10")
    assert not made.host.pings("outside", "192.0.2.80")
    made.cloud.put(l3.floating_ip("f8", blue.router, "192.0.2.80", "10.0.0.10", blue.ports[0]))
    made.until(lambda: made.host.pings("outside", "192.0.2.80", wait=0.1), 5, "the floating IP answers")
    assert source_seen(made, "blue1") == "192.0.2.80" and source_seen(made, "blue2") == "203.0.113.10"
    made.cloud.remove(Ref("floating_ip", "f8"))
    made.until(lambda: not made.host.pings("outside", "192.0.2.80", wait=0.2), 5, "the floating IP is silent")
    made.in_space("outside", "ip", "route", "del", "192.0.2.80/32")
    assert source_seen(made, "blue1") == "203.0.113.10"


def test_a_connection_through_a_floating_ip_that_went_is_cut(made: L3Lab, blue: Tenant) -> None:
    made.cloud.put(l3.floating_ip("f2", blue.router, "203.0.113.21", "10.0.0.10", blue.ports[0]))
    made.until(lambda: made.host.pings("outside", "203.0.113.21", wait=0.1), 5, "the floating IP answers")
    made.host.popen(
        "ip", "netns", "exec", "blue1", "python3", "-c",
        "import socket, time; s = socket.create_server(('', 9000)); c, a = s.accept()\n"
        "while True: c.sendall(b'x'); time.sleep(0.05)", stderr=-3,
    )  # fmt: skip
    time.sleep(0.3)
    reader = made.host.popen(
        "ip", "netns", "exec", "outside", "python3", "-c",
        "import socket; c = socket.create_connection(('203.0.113.21', 9000), 5); c.settimeout(1.5); n = 0\n"
        "try:\n while c.recv(1): n += 1; print(n, flush=True)\nexcept TimeoutError: print('silent', flush=True)",
        stdout=-1, text=True,
    )  # fmt: skip
    assert reader.stdout.readline().strip() == "1"
    made.cloud.remove(Ref("floating_ip", "f2"))
    assert "silent" in reader.communicate(timeout=10)[0]


def test_ports_are_forwarded(made: L3Lab, blue: Tenant) -> None:
    """One port, a range to its equal, a range to another, a range to one port; nothing else of the address answers."""
    blue.reaches(0, "203.0.113.1")
    made.serve("blue1", 22, 81, 90, 92)
    made.serve("blue2", 8005)
    ranges = (
        l3.forwarding((2222, 2222), "10.0.0.10", (22, 22)), l3.forwarding((8000, 8010), "10.0.1.10", (8000, 8010)),
        l3.forwarding((9000, 9002), "10.0.0.10", (90, 92)), l3.forwarding((7000, 7009), "10.0.0.10", (81, 81)),
    )  # fmt: skip
    address = "203.0.113.25"
    made.cloud.put(l3.forwarding_ip("w1", blue.router, address, *ranges))
    made.until(lambda: made.answer("outside", address, 2222) == "blue1 22 203.0.113.1", 5, "the port is forwarded")
    made.until(lambda: made.answer("outside", address, 8005), 5, "the other server listens")
    assert made.cloud.state_of("floating_ip", "w1") == "up"
    wanted = {8005: "blue2 8005", 9000: "blue1 90", 9002: "blue1 92", 7003: "blue1 81", 22: "", 9001: "", 2223: ""}
    seen = {port: made.answer("outside", address, port) for port in wanted}
    assert seen == {port: text and f"{text} 203.0.113.1" for port, text in wanted.items()}
    assert made.answer("blue1", address, 8005) == "blue2 8005 203.0.113.10"
    assert made.answer("blue1", address, 2222) == "blue1 22 203.0.113.10"
    made.cloud.put(l3.forwarding_ip("w1", blue.router, address, *ranges[1:]))
    made.until(lambda: made.answer("outside", address, 2222) == "", 5, "the port is forwarded no more")
    assert made.answer("outside", address, 8005) == "blue2 8005 203.0.113.1"
    made.cloud.remove(Ref("floating_ip", "w1"))
    made.until(lambda: made.answer("outside", address, 8005) == "", 5, "nothing is forwarded")
    assert "@forward_" not in made.in_space(blue.space, "nft", "list", "ruleset")


FTP_CLIENT = """
import socket, sys
own, listening = sys.argv[1], socket.create_server(('', 0)); listening.settimeout(0.5)
control = socket.create_connection((sys.argv[2], int(sys.argv[3])), 2); control.settimeout(2)
line = lambda: control.makefile().readline().strip()
line(); control.sendall(b'USER x\\r\\n'); line()
high, low = divmod(listening.getsockname()[1], 256)
control.sendall(f"PORT {own.replace('.', ',')},{high},{low}\\r\\n".encode()); print(line().split()[-1])
try: print(listening.accept()[0].recv(99).decode())
except TimeoutError: print('nothing')
"""
FTP_SERVER = """
import select, socket, sys
servers = [socket.create_server(('', int(port))) for port in sys.argv[1:]]
while True:
    for server in select.select(servers, [], [])[0]:
        control, _ = server.accept()
        lines = control.makefile()
        control.sendall(b'220 hello\\r\\n'); lines.readline(); control.sendall(b'230 in\\r\\n')
        told = lines.readline().split()[1]
        parts = told.split(','); control.sendall(f'200 {told}\\r\\n'.encode())
        try: socket.create_connection(('.'.join(parts[:4]), int(parts[4]) * 256 + int(parts[5])), 0.5).sendall(b'data')
        except OSError: pass
        control.close()
"""
PASSIVE_SERVER = """
import socket
data, server = socket.create_server(('', 1025)), socket.create_server(('', 21))
while True:
    control, _ = server.accept()
    lines = control.makefile()
    control.sendall(b'220 hello\\r\\n'); lines.readline()
    control.sendall(b'227 Entering Passive Mode (10,0,0,10,4,1)\\r\\n')
    data.accept()[0].sendall(b'data'); control.close()
"""
PASSIVE_CLIENT = """
import socket, sys
control = socket.create_connection((sys.argv[1], 21), 2); lines = control.makefile()
lines.readline(); control.sendall(b'PASV\\r\\n'); told = lines.readline().split('(')[1].split(')')[0]; print(told)
print(socket.create_connection((sys.argv[1], 1025), 1).recv(99).decode())
"""
TFTP_SERVER = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); server.bind(('203.0.113.1', 69))
while True:
    _, who = server.recvfrom(99)
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); other.bind(('203.0.113.1', 0))
    other.sendto(b'\\0\\3\\0\\1file', who)
"""
TFTP_CLIENT = """
import socket
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); client.settimeout(0.5)
client.sendto(b'\\0\\1name\\0octet\\0', ('203.0.113.1', 69))
try: print(client.recv(99)[4:].decode())
except TimeoutError: print('nothing')
"""


def test_connections_that_others_agree_on_are_followed(made: L3Lab, blue: Tenant) -> None:
    """The data of FTP in both its modes, and of TFTP; without the helpers, and at another port, nothing comes."""
    blue.reaches(0, "203.0.113.1")
    for where, script, *ports in (
        ("outside", FTP_SERVER, "21", "2121"), ("outside", TFTP_SERVER), ("blue1", PASSIVE_SERVER)
    ):  # fmt: skip
        made.host.popen("ip", "netns", "exec", where, "python3", "-c", script, *ports, stderr=-3)

    def ftp(port: int) -> list[str]:
        return made.in_space("blue1", "python3", "-c", FTP_CLIENT, "10.0.0.10", "203.0.113.1", str(port)).split()

    def tftp() -> str:
        return made.in_space("blue1", "python3", "-c", TFTP_CLIENT).strip()

    made.until(lambda: made.host.guest("outside", "ss", "-Htln").count("21 ") >= 2, 5, "the servers listen")
    told, came = ftp(21)
    assert told.startswith("10,0,0,10,") and came == "nothing" and tftp() == "nothing"
    both = [ConntrackHelper("ftp", "tcp", 21), ConntrackHelper("tftp", "udp", 69)]
    made.cloud.put(l3.router(blue.router, blue.gateway, conntrack_helpers=both))
    made.until(lambda: ftp(21)[1] == "data", 5, "the data of FTP comes")
    assert ftp(21)[0].startswith("203,0,113,10,") and tftp() == "file"
    assert ftp(2121)[1] == "nothing"
    made.cloud.put(l3.floating_ip("f9", blue.router, "203.0.113.26", "10.0.0.10", blue.ports[0]))
    made.until(lambda: made.host.pings("outside", "203.0.113.26", wait=0.1), 5, "the floating IP answers")
    passive = made.in_space("outside", "python3", "-c", PASSIVE_CLIENT, "203.0.113.26").split()
    assert passive == ["203,0,113,26,4,1", "data"]
    made.cloud.remove(Ref("floating_ip", "f9"))
    made.until(lambda: made.cloud.state_of("router", blue.router) == "up", 5, "the router is up")

    unknown = ConntrackHelper("amanda", "tcp", 10080)
    made.cloud.put(l3.router(blue.router, blue.gateway, conntrack_helpers=[*both, unknown]))
    made.until(lambda: made.cloud.state_of("router", blue.router) == "error", 5, "one is told not to be there")
    assert "no conntrack helper amanda for tcp" in made.cloud.statuses[Ref("router", blue.router)].message
    assert ftp(21)[1] == "data"
    made.cloud.put(l3.router(blue.router, blue.gateway))
    made.until(lambda: made.cloud.state_of("router", blue.router) == "up", 5, "the router is well")
    assert ftp(21)[1] == "nothing"


def test_admin_down_forwards_nothing(made: L3Lab, blue: Tenant) -> None:
    blue.reaches(0, "10.0.1.10")
    made.cloud.put(l3.router(blue.router, blue.gateway, admin_state_up=False))
    made.until(lambda: not blue.pings(0, "10.0.1.10"), 5, "the router forwards nothing")
    assert made.cloud.state_of("router", blue.router) == "down"
    made.cloud.put(l3.router(blue.router, blue.gateway))
    blue.reaches(0, "10.0.1.10")


def test_a_rule_removed_by_hand_comes_back(made: L3Lab, blue: Tenant) -> None:
    made.in_space(blue.space, "nft", "flush", "chain", "inet", "heddle", "postrouting")
    made.until(lambda: "snat" in made.in_space(blue.space, "nft", "list", "ruleset"), 5, "the rules are back")
    made.until(lambda: "drift role=router" in made.agent.log, 5, "the drift is logged")
    blue.reaches(0, "203.0.113.1")


def test_an_address_removed_by_hand_comes_back(made: L3Lab, blue: Tenant) -> None:
    name = f"qr-{l3.uuid(blue.base + 2)[:11]}"
    made.in_space(blue.space, "ip", "addr", "del", "10.0.0.1/24", "dev", name)
    made.in_space(blue.space, "ip", "route", "del", "default")
    blue.reaches(0, "203.0.113.1")


def test_a_namespace_removed_by_hand_comes_back(made: L3Lab, blue: Tenant) -> None:
    blue.reaches(0, "203.0.113.1")
    number = made.host.run("stat", "-c", "%i", f"/run/netns/{blue.space}")
    made.host.run("ip", "netns", "delete", blue.space, check=False)  # says busy when the agent is as quick
    made.until(lambda: made.has_space(blue.space), 5, "the namespace is back")
    assert made.host.run("stat", "-c", "%i", f"/run/netns/{blue.space}") != number
    blue.reaches(0, "203.0.113.1")
    blue.reaches(0, "10.0.1.10")


def test_a_restart_of_the_agent_loses_no_ping(made: L3Lab, blue: Tenant) -> None:
    blue.reaches(0, "203.0.113.1")
    before = made.in_space(blue.space, "ip", "-o", "addr")
    ping = made.host.popen(
        "ip", "netns", "exec", "blue1", "ping", "-q", "-i", "0.02", "-c", "200", "203.0.113.1", stdout=-1, text=True
    )
    time.sleep(0.3)
    made.agent.stop(signal.SIGKILL)
    time.sleep(0.5)
    made.start_agent()
    text = ping.communicate(timeout=20)[0]
    assert "200 received" in text, text
    assert made.in_space(blue.space, "ip", "-o", "addr") == before


def test_a_router_that_is_not_wanted_goes(made: L3Lab, blue: Tenant, red: Tenant) -> None:
    """Even when it was taken away while the agent was not there."""
    made.agent.stop()
    made.cloud.remove(Ref("assignment", f"router/{red.router}"))
    made.start_agent()
    made.until(lambda: not made.has_space(red.space), 10, "the namespace is gone")
    made.until(lambda: l3.uuid(red.base + 1)[:11] not in made.host.run("ovs-vsctl", "show"), 5, "its ports are gone")
    assert made.has_space(blue.space)
    blue.reaches(0, "203.0.113.1")


def test_what_an_agent_left_in_the_middle_of_a_removal_goes(made: L3Lab, blue: Tenant) -> None:
    """A namespace goes before its ports: one without, of a router that nobody has any more."""
    others = ports_of(made)
    made.agent.stop(signal.SIGKILL)
    for device, kind in (("qr-killed", "router"), ("tap-killed", "dhcp"), ("qr-guest", "guest")):
        left_over(made, device, kind)
    made.start_agent()
    made.until(lambda: ports_of(made) == others | {"qr-guest"}, 10, "what was left is gone")
    assert "stray port dropped role=router" in made.agent.log and "stray port dropped role=dhcp" in made.agent.log
    made.until(lambda: "qr-killed" not in made.host.run("nft", "list", "ruleset"), 5, "its chain is gone")
    assert "qr-killed" not in made.host.run("ip", "link")
    left_over(made, "qr-later", "router")
    made.until(lambda: ports_of(made) == others | {"qr-guest"}, 10, "an audit finds it")
    assert "drift role=router kind=port" in made.agent.log
    made.host.run("ovs-vsctl", "del-port", "br-int", "qr-guest")
    made.host.run("ip", "link", "delete", "qr-guest")
    blue.reaches(0, "203.0.113.1")


def left_over(made: L3Lab, device: str, kind: str) -> None:
    made.host.run("ip", "link", "add", device, "type", "veth", "peer", "name", f"{device}-p")
    made.host.run("ovs-vsctl", "add-port", "br-int", device, "--", "set", "Port", device, f"external_ids:heddle={kind}",
                  "--", "set", "Interface", device, f"external_ids:iface-id={device}")  # fmt: skip


def ports_of(made: L3Lab) -> set[str]:
    return set(made.host.run("ovs-vsctl", "list-ports", "br-int").split())


@pytest.fixture(scope="module")
def served(made: L3Lab) -> Iterator[str]:
    """A network with DHCP, and a plugged guest without an address."""
    made.cloud.put(
        l3.network("served", tunnel=900, mtu=1400), l3.subnet("served4", "served", "10.5.0.0/24", "10.5.0.1"),
        AssignmentView(id="dhcp/served", role="dhcp", object_id="served"),
    )  # fmt: skip
    made.cloud.port(l3.dhcp_port(0x900, "served", {"served4": "10.5.0.2"}))
    yield "served"


def test_dhcp_lease(made: L3Lab, served: str) -> None:
    guest = l3.port(0x901, served, {"served4": "10.5.0.10"}, security_groups=["open"])
    made.cloud.port(guest)
    made.host.plug("leased", guest.mac_address, [], guest.id)
    made.until(lambda: made.cloud.state_of("port", guest.id) == "up", 5, "the port is wired")
    started = time.monotonic()
    text = lease(made.host, "leased")
    took = time.monotonic() - started
    print(f"lease after {1000 * took:.0f} ms")
    assert "lease of 10.5.0.10 obtained" in text
    assert took < 1.0
    assert "10.5.0.10/24" in made.in_space("leased", "ip", "addr", "show", "eth0")
    assert "mtu 1400" in made.in_space("leased", "ip", "link", "show", "eth0")
    assert "default via 10.5.0.1" in made.in_space("leased", "ip", "route")
    assert "nameserver 10.5.0.2" in made.host.run("cat", "/run/lease/resolv.conf")


def test_dnsmasq_killed_comes_back(made: L3Lab, served: str) -> None:
    pid = made.until(lambda: made.host.run("pgrep", "-f", "conf-file=.*served/conf", check=False).strip(), 5, "dnsmasq")
    made.host.run("kill", "-KILL", pid)
    made.until(lambda: made.host.run("pgrep", "-f", "conf-file=.*served/conf", check=False).strip() not in ("", pid),
               5, "another dnsmasq")  # fmt: skip
    made.until(lambda: "drift role=dhcp" in made.agent.log, 5, "the drift is logged")
    assert made.host.run("ps", "-o", "user=", "-C", "dnsmasq").split()[0] == "dnsmasq"


def test_a_restarted_agent_keeps_dnsmasq(made: L3Lab, served: str) -> None:
    pid = made.until(lambda: made.host.run("pgrep", "-f", "conf-file=.*served/conf", check=False).strip(), 5, "dnsmasq")
    made.agent.stop()
    made.start_agent()
    assert made.host.run("pgrep", "-f", "conf-file=.*served/conf").strip() == pid


def test_an_address_goes_to_the_next_port(made: L3Lab, served: str) -> None:
    """The lease of a deleted port is released, so that dnsmasq gives the address to another MAC."""
    first = l3.port(0x902, served, {"served4": "10.5.0.20"}, security_groups=["open"])
    second = l3.port(0x903, served, {"served4": "10.5.0.20"}, security_groups=["open"])
    for name, port in (("first", first), ("second", second)):
        made.cloud.port(port)
        made.host.plug(name, port.mac_address, [], port.id)
        made.until(lambda id_=port.id: made.cloud.state_of("port", id_) == "up", 5, "the port is wired")
        assert "lease of 10.5.0.20 obtained" in lease(made.host, name)
        made.cloud.remove_port(port.id)


def test_twenty_routers(made: L3Lab) -> None:
    routers = [Many(number) for number in range(20)]
    objects = [item for router in routers for item in router.objects(made)]
    started = time.monotonic()
    made.cloud.put(*objects)
    made.until(lambda: all(made.cloud.state_of("router", each.id) == "up" for each in routers), 30, "20 routers are up")
    print(f"20 routers configured after {time.monotonic() - started:.2f} s")
    made.until(lambda: all(made.host.pings("outside", each.address, wait=0.2) for each in routers), 30, "they answer")
    print(f"20 routers answered after {time.monotonic() - started:.2f} s")
    started = time.monotonic()
    made.cloud.remove(*[Ref("assignment", f"router/{each.id}") for each in routers])
    made.until(lambda: not any(made.has_space(f"qrouter-{each.id}") for each in routers), 30, "they are gone")
    print(f"20 routers removed after {time.monotonic() - started:.2f} s")


class Many:
    def __init__(self, number: int) -> None:
        self.base = 0x10000 + 16 * number
        self.id = l3.uuid(self.base)
        self.address = f"203.0.113.{100 + number}"
        self.network = f"many-{number}"

    def objects(self, made: L3Lab) -> list[object]:
        gateway = l3.gateway_port(self.base + 1, self.id, {"public4": self.address})
        inside = l3.interface_port(self.base + 2, self.id, self.network, {f"{self.network}-4": "10.0.0.1"})
        return [
            l3.network(self.network, tunnel=self.base),
            l3.subnet(f"{self.network}-4", self.network, "10.0.0.0/24", "10.0.0.1"),
            *made.cloud.port_objects(gateway),
            *made.cloud.port_objects(inside),
            l3.router(self.id, gateway),
            AssignmentView(id=f"router/{self.id}", role="router", object_id=self.id),
        ]
