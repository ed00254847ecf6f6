"""A cloud with a host of each data plane: the same tenants' networks on both, through the API, broker and agents."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.lab import Lab
from tests.cluster.tenants import Guest, Tenant
from tests.real.rates import comes, pouring
from tests.real.traffic import catching, send, udp

PORT = 4789  # of the tunnels
ANSWERS = f"import socket\ns = socket.socket(2, 2); s.bind(('', {PORT}))\nwhile True: s.sendto(*s.recvfrom(99))"
ASKS = ("import socket, sys; s = socket.socket(2, 2); s.settimeout(1); "
        f"s.sendto(b'there', (sys.argv[1], {PORT})); print(s.recv(99))")  # fmt: skip


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Host 1 has Open vSwitch, the others Linux bridges."""
    made = Lab(3, bridges=(2, 3), of_agents=["agent.audit_seconds=3600"])
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_networks_routers_and_records_of_both_kinds(lab: Lab) -> None:
    blue, red = Tenant(lab, "blue"), Tenant(lab, "red")
    left, right = blue.network("left", "10.2.0.0/24"), blue.network("right", "10.3.0.0/24")
    theirs = red.network("net", "10.2.0.0/24")
    blue.router("router", left, right)
    mine = [blue.guest(left, host) for host in lab.hosts]
    far = [blue.guest(right, host) for host in lab.hosts]
    other = [red.guest(theirs, host) for host in lab.hosts]
    blue.wait()
    red.wait()
    for one in mine:
        for guest in (*mine, *far):
            lab.until(lambda one=one, guest=guest: one.pings(guest.ip), 20, f"{one.name} reaches {guest.name}")
    for guest in (other[0], other[2]):
        lab.until(lambda: other[1].pings(guest.ip), 20, f"{other[1].name} reaches {guest.name}")  # noqa: B023
    assert not other[1].pings(far[0].ip, wait=0.5)
    found = {guest.host.name: lab.api.get(f"/v2.0/ports/{guest.port['id']}")["port"] for guest in mine}
    assert {name: port["binding:vif_type"] for name, port in found.items()} == {
        "host1": "ovs", "host2": "bridge", "host3": "bridge"
    }
    agents = {(agent["host"], agent["agent_type"]) for agent in lab.api.get("/v2.0/agents")["agents"]}
    assert {("host1", "Open vSwitch agent"), ("host2", "Linux bridge agent")} <= agents


def test_routers_advertise_to_guests_of_all_hosts(lab: Lab) -> None:
    """Guests make their addresses and their routes, and keep them when the router goes to a host of the other kind."""
    six = Tenant(lab, "six")
    left, right = six.network("left", "fd00:2::/64", mode="slaac"), six.network("right", "fd00:3::/64", mode="slaac")
    router = six.router("router", left, right)
    near, far = ([six.guest(network, host) for host in lab.hosts] for network in (left, right))
    six.wait()

    def routes(guest: Guest) -> str:
        return guest.host.run("ip", "-n", guest.name, "-6", "route", "show", "default").partition(" expires")[0]

    def advertises() -> list[str]:
        look = f"ls /run/netns | grep -q {router['id']} && ip netns pids qrouter-{router['id']} || true"
        return [host.name for host in lab.hosts if host.sh(look).split()]

    for guest in (*near, *far):
        lab.until(lambda guest=guest: near[0].pings(guest.ip), 20, f"{near[0].name} reaches {guest.name}")
        lab.until(lambda guest=guest: guest.pings(far[1].ip), 20, f"{guest.name} reaches {far[1].name}")
    before = [routes(guest) for guest in (*near, *far)]
    (home,) = lab.api.get(f"/v2.0/routers/{router['id']}/l3-agents")["agents"]
    agents = lab.api.get("/v2.0/agents", binary="neutron-l3-agent")["agents"]
    other = next(each for each in agents if (each["host"] == "host1") != (home["host"] == "host1"))
    assert advertises() == [home["host"]]
    lab.api.request("DELETE", f"/v2.0/agents/{home['id']}/l3-routers/{router['id']}")
    lab.api.request("POST", f"/v2.0/agents/{other['id']}/l3-routers", {"router_id": router["id"]})
    lab.until(lambda: advertises() == [other["host"]], 20, "the other host advertises")
    lab.until(lambda: all(guest.pings(far[0].ip) for guest in near), 20, "the router forwards there")
    assert [routes(guest) for guest in (*near, *far)] == before and all(before)


def test_packets_of_tunnels_are_no_connections_and_those_of_guests_are(lab: Lab) -> None:
    """Also where a guest has the address of a host's tunnels, and their port."""
    teal = Tenant(lab, "teal")
    network = teal.network("net", "172.31.0.0/30", gateway=False, dhcp=False)
    made = [teal.guest(network, host) for host in lab.hosts[1:]]
    teal.wait()
    one, two = sorted(made, key=lambda guest: guest.ip)
    assert f" {two.ip}/" in lab.hosts[1].run("ip", "-4", "addr", "show", "eth0")
    two.host.popen("ip", "netns", "exec", two.name, sys.executable, "-c", ANSWERS)
    ask = (one.name, sys.executable, "-c", ASKS, two.ip)
    lab.until(lambda: "there" in one.host.guest(*ask), 20, "the guest answers")
    for host in lab.hosts[1:]:
        lines = host.run("conntrack", "-L", "-p", "udp", "--dport", str(PORT)).splitlines()
        followed = [line for line in lines if "src=" in line]
        assert followed and all("zone=" in line for line in followed), lines


def test_the_default_policy_of_a_project_limits_guests_of_both_kinds(lab: Lab) -> None:
    """Networks made from then on follow it; a rule that changes reaches the hosts that have their ports."""
    free = Tenant(lab, "free").network("net", "10.8.0.0/24")
    policy = lab.api.request("POST", "/v2.0/qos/policies", {"policy": {"name": "gold", "is_default": True}})["policy"]
    rules = f"/v2.0/qos/policies/{policy['id']}/bandwidth_limit_rules"
    rule = {"max_kbps": 4_000, "max_burst_kbps": 600, "direction": "egress"}
    made = lab.api.request("POST", rules, {"bandwidth_limit_rule": rule})["bandwidth_limit_rule"]
    slow = Tenant(lab, "slow")
    network = slow.network("net", "10.8.0.0/24")
    lab.api.request("PUT", f"/v2.0/qos/policies/{policy['id']}", {"policy": {"is_default": False}})
    assert (free["qos_policy_id"], network["qos_policy_id"]) == (None, policy["id"])
    guests = [slow.guest(network, host) for host in lab.hosts[:2]]
    slow.wait()
    ends = list(zip(guests, guests[::-1], strict=True))
    lab.until(lambda: all(one.pings(other.ip) for one, other in ends), 20, "the guests reach each other")
    for kbps in (6_000, 0):
        lab.api.request("PUT", f"{rules}/{made['id']}", {"bandwidth_limit_rule": {"max_kbps": kbps}})
        for one, other in ends:
            with pouring(one.host, one.name, other.ip):
                low, high = (0.85 * kbps, 1.15 * kbps) if kbps else (12_000, 60_000)
                comes(other.host, other.name, low, high)


def test_trunks_of_both_kinds_reach_their_networks_on_hosts_of_the_other(lab: Lab) -> None:
    """A subport's frames bear its tag on the card, and on no other; those with another tag reach nobody."""
    amber, nonce = Tenant(lab, "amber"), "feedc0de" * 2
    outer, inner = amber.network("outer", "10.9.0.0/24"), amber.network("inner", "10.10.0.0/24")
    plain = [amber.guest(inner, host) for host in lab.hosts]
    for number, host in enumerate(lab.hosts[:2]):
        card = amber.guest(outer, host)
        sub = amber.make("port", f"sub{number}", network_id=inner["id"], security_groups=[amber.group["id"]])
        place = {"port_id": sub["id"], "segmentation_type": "vlan", "segmentation_id": 101}
        port = f"/v2.0/ports/{card.port['id']}"
        lab.api.request("PUT", port, {"port": {"binding:host_id": ""}})
        trunk = amber.make("trunk", f"t{number}", port_id=card.port["id"], sub_ports=[place])
        lab.api.request("PUT", port, {"port": {"binding:host_id": host.name}})
        path = f"/v2.0/trunks/{trunk['id']}"
        lab.until(lambda: lab.api.get(path)["trunk"]["status"] == "ACTIVE", 20, "the trunk is ACTIVE")  # noqa: B023
        amber.wait()
        address = sub["fixed_ips"][0]["ip_address"]
        for guest in plain:
            mac = guest.port["mac_address"]
            there = udp(sub["mac_address"], mac, address, guest.ip, nonce)
            back = udp(mac, sub["mac_address"], guest.ip, address, nonce)

            def passes(tag: str, there: str = there, guest: Guest = guest, card: Guest = card) -> bool:
                with catching(guest.host, [guest.name], nonce, 0.2) as caught:
                    send(card.host, card.name, there[:24] + tag + there[24:])
                return bool(caught[guest.name])

            def comes_back(back: str = back, guest: Guest = guest, card: Guest = card) -> bool:
                with catching(card.host, [card.name], nonce, 0.2) as caught:
                    send(guest.host, guest.name, back)
                return bool(caught[card.name])

            lab.until(lambda: passes("81000065"), 20, f"{host.name}'s subport reaches {guest.name}")
            lab.until(comes_back, 20, f"{guest.name} reaches {host.name}'s subport")
            assert not passes("81000066") and not passes("")


def test_one_audit_of_both_kinds_looks_and_repairs_only_when_it_is_told_to(lab: Lab) -> None:
    green = Tenant(lab, "green")
    network = green.network("net", "10.7.0.0/24")
    guests = [green.guest(network, host) for host in lab.hosts[:2]]
    green.wait()
    lab.until(lambda: guests[0].pings(guests[1].ip), 20, "the guests reach each other")
    lab.until(lambda: not _audit(lab)["total"], 20, "nothing deviates")
    switch, bridge = lab.hosts[:2]
    switch.run("ovs-ofctl", "del-flows", "br-int")
    bridge.run("nft", "flush", "chain", "bridge", "heddle_ports", "guest_ip")
    for _ in range(2):
        found = _audit(lab)
        assert found["code"] == 1 and found["hosts"].keys() == {"host1", "host2", "host3"}
        assert found["hosts"]["host1"] > 10 and found["hosts"]["host2"] >= 1 and found["hosts"]["host3"] == 0
        assert not guests[0].pings(guests[1].ip, wait=0.5), "who only looks repairs nothing"
    assert _audit(lab, "--host", "host3")["code"] == 0
    assert _audit(lab, "--host", "host1", "--repair")["hosts"].keys() == {"host1"}
    assert _audit(lab, "--repair")["hosts"] == {"host1": 0, "host2": found["hosts"]["host2"], "host3": 0}
    assert _audit(lab)["code"] == 0
    lab.until(lambda: guests[0].pings(guests[1].ip), 5, "the guests reach each other again")


def _audit(lab: Lab, *words: str) -> dict[str, Any]:
    """The exit code, and the number of deviations by host."""
    code, said, told = lab.asked("audit", "--json", *words)
    assert code in (0, 1), said + told
    hosts = {each["host"]: each["total"] for each in json.loads(said)["hosts"]}
    return {"code": code, "hosts": hosts, "total": sum(hosts.values())}


def test_tunnels_of_linux_bridges_are_tried_by_echo_requests(lab: Lab) -> None:
    network = lab.api.request("POST", "/v2.0/networks", {"network": {"name": "tried"}})["network"]["id"]
    for each in lab.hosts:
        lab.api.request("POST", "/v2.0/ports", {"port": {"network_id": network, "binding:host_id": each.name}})

    def look() -> dict[str, Any]:
        words = ("upgrade", "check", "--format", "json", "--only", "network-tunnels")
        said = lab.heddle(lab.servers[0], *words, check=False)
        (told,) = json.loads(said[said.index("{") :])["checks"]
        return dict(told)

    def are_well() -> bool:
        told = look()
        return told["status"] == "success" and "6 by echo requests only" in told["evidence"]

    lab.until(are_well, 20, "all tunnels work, by echo requests")
    lab.underlay.sh("ip link set host3-d down")
    told = look()
    lab.underlay.sh("ip link set host3-d up")
    assert told["status"] == "failure" and told["node"] == "host3", told
