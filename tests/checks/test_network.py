"""Agents that fell silent, and what hosts report."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.checks.conftest import Look, differing
from tests.fakes.client import People

from heddle.store.engine import Store
from heddle.view.types import Status


def test_an_agent_that_fell_silent(look: Look, store: Store, report: Callable[..., None]) -> None:
    report("host1")
    report("host2")
    before = look()
    assert before["network-agents"]["status"] == "success" and "2 hosts" in before["network-agents"]["details"]
    with store.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE agents SET heartbeat = heartbeat - 200000000 WHERE host = 'host2'")
    found = look()
    assert differing(before, found) == {"network-agents"} and look.code == 2
    told = found["network-agents"]
    assert told["node"] == "host2" and "Open vSwitch agent" in told["details"] and "days" in told["details"]


def test_a_clock_that_is_wrong(look: Look, store: Store, report: Callable[..., None]) -> None:
    report("host1")
    report("host2", clock=time.time())
    before = look()
    assert before["network-hosts"]["status"] == "success"
    report("host2", started_at=2.0, clock=time.time() - 120)
    found = look()
    assert differing(before, found) == {"network-hosts"}
    told = found["network-hosts"]
    assert told["status"] == "warning" and told["node"] == "host2" and "behind" in told["details"]


def test_what_a_host_put_right(look: Look, store: Store, report: Callable[..., None]) -> None:
    report("host1")
    before = look()
    report("host1", drift=3)
    found = look()
    assert differing(before, found) == {"network-drift"}
    assert found["network-drift"]["node"] == "host1" and "3 deviations" in found["network-drift"]["details"]


def test_ports_that_no_host_carries(look: Look, people: People, report: Callable[..., None]) -> None:
    report("host1")
    before = look()
    network = people.admin.post("/v2.0/networks", {"network": {"name": "n"}}).json()["network"]["id"]

    def port(host: str) -> str:
        body = {"port": {"network_id": network, "binding:host_id": host}}
        return str(people.admin.post("/v2.0/ports", body).json()["port"]["id"])

    here, nowhere = port("host1"), port("host9")
    found = look()
    told = found["network-bindings"]
    assert differing(before, found) == {"network-bindings"}
    assert told["node"] == "host9" and nowhere in told["details"] and here not in str(found)
    status = Status(kind="port", id=here, revision=2**40, state="error", message="no room for it")
    report("host1", statuses=[status])
    told = look()["network-faults"]
    assert told["status"] == "warning" and "no room for it" in told["details"] and told["node"] == "host1"


def test_what_a_silent_host_said_is_not_of_now(
    look: Look, store: Store, people: People, report: Callable[..., None]
) -> None:
    ids = ("network-hosts", "network-drift", "network-faults")
    found = look()
    assert {found[id]["status"] for id in (*ids, "versions-agents")} == {"not_applicable"}
    report("host1")
    report("host2", drift=3, clock=time.time() - 120)
    network = people.admin.post("/v2.0/networks", {"network": {"name": "n"}}).json()["network"]["id"]
    body = {"port": {"network_id": network, "binding:host_id": "host2"}}
    port = people.admin.post("/v2.0/ports", body).json()["port"]["id"]
    status = Status(kind="port", id=port, revision=2**40, state="error", message="no room for it")
    report("host2", drift=3, statuses=[status])
    found = look()
    assert {found[id]["status"] for id in ids} == {"warning"} and found["network-bindings"]["status"] == "success"
    with store.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE agents SET heartbeat = heartbeat - 200000000 WHERE host = 'host2'")
    found = look()
    assert {found[id]["status"] for id in ids} == {"success"}, found
    assert all("silent: host2" in found[id]["details"] for id in (*ids, "versions-agents")), found
    told = found["network-bindings"]
    assert told["status"] == "warning" and told["node"] == "host2" and "agent is silent" in told["details"], told
    with store.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE agents SET heartbeat = heartbeat - 200000000")
    assert {look()[id]["status"] for id in (*ids, "versions-agents")} == {"unknown"}


def test_how_long_the_silent_one_of_a_hosts_agents_is_silent(
    look: Look, store: Store, report: Callable[..., None]
) -> None:
    report("host1")
    with store.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE agents SET heartbeat = heartbeat - 864000 WHERE role = 'dhcp'")
    told = look()["network-agents"]
    assert told["details"] == "DHCP agent of host1: silent for 10 days", told


def test_a_port_that_strangers_would_hear(look: Look, people: People) -> None:
    """The beginning of the cloud's own MAC addresses is another than when the port was made."""
    admin = people.admin
    vlan = {"provider:network_type": "vlan", "provider:physical_network": "physnet1", "provider:segmentation_id": 7}

    def port(network: str, **more: object) -> str:
        answer = admin.post("/v2.0/ports", {"port": {"network_id": network, **more}})
        assert answer.status == 201, answer.body
        return str(answer.json()["port"]["id"])

    bodies: list[dict[str, object]] = [{"pvlan": True, **vlan}, {"pvlan": True}]
    there, in_tunnels = (admin.post("/v2.0/networks", {"network": each}).json()["network"]["id"] for each in bodies)
    isolated = port(there, pvlan_type="isolated")
    others = [port(there, mac_address="02:00:00:00:00:07"), port(in_tunnels, pvlan_type="isolated")]
    before = look()
    assert before["network-macs"]["status"] == "success"
    look.words = ["network.base_mac=fa:16:3b:00:00:00"]
    found = look()
    assert differing(before, found) == {"network-macs"} and found["network-macs"]["status"] == "warning"
    told = found["network-macs"]["details"]
    assert isolated in told and "fa:16:3b" in told and not any(other in str(found) for other in others)


def test_pairs_of_ports_and_guests_whose_subnets_are_apart(look: Look, store: Store, people: People) -> None:
    admin = people.admin
    network = {"heddle:subnet_isolation": True, "provider:network_type": "flat", "provider:physical_network": "flat1"}
    there = admin.post("/v2.0/networks", {"network": network}).json()["network"]["id"]

    def port(**more: object) -> str:
        answer = admin.post("/v2.0/ports", {"port": {"network_id": there, **more}})
        assert answer.status == 201, answer.body
        return str(answer.json()["port"]["id"])

    pairs = [{"ip_address": "10.0.0.9", "mac_address": "fa:16:3e:00:00:09"}]
    guest, paired, moved = port(), port(allowed_address_pairs=pairs), port()
    own = port(device_owner="network:service", mac_address="02:00:00:00:00:07")
    with store.engine.begin() as conn:
        for number, id in enumerate((paired, moved)):
            conn.exec_driver_sql(f"UPDATE ports SET mac_address = 'fa:16:3b:00:00:0{number}' WHERE id = '{id}'")
    told = str(look.every("--only", "network-macs"))
    assert paired in told and moved in told and guest not in told and own not in told
    look.words = ["network.base_mac=fa:16:3b:00:00:00"]
    told = str(look.every("--only", "network-macs"))
    assert guest in told and paired in told and "fa:16:3e:00:00:09" in told
    assert moved not in told and own not in told
