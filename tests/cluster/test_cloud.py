"""Three hosts, two servers, a broker and a database: tenants' packets between all of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.cluster.lab import DATA, Lab
from tests.cluster.tenants import Guest, Tenant
from tests.real.traffic import connects, eventually, lease, listening, talking


@pytest.fixture(scope="module")
def blue(lab: Lab) -> Tenant:
    return Tenant(lab, "blue")


def test_tenants_across_hosts(lab: Lab, blue: Tenant) -> None:
    red = Tenant(lab, "red")
    mine, theirs = blue.network("net", "10.1.0.0/24"), red.network("net", "10.1.0.0/24")
    one = [blue.guest(mine, host) for host in lab.hosts]
    other = [red.guest(theirs, host) for host in lab.hosts]
    blue.wait()
    red.wait()
    for near, far in ((one[0], one[1]), (one[0], one[2]), (one[1], one[2]), (other[0], other[2])):
        lab.until(lambda: near.pings(far.ip), 15, f"{near.name} reaches {far.name}")  # noqa: B023
    lonely = blue.guest(blue.network("alone", "10.1.0.0/24"), lab.hosts[1])
    blue.wait()
    assert not lonely.pings(one[0].ip, wait=0.5) or lonely.ip == one[0].ip


def test_a_change_is_waited_for_on_the_hosts_that_it_concerns(lab: Lab) -> None:
    """Of a tenant with nothing elsewhere: members of its group on other hosts would concern those too."""
    patient = Tenant(lab, "patient")
    port = patient.guest(patient.network("waited", "10.9.0.0/24"), lab.hosts[0]).port
    said = lab.client("wait", "port", port["id"])
    assert "of 3 hosts" not in said and " ms" in said, "those that serve it or carry it, and no others"
    lab.agents[0].end()
    try:
        lab.api.request("PUT", f"/v2.0/ports/{port['id']}", {"port": {"admin_state_up": False}})
        said = lab.client("wait", "port", port["id"], "--timeout", "1", check=False)
        assert "waiting  host1 at revision" in said
    finally:
        lab.agents[0].start()
    assert "waiting" not in lab.client("wait", "port", port["id"])


def test_a_router_joins_networks_of_hosts(lab: Lab, blue: Tenant) -> None:
    left, right = blue.network("left", "10.2.0.0/24"), blue.network("right", "10.3.0.0/24")
    router = blue.router("router", left, right)
    near, far = blue.guest(left, lab.hosts[0]), blue.guest(right, lab.hosts[2])
    blue.wait()
    lab.until(lambda: near.pings(far.ip), 20, "the router forwards")
    hosts = lab.api.get(f"/v2.0/routers/{router['id']}/l3-agents")["agents"]
    assert len(hosts) == 1
    for guest in (near, far):
        found = lab.until(lambda guest=guest: metadata(guest), 20, f"{guest.name} is told")
        assert (found["uuid"], found["name"]) == (guest.port["device_id"], guest.port["name"])
        assert found["project_id"] == guest.port["project_id"]


def metadata(guest: Guest, address: str = "169.254.169.254") -> dict[str, Any]:
    """What a guest is told of itself; empty when nobody answers."""
    url = f"http://{address}/openstack/latest/meta_data.json"
    found: dict[str, Any] = json.loads(guest.host.guest(guest.name, "curl", "-sgf", "-m", "5", url) or "{}")
    return found


def test_metadata_from_another_host_without_a_router(lab: Lab, blue: Tenant) -> None:
    """From the network's DHCP server, by IPv6: guests' addresses are set by hand here, and need no route for that."""
    alone = blue.network("served", "10.5.0.0/24")
    guests = [blue.guest(alone, host) for host in lab.hosts]
    blue.wait()
    for guest in guests:
        found = lab.until(lambda guest=guest: metadata(guest, "[fe80::a9fe:a9fe%25eth0]"), 20, f"{guest.name} is told")
        assert (found["uuid"], found["name"]) == (guest.port["device_id"], guest.port["name"])


def test_a_floating_ip_from_the_physical_network(lab: Lab, blue: Tenant) -> None:
    """Two hosts' br-phy is the physical network `physnet1`; somebody on host 3 has an address there."""
    outside = blue.network("outside", "192.0.2.0/24", **{
        "router:external": True, "provider:network_type": "vlan", "provider:physical_network": "physnet1",
        "provider:segmentation_id": 200,
    })  # fmt: skip
    inner = blue.network("inner", "10.4.0.0/24")
    blue.router("gateway", inner, outside=outside["id"])
    guest = blue.guest(inner, lab.hosts[0])
    neighbour = blue.guest(outside, lab.hosts[2], gateway=False)
    floating = blue.make("floatingip", "", floating_network_id=outside["id"], port_id=guest.port["id"])
    blue.wait()
    address = floating["floating_ip_address"]
    lab.until(lambda: neighbour.pings(address), 20, "the floating IP answers")
    lab.until(lambda: guest.pings(neighbour.ip), 20, "the guest reaches the outside")
    assert not address.startswith(DATA)


def counted(lab: Lab, label: dict[str, Any]) -> tuple[int, int]:
    """What a label has counted: packets and bytes."""
    (found,) = json.loads(lab.client("metering", "--label", label["id"], "--json"))
    return found["packets"], found["bytes"]


def test_what_a_router_forwards_is_counted_wherever_it_is(lab: Lab, blue: Tenant) -> None:
    outside = blue.network("metered", "198.51.100.0/24", **{
        "router:external": True, "provider:network_type": "vlan", "provider:physical_network": "physnet1",
        "provider:segmentation_id": 201,
    })  # fmt: skip
    inner = blue.network("counted", "10.5.0.0/24")
    router = blue.router("meter", inner, outside=outside["id"])
    guest = blue.guest(inner, lab.hosts[0])
    neighbour = blue.guest(outside, lab.hosts[2], gateway=False)
    blue.wait()
    lab.until(lambda: guest.pings(neighbour.ip), 20, "the router translates")
    api = lab.api
    label = api.request("POST", "/v2.0/metering/metering-labels", {"metering_label": {"name": "all", "shared": True}})
    label = label["metering_label"]
    for direction in ("ingress", "egress"):
        rule = {"metering_label_id": label["id"], "direction": direction, "remote_ip_prefix": f"{guest.ip}/32"}
        api.request("POST", "/v2.0/metering/metering-label-rules", {"metering_label_rule": rule})
    (home,) = api.get(f"/v2.0/routers/{router['id']}/l3-agents")["agents"]
    space, hosts = f"qrouter-{router['id']}", {each.name: each for each in lab.hosts}
    rules = ("nft", "list", "table", "inet", "heddle_meters")
    lab.until(lambda: hosts[home["host"]].guest(space, *rules).count(guest.ip) == 2, 10, "the rules are there")
    assert guest.pings(neighbour.ip, count=3)
    lab.until(lambda: counted(lab, label) == (6, 6 * 84), 10, "six packets of 84 bytes are counted")

    agents = api.get("/v2.0/agents", binary="neutron-l3-agent")["agents"]
    other = next(each for each in agents if each["host"] != home["host"])
    api.request("DELETE", f"/v2.0/agents/{home['id']}/l3-routers/{router['id']}")
    api.request("POST", f"/v2.0/agents/{other['id']}/l3-routers", {"router_id": router["id"]})
    former = hosts[home["host"]]
    lab.until(lambda: space not in former.run("ip", "netns", "list"), 20, "the former host counts nothing more")
    lab.until(lambda: guest.pings(neighbour.ip), 20, "the router translates on another host")
    assert guest.pings(neighbour.ip, count=2)
    there = hosts[other["host"]].guest(space, *rules)
    packets = max(int(number) for number in re.findall(r"packets (\d+)", there))
    assert packets >= 6
    wanted = 6 + packets, (6 + packets) * 84
    lab.until(lambda: counted(lab, label) == wanted, 10, f"what it forwards there is added: {wanted}")
    assert f'{{label="{label["id"]}"}} {wanted[1]}' in api.text("/metrics")


def test_a_rule_taken_away_cuts_what_it_let_in_from_another_host(lab: Lab, blue: Tenant) -> None:
    network = blue.network("cut", "10.8.0.0/24")
    client, served = blue.guest(network, lab.hosts[0]), blue.guest(network, lab.hosts[1])
    group = blue.make("security_group", "served")["id"]
    rules = {
        port: blue.make("security_group_rule", "", security_group_id=group, direction="ingress", protocol="tcp",
                        port_range_min=port, port_range_max=port)["id"] for port in (80, 90)
    }  # fmt: skip
    lab.api.request("PUT", f"/v2.0/ports/{served.port['id']}", {"port": {"security_groups": [group]}})
    blue.wait()
    names = client.name, served.name
    with listening(served.host, served.name, 80):
        lab.until(lambda: connects(client.host, client.name, served.ip, 80), 15, "the rule lets in")
    with talking(client.host, names, served.ip, 80, 90, there=served.host) as (lost, kept):
        lab.api.request("DELETE", f"/v2.0/security-group-rules/{rules[80]}")
        assert eventually(lambda: lost.is_silent(1.0), 10), "what is established is cut"
        assert kept.goes_on()
        assert lost.is_silent(), "and stays so"


def test_a_guest_gets_its_address_while_one_of_two_dhcp_hosts_is_away(lab: Lab, blue: Tenant) -> None:
    network = blue.network("leases", "10.7.0.0/24")
    guest = blue.guest(network, lab.hosts[2])
    path = f"/v2.0/networks/{network['id']}/dhcp-agents"
    agents = {each["host"]: each["id"] for each in lab.api.get("/v2.0/agents", agent_type="DHCP agent")["agents"]}
    ((first, *_),) = [[each["host"] for each in lab.api.get(path)["agents"]]]
    second = next(host.name for host in lab.hosts[:2] if host.name != first)
    lab.api.request("POST", f"/v2.0/agents/{agents[second]}/dhcp-networks", {"network_id": network["id"]})
    space, hosts = f"qdhcp-{network['id']}", {host.name: host for host in lab.hosts}

    def serves(name: str) -> str:
        return hosts[name].sh(f"ip netns pids {space} 2>/dev/null || true").strip()

    for name in (first, second):
        lab.until(lambda: serves(name), 15, f"{name} serves")  # noqa: B023
    blue.wait()
    for away, there in ((first, second), (second, first)):
        agent = next(each for each in lab.agents if each.name == away)
        agent.end()
        hosts[away].sh(f"kill {serves(away)}".replace("\n", " "))
        said = lease(guest.host, guest.name)
        assert f"lease of {guest.ip} obtained from {server(lab, network, there)}" in said
        agent.start()
        lab.until(lambda: serves(away), 15, f"{away} is back")  # noqa: B023


def server(lab: Lab, network: dict[str, Any], host: str) -> str:
    """The address of a host's DHCP server."""
    found = lab.api.get("/v2.0/ports", network_id=network["id"], device_owner="network:dhcp")["ports"]
    return next(str(each["fixed_ips"][0]["ip_address"]) for each in found if each["binding:host_id"] == host)


def test_a_local_ip_leads_to_a_port_of_each_host(lab: Lab, blue: Tenant) -> None:
    """Hosts 1 and 2 have one of their own; on host 3 the port that holds the address is reached."""
    network = blue.network("cached", "10.6.0.0/24")
    holder = blue.guest(network, lab.hosts[2])
    caches = [blue.guest(network, host) for host in lab.hosts[:2]]
    clients = [blue.guest(network, host) for host in lab.hosts]
    blue.wait()
    for client in clients:
        lab.until(lambda: client.pings(holder.ip), 15, f"{client.name} reaches the holder")  # noqa: B023

    def led(client: Guest) -> str:
        """The MAC that a client finds for the address, where it answers."""
        client.host.run("ip", "-n", client.name, "neigh", "flush", "dev", "eth0")
        answers = client.pings(holder.ip, wait=0.3)
        found = client.host.run("ip", "-n", client.name, "neigh", "show", holder.ip)
        ports = [each.port for each in (holder, *caches) if answers and each.port["mac_address"] in found]
        return str(ports[0]["id"]) if ports else ""

    assert [led(client) for client in clients] == [holder.port["id"]] * 3
    wanted = {"local_ip": {"local_port_id": holder.port["id"]}}
    local_ip = lab.api.request("POST", "/v2.0/local_ips", wanted)["local_ip"]
    for cache in caches:
        body = {"port_association": {"fixed_port_id": cache.port["id"]}}
        lab.api.request("POST", f"/v2.0/local_ips/{local_ip['id']}/port_associations", body)
    ports = [each.port["id"] for each in (*caches, holder)]
    lab.until(lambda: [led(client) for client in clients] == ports, 10, "each host has its own")
    path = f"/v2.0/local_ips/{local_ip['id']}/port_associations/{caches[1].port['id']}"
    lab.api.request("DELETE", path)
    ports[1] = holder.port["id"]
    lab.until(lambda: [led(client) for client in clients] == ports, 10, "host 2 has none any more")
