"""What hosts serve, and what becomes of it: agents that are forgotten, servers that are deleted, late reports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import Cloud, build
from tests.api.talk import Talk, addresses

from heddle.control.duties import do_chores
from heddle.store import changes
from heddle.store.query import hosts
from heddle.view.shapes import LOADERS
from heddle.view.types import CLOUD, HostView, Status, host_scope


def dhcp_ports(admin: Talk, network: dict[str, Any]) -> list[dict[str, Any]]:
    return admin.list("port", f"?network_id={network['id']}&device_owner=network:dhcp")


def revision(cloud: Cloud) -> int:
    with cloud.store.read() as tx:
        return changes.current_revision(tx.conn)


@pytest.fixture
def patient_cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud in which nothing moves away from a dead host by itself."""
    made = build(tmp_path, more=["server.automatic_failover=false"])
    yield made
    made.close()


def test_what_a_forgotten_agent_served_is_served_by_another(patient_cloud: Cloud) -> None:
    own_cloud = patient_cloud
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    network, subnet = blue.network("10.0.0.0/24")
    router = blue.create("router")
    blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    (inside,) = admin.list("port", f"?device_id={router['id']}")
    assert inside["binding:host_id"] == dhcp_ports(admin, network)[0]["binding:host_id"] == "host1"
    own_cloud.die()
    own_cloud.report("host2")
    before = revision(own_cloud)
    for agent in admin.list("agent", "?host=host1"):
        admin.delete("agent", agent["id"])
    assert admin.show("port", inside["id"])["binding:host_id"] == "host2"
    (server,) = dhcp_ports(admin, network)
    assert server["binding:host_id"] == "host2" and server["status"] == "DOWN"
    with own_cloud.store.read() as tx:
        assert hosts.assigned(tx, "host1") == [] and hosts.get(tx, "host1") is None
        assert {role for role, _ in hosts.assigned(tx, "host2")} == {"router", "dhcp"}
        news = changes.scope_news(tx.conn, [CLOUD, host_scope("host1"), host_scope("host2")], before)
    assert [(entry.kind, entry.id, entry.deleted) for entry in news[CLOUD]] == [("host", "host1", True)]
    assert all(entry.deleted for entry in news[host_scope("host1")])
    assert {entry.kind for entry in news[host_scope("host2")] if not entry.deleted} == {"assignment", "port"}


def test_what_nobody_can_serve_waits_for_a_host(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    network, subnet = blue.network("10.0.0.0/24")
    router = blue.create("router")
    blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    own_cloud.die()
    for agent in admin.list("agent"):
        admin.delete("agent", agent["id"])
    assert dhcp_ports(admin, network) == []
    own_cloud.report("host2")
    (server,) = dhcp_ports(admin, network)
    (inside,) = admin.list("port", f"?device_id={router['id']}")
    assert server["binding:host_id"] == inside["binding:host_id"] == "host2"


def test_a_deleted_server_comes_back(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    network, _ = blue.network("10.0.0.0/24")
    (server,) = dhcp_ports(admin, network)
    own_cloud.report("host2")
    blue.delete("port", server["id"])
    (other,) = dhcp_ports(admin, network)
    assert other["id"] != server["id"] and addresses(other) == addresses(server)
    with own_cloud.store.read() as tx:
        assert len(hosts.hosts_of(tx, "dhcp", network["id"])) == 1
    blue.delete("network", network["id"])


def test_a_server_takes_addresses_where_there_are_some(own_cloud: Cloud) -> None:
    """A subnet without a free address does not keep the others from being served, and costs no quota."""
    admin, blue = own_cloud.admin, own_cloud.tenant()
    network, _ = blue.network("10.0.0.0/30")
    full = blue.port(network)
    blue.subnet(network, "10.1.0.0/24")
    own_cloud.report("host1")
    (server,) = dhcp_ports(admin, network)
    assert addresses(server) == ["10.1.0.2"]
    used = blue.client.get(f"/v2.0/quotas/{blue.project_id}/details").json()["quota"]["port"]["used"]
    assert used == 2 and addresses(full) == ["10.0.0.2"]


def test_a_late_report_says_nothing_of_a_floating_ip_that_has_moved(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    external = admin.create("network", {"router:external": True})
    admin.subnet(external, "203.0.113.0/24", enable_dhcp=False)
    network, subnet = blue.network("10.0.0.0/24")
    router = blue.create("router", external_gateway_info={"network_id": external["id"]})
    blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    made = blue.create("floatingip", floating_network_id=external["id"], port_id=blue.port(network)["id"])
    first = revision(own_cloud)
    own_cloud.report("host1", Status(kind="floating_ip", id=made["id"], revision=first, state="up"))
    assert blue.show("floatingip", made["id"])["status"] == "ACTIVE"
    moved = blue.update("floatingip", made["id"], port_id=blue.port(network)["id"])
    assert moved["status"] == "DOWN"
    own_cloud.report("host1", Status(kind="floating_ip", id=made["id"], revision=first, state="up"))
    assert blue.show("floatingip", made["id"])["status"] == "DOWN"
    own_cloud.report("host1", Status(kind="floating_ip", id=made["id"], revision=revision(own_cloud), state="up"))
    assert blue.show("floatingip", made["id"])["status"] == "ACTIVE"


def test_a_rules_quota_goes_back_to_whom_it_was_taken_from(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()

    def used() -> list[int]:
        paths = [f"/v2.0/quotas/{talk.project_id}/details" for talk in (admin, blue)]
        return [admin.client.get(path).json()["quota"]["security_group_rule"]["used"] for path in paths]

    admin.list("security_group")
    blue.list("security_group")
    before = used()
    group = blue.create("security_group", name="web")
    admin.create("security_group_rule", security_group_id=group["id"], direction="ingress")
    blue.delete("security_group", group["id"])
    assert used() == before


def test_a_fault_ends_with_its_object_and_with_the_hosts_part_in_it(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    own_cloud.report("host2")
    network, _ = blue.network("10.0.0.0/24", enable_dhcp=False)
    bound = {"network_id": network["id"], "binding:host_id": "host1"}
    gone, moved, stays = (admin.create("port", bound)["id"] for _ in range(3))
    errors = [
        Status(kind="port", id=id, revision=revision(own_cloud), state="error", message="no")
        for id in (gone, moved, stays)
    ]
    own_cloud.report("host1", *errors)

    def faulty() -> set[str]:
        return {fault["id"] for fault in admin.client.get("/heddle/v1/hosts").json()["faults"]}

    assert faulty() == {gone, moved, stays}
    admin.delete("port", gone)
    admin.update("port", moved, {"binding:host_id": "host2"})
    own_cloud.report("host1")
    assert faulty() == {stays}


def test_a_network_that_could_not_be_served_is_served_later(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    path = f"/v2.0/quotas/{blue.project_id}"
    admin.put(path, {"quota": {"port": 0}})
    network, _ = blue.network("10.0.0.0/24")
    do_chores(own_cloud.store, own_cloud.settings)
    assert dhcp_ports(admin, network) == []
    admin.put(path, {"quota": {"port": 1}})
    do_chores(own_cloud.store, own_cloud.settings)
    assert len(dhcp_ports(admin, network)) == 1


def test_hosts_are_told_of_each_others_zones(own_cloud: Cloud) -> None:
    """A zone that changes is news, for the metadata of guests; the same one again is none."""

    def told() -> tuple[str, int]:
        with own_cloud.store.read() as tx:
            (entry,) = [each for each in changes.scope_content(tx.conn, CLOUD) if each.kind == "host"]
            (view,) = LOADERS["host"](tx, {entry.id: entry.revision})
        assert isinstance(view, HostView)
        return view.availability_zone, view.revision

    own_cloud.report("host1")
    zone, first = told()
    assert zone == "nova"
    own_cloud.report("host1", zone="north")
    zone, second = told()
    assert zone == "north" and second > first
    own_cloud.report("host1", zone="north")
    assert told() == ("north", second)
