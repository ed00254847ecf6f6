"""How far hosts are with a change: which it concerns, which of them have applied it, and what failed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.statements import counted

from heddle.control import reports, sync
from heddle.store import clock
from heddle.store.query import hosts as host_query
from heddle.view.compile import Compiler
from heddle.view.types import FetchRequest, ReportRequest, RoleState, Status

HOSTS = ("host1", "host2", "host3")


class Agent:
    """Fetches, and says that it has applied what came."""

    def __init__(self, cloud: Cloud, host: str) -> None:
        self.cloud, self.host = cloud, host
        self.revision = 0
        self.scopes: list[str] = []
        self.beats = True

    def catch_up(self, *statuses: Status) -> None:
        for _ in range(2):
            request = FetchRequest(host=self.host, revision=self.revision, scopes=self.scopes)
            reply = sync.fetch(self.cloud.store, Compiler(), request)
            self.revision = reply.revision
            self.scopes = sorted({*self.scopes, *(news.scope for news in reply.scopes)} - set(reply.dropped))
            self.changed_at = reply.changed_at
            self.say(*statuses)

    def say(self, *statuses: Status) -> None:
        roles = [RoleState(role=role) for role in ("switch", "dhcp", "router")] if self.beats else []
        request = ReportRequest(
            host=self.host, started_at=1_700_000_000.0, roles=roles, revision=self.revision, statuses=list(statuses),
            bridge_mappings={"public": "br-ex"}, changed_at=self.changed_at,
        )  # fmt: skip
        reports.report(self.cloud.store, self.cloud.settings, request)


@pytest.fixture
def agents(own_cloud: Cloud) -> Iterator[dict[str, Agent]]:
    made = {host: Agent(own_cloud, host) for host in HOSTS}
    for agent in made.values():
        agent.catch_up()
    for agent in made.values():
        agent.catch_up()
    yield made


def realised(cloud: Cloud, collection: str, id: str, query: str = "") -> dict[str, Any]:
    answer = cloud.admin.client.get(f"/heddle/v1/realised/{collection}/{id}{query}")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()["realised"]
    return found


def late(found: dict[str, Any]) -> list[str]:
    return [host["host"] for host in found["waiting"]]


def test_a_port_concerns_its_host_and_those_of_its_network(own_cloud: Cloud, agents: dict[str, Agent]) -> None:
    admin = own_cloud.admin
    network = admin.create("network")
    admin.create("port", {"network_id": network["id"], "binding:host_id": "host2"})
    for agent in agents.values():
        agent.catch_up()
    port = admin.create("port", {"network_id": network["id"], "binding:host_id": "host1"})
    found = realised(own_cloud, "ports", port["id"])
    assert (found["state"], found["hosts"], found["applied"]) == ("pending", 2, 0)
    assert found["milliseconds"] is None and late(found) == ["host1", "host2"]
    agents["host1"].catch_up()
    assert late(realised(own_cloud, "ports", port["id"])) == ["host2"]
    time.sleep(0.05)
    agents["host2"].catch_up()
    found = realised(own_cloud, "ports", port["id"])
    assert (found["state"], found["hosts"], found["applied"]) == ("applied", 2, 2)
    assert 50 <= found["milliseconds"] <= 60_000
    agents["host3"].catch_up()
    assert realised(own_cloud, "ports", port["id"]) == found


def test_a_later_change_of_something_else_is_not_waited_for(own_cloud: Cloud, agents: dict[str, Agent]) -> None:
    admin = own_cloud.admin
    network = admin.create("network")
    port = admin.create("port", {"network_id": network["id"], "binding:host_id": "host1"})
    agents["host1"].catch_up()
    first = realised(own_cloud, "ports", port["id"])
    other = admin.create("port", {"network_id": admin.create("network")["id"], "binding:host_id": "host1"})
    assert realised(own_cloud, "ports", port["id"]) == first
    assert late(realised(own_cloud, "ports", other["id"])) == ["host1"]
    admin.update("port", port["id"], {"admin_state_up": False})
    newest = realised(own_cloud, "ports", port["id"])
    assert newest["state"] == "pending" and newest["revision"] > first["revision"]
    assert realised(own_cloud, "ports", port["id"], f"?revision={first['revision']}")["state"] == "applied"


def test_a_rule_concerns_hosts_with_members_and_with_those_who_name_them(
    own_cloud: Cloud, agents: dict[str, Agent]
) -> None:
    admin = own_cloud.admin
    network = admin.create("network")
    group, other = admin.create("security_group", name="a"), admin.create("security_group", name="b")
    rule = {"direction": "ingress", "ethertype": "IPv4"}
    admin.create("security_group_rule", {**rule, "security_group_id": other["id"], "remote_group_id": group["id"]})
    for host, member in (("host1", group), ("host2", other)):
        admin.create("port", {"network_id": network["id"], "binding:host_id": host, "security_groups": [member["id"]]})
    for agent in agents.values():
        agent.catch_up()
    made = admin.create("security_group_rule", {**rule, "protocol": "tcp", "security_group_id": group["id"]})
    for collection, id in (("security-groups", group["id"]), ("security-group-rules", made["id"])):
        assert late(realised(own_cloud, collection, id)) == ["host1", "host2"]
    assert realised(own_cloud, "security-groups", other["id"])["state"] == "applied"
    agents["host1"].catch_up()
    agents["host2"].catch_up()
    assert realised(own_cloud, "security_groups", group["id"])["applied"] == 2


def test_a_rule_costs_the_server_as_much_for_a_host_of_many_ports(own_cloud: Cloud, agents: dict[str, Agent]) -> None:
    """The statements of one fetch and of the report that all is applied; that of a heartbeat looks further."""
    admin, mine = own_cloud.admin, agents["host1"]
    network, group = admin.create("network"), admin.create("security_group", name="a")
    port = {"network_id": network["id"], "binding:host_id": "host1", "security_groups": [group["id"]]}
    found = {}
    compiler = Compiler()
    for number, ports in enumerate((1, 20)):
        for _ in range(ports):
            admin.create("port", port)
        mine.beats = True
        mine.catch_up()
        mine.beats = False
        admin.create("security_group_rule", {
            "direction": "ingress", "ethertype": "IPv4", "protocol": str(20 + number), "security_group_id": group["id"],
        })  # fmt: skip
        with counted(own_cloud.store) as statements:
            request = FetchRequest(host="host1", revision=mine.revision, scopes=mine.scopes, instance="one")
            reply = sync.fetch(own_cloud.store, compiler, request)
            mine.revision, mine.changed_at = reply.revision, reply.changed_at
            fetched = len(statements)
            mine.say()
        assert not any("faults" in each for each in statements)
        assert [news.scope for news in reply.scopes] == [f"group:{group['id']}"]
        found[ports] = fetched, len(statements) - fetched
    assert realised(own_cloud, "security-groups", group["id"])["state"] == "applied"
    assert found[1] == found[20]
    assert found[20][0] <= 12 and found[20][1] <= 6, found
    mine.beats = True
    with counted(own_cloud.store) as statements:
        mine.say()
    assert any("faults" in each for each in statements)


def test_a_deleted_port_is_waited_for_as_well(own_cloud: Cloud, agents: dict[str, Agent]) -> None:
    admin = own_cloud.admin
    port = admin.create("port", {"network_id": admin.create("network")["id"], "binding:host_id": "host1"})
    agents["host1"].catch_up()
    admin.delete("port", port["id"])
    assert late(realised(own_cloud, "ports", port["id"])) == ["host1"]
    agents["host1"].catch_up()
    assert realised(own_cloud, "ports", port["id"])["state"] == "applied"


def test_routers_and_networks_concern_the_hosts_that_serve_them(own_cloud: Cloud, agents: dict[str, Agent]) -> None:
    admin = own_cloud.admin
    network = admin.create("network")
    subnet = admin.subnet(network, "10.0.0.0/24")
    router = admin.create("router")
    admin.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    (server,) = admin.list("port", f"?network_id={network['id']}&device_owner=network:dhcp")
    (inside,) = admin.list("port", f"?device_id={router['id']}")
    assert late(realised(own_cloud, "routers", router["id"])) == [inside["binding:host_id"]]
    assert server["binding:host_id"] in late(realised(own_cloud, "subnets", subnet["id"]))
    for agent in agents.values():
        agent.catch_up()
    for collection, item in (("routers", router), ("networks", network), ("subnets", subnet)):
        found = realised(own_cloud, collection, item["id"])
        assert found["state"] == "applied" and found["hosts"] >= 1


def test_what_failed_is_told_once_the_host_has_tried(own_cloud: Cloud, agents: dict[str, Agent]) -> None:
    admin = own_cloud.admin
    port = admin.create("port", {"network_id": admin.create("network")["id"], "binding:host_id": "host1"})
    with own_cloud.store.read() as tx:
        assert host_query.faults(tx) == []
    number = realised(own_cloud, "ports", port["id"])["revision"]
    agents["host1"].catch_up(Status(kind="port", id=port["id"], revision=number, state="error", message="no room"))
    found = realised(own_cloud, "ports", port["id"])
    assert found["state"] == "failed" and found["applied"] == 1
    assert [(fault["host"], fault["message"]) for fault in found["faults"]] == [("host1", "no room")]
    admin.update("port", port["id"], {"admin_state_up": False})
    again = realised(own_cloud, "ports", port["id"])
    assert again["state"] == "pending" and again["faults"] == [], "the host may do better with what it is now"
    agents["host1"].catch_up(Status(kind="port", id=port["id"], revision=again["revision"], state="up"))
    assert realised(own_cloud, "ports", port["id"])["state"] == "applied"


def test_hosts_that_do_not_report_are_told(own_cloud: Cloud, agents: dict[str, Agent]) -> None:
    admin = own_cloud.admin
    port = admin.create("port", {"network_id": admin.create("network")["id"], "binding:host_id": "nowhere"})
    (waiting,) = realised(own_cloud, "ports", port["id"])["waiting"]
    assert waiting == {"host": "nowhere", "revision": 0, "alive": False}


def test_what_nothing_is_known_of(own_cloud: Cloud, agents: dict[str, Agent]) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    path = "/heddle/v1/realised"
    port = admin.create("port", {"network_id": admin.create("network")["id"], "binding:host_id": "host1"})
    admin.refused(404, "HTTPNotFound", "GET", f"{path}/ports/{'0' * 8}")
    assert "they do of networks, " in admin.refused(404, "HTTPNotFound", "GET", f"{path}/quotas/{port['id']}")
    text = admin.refused(400, "HTTPBadRequest", "GET", f"{path}/ports/{port['id']}?revision=999999999")
    assert "has no revision 999999999 yet; the newest is" in text
    for query in ("revision=x", "revision=-1", "what=1", f"revision={'9' * 30}"):
        admin.refused(400, "HTTPBadRequest", "GET", f"{path}/ports/{port['id']}?{query}")
    blue.refused(403, "PolicyNotAuthorized", "GET", f"{path}/ports/{port['id']}")
    assert realised(own_cloud, "ports", port["id"])["hosts"] == 1


def test_a_busy_host_stays_alive(own_cloud: Cloud, agents: dict[str, Agent], monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports that news are applied come between the heartbeats, which alone tell of the roles."""
    begin = clock.now  # the database's

    for second in (0, 6, 8, 14, 16, 22, 24, 30, 32):
        monkeypatch.setattr(clock, "now", lambda tx, second=second: begin(tx) + second)
        agents["host1"].beats = second % 8 == 0
        own_cloud.admin.create("port", {"network_id": own_cloud.admin.create("network")["id"],
                                        "binding:host_id": "host1"})  # fmt: skip
        agents["host1"].catch_up()
    (beat,) = {agent["heartbeat_timestamp"] for agent in own_cloud.admin.list("agent", "?host=host1")}
    with own_cloud.store.read() as tx:
        late = begin(tx) + 32 - datetime.fromisoformat(f"{beat}+00:00").timestamp()
    assert late < 12


def test_how_long_it_took_is_counted(own_cloud: Cloud, agents: dict[str, Agent]) -> None:
    admin = own_cloud.admin

    def counted(host: str) -> int:
        with own_cloud.store.read() as tx:
            known = host_query.get(tx, host)
        return sum(known.latencies[:-1]) if known else 0

    before = {host: counted(host) for host in HOSTS}
    admin.create("port", {"network_id": admin.create("network")["id"], "binding:host_id": "host1"})
    for agent in agents.values():
        agent.catch_up()
    assert {host: counted(host) - before[host] for host in HOSTS} == {"host1": 1, "host2": 0, "host3": 0}
