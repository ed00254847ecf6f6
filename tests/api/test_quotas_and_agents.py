"""Quotas, also under load; agents, what they serve, and what they report."""

from __future__ import annotations

import threading

from tests.api.conftest import Cloud
from tests.api.talk import Talk

from heddle.config import Quota
from heddle.store import changes
from heddle.view.types import Status

NAMES = set(Quota.__struct_fields__)


def test_quotas_are_shown_set_and_reset(admin: Talk, blue: Talk, red: Talk) -> None:
    path = f"/v2.0/quotas/{blue.project_id}"
    default = blue.client.get(path).json()["quota"]
    assert set(default) == NAMES >= {"network", "subnet", "port", "router", "security_group"}
    assert default["network"] == 100
    assert blue.client.get(f"{path}/default").json()["quota"] == default
    red.refused(403, "PolicyNotAuthorized", "GET", path)
    blue.refused(403, "PolicyNotAuthorized", "PUT", path, {"quota": {"network": 5}})
    assert admin.put(path, {"quota": {"network": "5", "port": -1}})["quota"]["network"] == 5
    assert blue.client.get(path).json()["quota"] == {**default, "network": 5, "port": -1}
    listed = admin.client.get("/v2.0/quotas").json()["quotas"]
    assert [quota["network"] for quota in listed if quota["project_id"] == blue.project_id] == [5]
    for wrong in ({"shoe": 1}, {"network": "x"}, {"network": -2}, {"network": None}, {"network": 2**70}):
        admin.refused(400, "HTTPBadRequest", "PUT", path, {"quota": wrong})
    details = blue.client.get(f"{path}/details").json()["quota"]
    assert details["network"] == {"limit": 5, "used": 0, "reserved": 0}
    assert admin.client.call("DELETE", path).status == 204
    assert blue.client.get(path).json()["quota"] == default
    assert blue.client.get("/v2.0/quotas/tenant").json()["tenant"]["tenant_id"] == blue.project_id


def test_over_quota(admin: Talk, blue: Talk) -> None:
    limits = {"network": 2, "port": 2, "security_group": 1, "security_group_rule": 4, "router": 0, "subnet": 1}
    admin.put(f"/v2.0/quotas/{blue.project_id}", {"quota": limits})
    network, _ = blue.network("10.0.0.0/24")
    blue.create("network")
    assert "network" in blue.no_create(409, "OverQuota", "network")
    body = {"network_id": network["id"], "ip_version": 4, "cidr": "10.1.0.0/24"}
    assert "subnet" in blue.no_create(409, "OverQuota", "subnet", body)
    assert "router" in blue.no_create(409, "OverQuota", "router")
    ports = {"ports": [{"network_id": network["id"]}] * 3}
    blue.refused(409, "OverQuota", "POST", "/v2.0/ports", ports)
    assert blue.list("port") == []
    made = blue.bulk("port", [{"network_id": network["id"]}] * 2)
    blue.delete("port", made[0]["id"])
    blue.port(network)
    assert "security_group" in blue.no_create(409, "OverQuota", "security_group", name="x")
    group = blue.list("security_group")[0]["id"]
    rule = {"security_group_id": group, "direction": "ingress", "protocol": "tcp"}
    assert "security_group_rule" in blue.no_create(409, "OverQuota", "security_group_rule", rule)
    used = blue.client.get(f"/v2.0/quotas/{blue.project_id}/details").json()["quota"]
    wanted = {"network": 2, "port": 2, "security_group": 1, "security_group_rule": 4, "router": 0, "subnet": 1}
    assert {name: used[name]["used"] for name in wanted} == wanted


def test_a_limit_below_what_there_is_has_to_be_forced(admin: Talk, blue: Talk) -> None:
    path = f"/v2.0/quotas/{blue.project_id}"
    for _ in range(3):
        blue.create("network")
    for more in ({}, {"check_limit": True}, {"force": "false"}):
        message = admin.refused(400, "HTTPBadRequest", "PUT", path, {"quota": {"network": 2, "port": 7, **more}})
        assert "network" in message and "'2'" in message and "3" in message
    assert blue.client.get(path).json()["quota"]["port"] == 500
    for wrong in ({"force": "perhaps"}, {"check_limit": 7}, {"force": True, "check_limit": True}):
        admin.refused(400, "HTTPBadRequest", "PUT", path, {"quota": {"network": 9, **wrong}})
    assert admin.put(path, {"quota": {"network": 3}})["quota"]["network"] == 3
    assert admin.put(path, {"quota": {"network": -1, "check_limit": True}})["quota"]["network"] == -1
    assert admin.put(path, {"quota": {"network": 2, "force": True}})["quota"]["network"] == 2
    details = blue.client.get(f"{path}/details").json()["quota"]["network"]
    assert details == {"limit": 2, "used": 3, "reserved": 0}
    blue.no_create(409, "OverQuota", "network")


def test_a_quota_holds_under_load(admin: Talk, blue: Talk) -> None:
    admin.put(f"/v2.0/quotas/{blue.project_id}", {"quota": {"port": 10}})
    network, _ = blue.network("10.0.0.0/24")
    statuses: list[int] = []

    def create() -> None:
        for _ in range(5):
            answer = blue.client.post("/v2.0/ports", {"port": {"network_id": network["id"]}})
            statuses.append(answer.status)

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(statuses)) == [201, 409] and statuses.count(201) == 10
    assert len(blue.list("port")) == 10


def test_agents(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    own_cloud.report("host2")
    agents = admin.list("agent")
    assert len(agents) == 6 and blue.list("agent") == []
    (l3,) = admin.list("agent", "?host=host1&binary=neutron-l3-agent")
    assert set(l3) == {
        "id", "agent_type", "binary", "topic", "host", "availability_zone", "admin_state_up", "alive", "created_at",
        "started_at", "heartbeat_timestamp", "description", "configurations", "resources_synced",
    }  # fmt: skip
    assert (l3["agent_type"], l3["alive"], l3["admin_state_up"]) == ("L3 agent", True, True)
    assert l3["started_at"] == "2023-11-14 22:13:20"
    assert {agent["agent_type"] for agent in admin.list("agent", "?agent_type=l3%20AGENT")} == {"L3 agent"}
    assert admin.list("agent", "?agent_type=L3") == []
    assert len(admin.list("agent", "?alive=True")) == 6 and admin.list("agent", "?alive=false") == []
    ordered = admin.list("agent", "?sort_key=binary&sort_dir=asc&sort_key=alive&sort_dir=desc")
    names = [agent["binary"] for agent in ordered]
    assert names == sorted(names)
    changed = admin.update("agent", l3["id"], admin_state_up=False, description="under repair")
    assert (changed["admin_state_up"], changed["description"]) == (False, "under repair")
    own_cloud.report("host1", started=1_700_000_001.0)
    assert admin.show("agent", l3["id"])["admin_state_up"] is False
    admin.no_delete(409, "AgentInUse", "agent", l3["id"])
    admin.refused(400, "HTTPBadRequest", "PUT", f"/v2.0/agents/{l3['id']}", {"agent": {"host": "x"}})
    blue.refused(404, "AgentNotFound", "GET", f"/v2.0/agents/{l3['id']}")
    admin.refused(405, "HTTPMethodNotAllowed", "POST", "/v2.0/agents", {"agent": {}})
    zones = admin.client.get("/v2.0/availability_zones").json()["availability_zones"]
    assert {(zone["name"], zone["resource"]) for zone in zones} == {("nova", "router"), ("nova", "network")}


def test_a_dead_agent_gets_no_work_and_may_be_forgotten(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    own_cloud.die()
    assert not any(agent["alive"] for agent in admin.list("agent"))
    blue.network("10.0.0.0/24")
    assert blue.list("port", "?device_owner=network:dhcp") == []
    for agent in admin.list("agent"):
        admin.delete("agent", agent["id"])
    assert admin.list("agent") == []


def test_a_status_is_what_the_host_observed(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    network, _ = blue.network("10.0.0.0/24")
    port = admin.create("port", {"network_id": network["id"], "binding:host_id": "host1"})
    assert port["status"] == "DOWN"
    with own_cloud.store.read() as tx:
        revision = changes.current_revision(tx.conn)
    own_cloud.report("host1", Status(kind="port", id=port["id"], revision=revision - 1, state="up"))
    assert admin.show("port", port["id"])["status"] == "DOWN"
    own_cloud.report("host2", Status(kind="port", id=port["id"], revision=revision, state="up"))
    assert admin.show("port", port["id"])["status"] == "DOWN"
    own_cloud.report("host1", Status(kind="port", id=port["id"], revision=revision, state="up"))
    assert admin.show("port", port["id"])["status"] == "ACTIVE"
    own_cloud.report("host1", Status(kind="port", id=port["id"], revision=revision, state="error", message="no tap"))
    assert admin.show("port", port["id"])["status"] == "ERROR"
    faults = admin.client.get("/heddle/v1/hosts").json()["faults"]
    assert [(fault["id"], fault["message"]) for fault in faults] == [(port["id"], "no tap")]
    own_cloud.report("host1", Status(kind="port", id=port["id"], revision=revision, state="up"))
    assert admin.client.get("/heddle/v1/hosts").json()["faults"] == []
    own_cloud.report("host1", Status(kind="port", id=port["id"], revision=revision, state="down"))
    assert admin.show("port", port["id"])["status"] == "DOWN"
