"""Metadata for guests, with packets: curl in guests, behind a router and on a network without one."""

from __future__ import annotations

import hmac
import json
import signal
from collections.abc import Iterator

import msgspec
import pytest
from tests.fakes import l3
from tests.real.lab import L3Lab, l3_lab
from tests.real.testhost import PATIENCE
from tests.real.traffic import lease

from heddle.agent.roles.metadata import LINGER
from heddle.view.types import AssignmentView, GroupView, HostView, Ref, RuleView

pytestmark = pytest.mark.real

OPEN = GroupView(
    id="open",
    rules=[
        RuleView(id=f"{way}{version}", direction=way, ethertype=version)
        for way in ("ingress", "egress") for version in (4, 6)
    ],
)  # fmt: skip
ROUTER = l3.uuid(0x100)
V4, V6 = "http://169.254.169.254", "http://[fe80::a9fe:a9fe%25eth0]"
SOON = ("-m", f"{0.7 * PATIENCE}")
META = "/openstack/latest/meta_data.json"


class Cloud:
    """A routed network with three guests, and an isolated one with DHCP and three guests; of either the last guest has
    no port security."""

    def __init__(self, lab: L3Lab) -> None:
        self.lab = lab
        lab.cloud.put(
            OPEN, l3.network("routed", tunnel=100), l3.subnet("routed4", "routed", "10.0.0.0/24", "10.0.0.1"),
            l3.network("alone", tunnel=101), l3.subnet("alone4", "alone", "10.0.0.0/24", "10.0.0.1"),
            AssignmentView(id=f"router/{ROUTER}", role="router", object_id=ROUTER),
            AssignmentView(id="dhcp/alone", role="dhcp", object_id="alone"),
        )  # fmt: skip
        lab.cloud.port(l3.interface_port(0x101, ROUTER, "routed", {"routed4": "10.0.0.1"}))
        lab.cloud.port(l3.dhcp_port(0x102, "alone", {"alone4": "10.0.0.2"}))
        lab.cloud.put(l3.router(ROUTER))
        for number, network in ((0x110, "routed"), (0x120, "alone")):
            for i in range(3):
                self.guest(number + i, network, f"10.0.0.1{i}", port_security=i < 2)
        self.wait_up("routed", "alone")

    def guest(self, number: int, network: str, address: str, port_security: bool = True) -> None:
        more = {"security_groups": ["open"]} if port_security else {"port_security": False}
        names = {"device": f"vm-{number:x}", "name": f"Web {number:x}"}
        port = l3.port(number, network, {f"{network}4": address}, **names, **more)
        self.lab.cloud.port(port)
        cidrs = [f"{address}/24"] if network == "routed" or not port_security else []
        gateway = "10.0.0.1" if network == "routed" else ""
        self.lab.host.plug(f"g{number:x}", port.mac_address, cidrs, port.id, gateway=gateway)

    def wait_up(self, *networks: str) -> None:
        wanted = [number + i for number in (0x110, 0x120) for i in range(3)]
        states = self.lab.cloud.state_of
        self.lab.until(lambda: all(states("port", l3.uuid(each)) == "up" for each in wanted), 10, "the ports are up")

    def get(self, guest: str, url: str, *options: str) -> tuple[int, str]:
        """Status (0: no answer in time) and body."""
        command = ["curl", "-sg", "-m", f"{5 * PATIENCE}", "-w", "\n%{http_code}", *options, url]
        body, _, status = self.lab.host.guest(guest, *command).rpartition("\n")
        return int(status), body

    def who(self, guest: str, base: str = V4, *options: str) -> str:
        """The instance that the guest is told to be, or the status."""
        status, body = self.get(guest, base + META, *options)
        return str(json.loads(body)["uuid"]) if status == 200 else str(status)

    def becomes(self, wanted: str, guest: str, base: str = V4) -> None:
        self.lab.until(lambda: self.who(guest, base, *SOON) == wanted, 10, f"{guest} is told that it is {wanted}")


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with l3_lab() as lab:
        yield Cloud(lab)


def test_behind_a_router(cloud: Cloud) -> None:
    cloud.becomes("vm-110", "g110")
    assert cloud.who("g111") == "vm-111"
    assert cloud.who("g110", V6) == "vm-110" and cloud.who("g111", V6) == "vm-111"
    found = json.loads(cloud.get("g110", V4 + META)[1])
    assert found["hostname"] == "web-110.openstacklocal" and found["project_id"] == "project-of-routed"
    assert cloud.get("g110", f"{V4}/latest/meta-data/local-ipv4") == (200, "10.0.0.10")
    assert cloud.get("g110", f"{V4}/openstack/latest/user_data")[0] == 404
    assert "availability_zone" not in found
    cloud.lab.cloud.put(HostView(id="host1", availability_zone="north"))
    zone = f"{V4}/latest/meta-data/placement/availability-zone"
    cloud.lab.until(lambda: cloud.get("g110", zone) == (200, "north"), 5, "the guest is told the zone of its host")
    cloud.lab.cloud.put(HostView(id="host1", availability_zone="south"))
    cloud.lab.until(lambda: cloud.get("g110", zone) == (200, "south"), 5, "the guest is told another zone")
    port = l3.port(0x110, "routed", {"routed4": "10.0.0.10"})
    cloud.lab.cloud.put(l3.floating_ip("f1", ROUTER, "203.0.113.9", "10.0.0.10", port))
    public = f"{V4}/latest/meta-data/public-ipv4"
    cloud.lab.until(lambda: cloud.get("g110", public) == (200, "203.0.113.9"), 5, "the guest is told its floating IP")
    assert cloud.get("g111", public)[0] == 404
    cloud.lab.cloud.remove(Ref("floating_ip", "f1"))
    assert "a9fe" not in cloud.lab.in_space(f"qrouter-{ROUTER}", "ip", "-6", "addr"), "no address to speak from"
    assert cloud.get("g110", f"http://10.0.0.1:9697{META}", *SOON)[0] == 0, "not by the port behind the address"


def test_on_a_network_without_a_router(cloud: Cloud) -> None:
    """By the route that DHCP tells, and by the link-local address without any."""
    cloud.becomes("vm-122", "g122", V6)
    assert cloud.who("g122", V4, *SOON) == "0"
    assert "lease of 10.0.0.10 obtained" in lease(cloud.lab.host, "g120")
    assert "169.254.169.254 via 10.0.0.2" in cloud.lab.in_space("g120", "ip", "route")
    assert cloud.who("g120") == "vm-120" and cloud.who("g120", V6) == "vm-120" and cloud.who("g121", V6) == "vm-121"
    data = json.loads(cloud.get("g120", f"{V4}/openstack/latest/network_data.json")[1])
    assert data["links"][0]["ethernet_mac_address"] == l3.mac(0x120)
    assert cloud.get("g120", f"http://10.0.0.2{META}")[0] == 404
    route = cloud.lab.in_space("qdhcp-alone", "ip", "-6", "route", "get", "ff02::1", "oif", "tap00000102-00")
    assert "src fe80::f816:3eff:fe00:102" in route, "what the server sends by itself is from its own address"


def test_nor_there_with_the_address_of_another(cloud: Cloud) -> None:
    """Who has no port security gets its own metadata, from its own address alone; others not even an answer."""
    for guest, other, mine in (("g122", "404", "vm-122"), ("g120", "0", "vm-120")):
        cloud.becomes(mine, guest, V6)
        for words in (["addr", "replace", "10.0.0.11/24", "dev", "eth0"],
                      ["route", "replace", "169.254.169.254", "via", "10.0.0.2"]):  # fmt: skip
            cloud.lab.in_space(guest, "ip", *words)
        cloud.lab.in_space("qdhcp-alone", "ip", "neigh", "flush", "all")
        assert cloud.who(guest, V4, "--interface", "10.0.0.11", *(SOON if other == "0" else ())) == other
        assert cloud.who(guest) == mine
        cloud.lab.in_space(guest, "ip", "addr", "del", "10.0.0.11/24", "dev", "eth0")
        cloud.lab.in_space(guest, "ip", "route", "del", "169.254.169.254")


def test_one_guest_never_reads_anothers(cloud: Cloud) -> None:
    """Headers, and the address of another: refused by the switch, and by the service where the switch does not look."""
    cloud.becomes("vm-110", "g110")
    lying = ["-H", "X-Forwarded-For: 10.0.0.11", "-H", "X-Instance-ID: vm-111"]
    assert cloud.who("g110", V4, *lying) == "vm-110"
    assert cloud.who("g112") == "vm-112"
    for guest, expected, more in (("g110", "0", SOON), ("g112", "404", ())):
        cloud.lab.in_space(guest, "ip", "addr", "add", "10.0.0.11/24", "dev", "eth0")
        cloud.lab.in_space("g111", "ip", "link", "set", "eth0", "down")
        cloud.lab.in_space(f"qrouter-{ROUTER}", "ip", "neigh", "flush", "all")
        assert cloud.who(guest, V4, "--interface", "10.0.0.11", *more) == expected
        cloud.lab.in_space(guest, "ip", "addr", "del", "10.0.0.11/24", "dev", "eth0")
        cloud.lab.in_space("g111", "ip", "link", "set", "eth0", "up")
    cloud.lab.in_space("g111", "ip", "route", "replace", "default", "via", "10.0.0.1")
    cloud.lab.in_space(f"qrouter-{ROUTER}", "ip", "neigh", "flush", "all")
    cloud.becomes("vm-111", "g111")


def process(cloud: Cloud) -> str:
    return cloud.lab.host.run("pgrep", "-f", "heddle.agent.metadata.serve", check=False).strip()


def test_a_change_of_the_port_is_told(cloud: Cloud) -> None:
    cloud.becomes("vm-111", "g111")
    port = l3.port(0x111, "routed", {"routed4": "10.0.0.11"}, security_groups=["open"], device="another", name="new")
    cloud.lab.cloud.port(port)
    cloud.becomes("another", "g111")
    assert json.loads(cloud.get("g111", V4 + META)[1])["name"] == "new"
    cloud.lab.cloud.port(msgspec.structs.replace(port, device_id="vm-111"))
    cloud.becomes("vm-111", "g111")


def test_it_answers_while_the_agent_is_away_and_is_adopted(cloud: Cloud) -> None:
    cloud.becomes("vm-110", "g110")
    before = process(cloud)
    cloud.lab.agent.stop(signal.SIGKILL)
    assert cloud.who("g110") == "vm-110" and cloud.who("g122", V6) == "vm-122"
    seen = cloud.lab.agent.log.count("metadata served")
    cloud.lab.cloud.port(l3.port(0x112, "routed", {"routed4": "10.0.0.12"}, port_security=False, device="while-away"))
    cloud.lab.start_agent()
    cloud.becomes("while-away", "g112")
    assert process(cloud) == before and cloud.lab.agent.log.count("metadata served") == seen
    assert cloud.who("g110") == "vm-110"
    owner = cloud.lab.host.run("ps", "-o", "user=,nlwp=", "-p", before).split()
    assert owner[0] == "nobody" and int(owner[1]) < 8


def test_what_is_ended_or_removed_by_hand_comes_back(cloud: Cloud) -> None:
    cloud.becomes("vm-110", "g110")
    before = process(cloud)
    cloud.lab.host.run("kill", "-KILL", before)
    cloud.lab.until(lambda: process(cloud) not in ("", before), 10, "another process")
    cloud.lab.until(lambda: "drift role=metadata" in cloud.lab.agent.log, 5, "the drift is logged")
    cloud.becomes("vm-110", "g110")
    cloud.becomes("vm-121", "g121", V6)
    for space in (f"qrouter-{ROUTER}", "qdhcp-alone"):
        cloud.lab.host.run("ip", "netns", "delete", space)
        cloud.lab.until(lambda space=space: cloud.lab.has_space(space), 10, "the namespace is back")
    cloud.becomes("vm-110", "g110")
    cloud.becomes("vm-121", "g121", V6)


def test_when_a_router_comes_the_dhcp_server_leads_there_no_longer(cloud: Cloud) -> None:
    cloud.becomes("vm-121", "g121", V6)
    assert "169.254.169.254" in cloud.lab.in_space("qdhcp-alone", "ip", "addr")
    cloud.lab.cloud.port(l3.interface_port(0x103, ROUTER, "alone", {"alone4": "10.0.0.1"}))
    cloud.lab.cloud.remove_port(l3.uuid(0x101))
    cloud.lab.until(lambda: "169.254" not in cloud.lab.in_space("qdhcp-alone", "ip", "addr"), 5, "the address is gone")
    cloud.lab.in_space("g122", "ip", "route", "add", "default", "via", "10.0.0.1")
    cloud.becomes("vm-122", "g122")
    cloud.becomes("vm-122", "g122", V6)
    assert cloud.who("g110", V4, *SOON) == "0"


OTHER = """
import os, socket, time
server = socket.create_server(("", 9697))
print(os.getpid(), flush=True)
time.sleep(60)
"""


def running(cloud: Cloud, script: str, *where: str) -> str:
    """The number of a process that listens, and has said so."""
    started = cloud.lab.host.popen(*where, "python3", "-c", script, stdout=-1, stderr=-3)
    return started.stdout.readline().decode().strip()


def test_an_interface_that_cannot_be_listened_on_is_an_error_and_tried_again(cloud: Cloud) -> None:
    """Here: somebody else has the port."""
    cloud.becomes("vm-122", "g122")
    cloud.lab.agent.stop()
    cloud.lab.host.run("kill", "-KILL", process(cloud))
    cloud.lab.until(lambda: not process(cloud), 5, "the process has ended")
    other = running(cloud, OTHER, "ip", "netns", "exec", f"qrouter-{ROUTER}")
    cloud.lab.start_agent()
    cloud.lab.until(lambda: cloud.lab.cloud.state_of("router", ROUTER) == "error", 10, "the router says so")
    said = cloud.lab.cloud.statuses[Ref("router", ROUTER)].message
    assert said.startswith("metadata on qr-") and "Address already in use" in said
    cloud.lab.host.run("kill", other)
    cloud.lab.until(lambda: cloud.lab.cloud.state_of("router", ROUTER) == "up", 10, "the router is up")
    cloud.becomes("vm-122", "g122")


NOVA = """
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"path": self.path, **self.headers}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
print(os.getpid(), flush=True)
http.server.HTTPServer(("127.0.0.1", 8775), Handler).serve_forever()
"""


def test_nova_is_asked_in_the_guests_name(cloud: Cloud) -> None:
    """Of a restarted agent with other settings: the process that runs gets them."""
    cloud.becomes("vm-122", "g122")
    before = process(cloud)
    nova = running(cloud, NOVA)
    cloud.lab.agent.stop()
    cloud.lab.agent.settings += ["metadata.nova_host=127.0.0.1", "metadata.shared_secret=hush-hush"]
    cloud.lab.start_agent()
    lying = ["-H", "X-Forwarded-For: 10.9.9.9", "-H", "X-Tenant-ID: red", "-H", "X-Instance-ID: vm-1"]
    cloud.lab.until(lambda: "Signature" in cloud.get("g122", f"{V4}/a?b=c")[1], 5, "Nova is asked")
    found = json.loads(cloud.get("g122", f"{V4}/a?b=c", *lying)[1])
    signature = hmac.new(b"hush-hush", b"vm-122", "sha256").hexdigest()
    wanted = {"path": "/a?b=c", "X-Instance-ID": "vm-122", "X-Tenant-ID": "project-of-alone",
              "X-Forwarded-For": "10.0.0.12", "X-Instance-ID-Signature": signature}  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted
    assert process(cloud) == before
    shown = cloud.lab.host.sh(f"tr '\\0' ' ' </proc/{before}/cmdline; tr '\\0' ' ' </proc/{before}/environ")
    assert "hush-hush" not in shown + cloud.lab.agent.log
    state = next(each for each in cloud.lab.cloud.reports[-1].roles if each.role == "metadata")
    assert state.configuration["nova_metadata_host"] == "127.0.0.1" and "hush-hush" not in str(state)
    cloud.lab.host.run("kill", nova)
    cloud.lab.until(lambda: cloud.get("g122", f"{V4}/a")[0] == 502, 5, "Nova is away")
    cloud.lab.until(lambda: "127.0.0.1:8775 does not answer" in cloud.lab.agent.log, 5, "the agent says so")


def test_nothing_runs_for_nobody(cloud: Cloud) -> None:
    cloud.lab.cloud.remove(Ref("assignment", f"router/{ROUTER}"), Ref("assignment", "dhcp/alone"))
    cloud.lab.until(lambda: not process(cloud), LINGER + 10, "the process has ended")
    cloud.lab.until(lambda: not cloud.lab.has_space(f"qrouter-{ROUTER}"), 5, "the router is gone")
    cloud.lab.cloud.put(
        AssignmentView(id=f"router/{ROUTER}", role="router", object_id=ROUTER),
        AssignmentView(id="dhcp/alone", role="dhcp", object_id="alone"),
    )
    cloud.becomes("502", "g122")


def test_an_agent_without_the_role_ends_the_process(cloud: Cloud) -> None:
    cloud.becomes("502", "g122")
    cloud.lab.agent.stop()
    roles = next(each for each in cloud.lab.agent.settings if "metadata" in each and each.startswith("agent.roles="))
    cloud.lab.agent.settings.append(roles.replace(",metadata", ""))
    cloud.lab.start_agent()
    assert process(cloud) == ""
    rules = ("nft", "list", "ruleset")
    cloud.lab.until(lambda: "9697" not in cloud.lab.in_space(f"qrouter-{ROUTER}", *rules), 5, "no router leads there")
