"""Highly available routers as the API and the hosts see them: who is ready, who carries one, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.mirrors import mirror_of
from tests.api.talk import Talk

from heddle.config import load
from heddle.control import reports
from heddle.control.duties import do_chores
from heddle.errors import ConfigError
from heddle.view.types import ReportRequest, RoleState, Status


def report(cloud: Cloud, host: str, *statuses: Status, able: bool = True, physnets: str = "public") -> None:
    """A host of which the agent can share routers, or is too old for that."""
    roles = [RoleState(role="switch"), RoleState(role="dhcp"),
             RoleState(role="router", configuration={"ha": True} if able else {})]  # fmt: skip
    reports.report(cloud.store, cloud.settings, ReportRequest(
        host=host, started_at=1.0, roles=roles, tunnel_ip=f"192.0.2.{host[-1]}", datapath="netdev",
        bridge_mappings=dict.fromkeys(physnets.split(), "br-ex"), statuses=list(statuses),
    ))  # fmt: skip


def says(router: dict[str, Any], state: str, term: int) -> Status:
    return Status(kind="router", id=router["id"], revision=0, state="up", ha_state=state, ha_term=term)


def states(cloud: Cloud, router: dict[str, Any]) -> dict[str, str | None]:
    agents = cloud.admin.client.get(f"/v2.0/routers/{router['id']}/l3-agents").json()["agents"]
    return {agent["host"]: agent["ha_state"] for agent in agents}


def made(cloud: Cloud, ha: bool = True) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A router on a network."""
    admin = cloud.admin
    network, subnet = admin.network("10.0.0.0/24")
    router = admin.create("router", name="r", ha=ha)
    path = f"/v2.0/routers/{router['id']}/add_router_interface"
    assert admin.client.call("PUT", path, {"subnet_id": subnet["id"]}).status == 200
    return router, network, interface(admin, router)


def interface(admin: Talk, router: dict[str, Any]) -> dict[str, Any]:
    (port,) = admin.list("port", f"?device_id={router['id']}")
    return dict(port)


def agent_of(cloud: Cloud, host: str) -> str:
    (agent,) = cloud.admin.list("agent", f"?host={host}&binary=neutron-l3-agent")
    return str(agent["id"])


def test_a_router_is_ready_on_several_hosts(own_cloud: Cloud) -> None:
    for host in ("host1", "host2", "host3", "host4"):
        report(own_cloud, host)
    router, network, port = made(own_cloud)
    assert states(own_cloud, router) == dict.fromkeys(("host1", "host2", "host3"), "standby")
    assert port["binding:host_id"] == "host1"
    for host in ("host1", "host2", "host3"):
        mirror = mirror_of(own_cloud, host)
        assert port["id"] in mirror.ports and network["id"] in mirror.networks, host
        ha = mirror.routers[router["id"]].ha
        assert ha is not None and ha.hosts == ["host1", "host2", "host3"]
        assert mirror.neighbours[port["id"]].ha_hosts == ha.hosts
        keys = {each.ha_key for each in mirror.hosts.values()}
        assert len(keys) == 1 and len(keys.pop()) == 64
    assert port["id"] not in mirror_of(own_cloud, "host4").ports
    listed = own_cloud.admin.client.get(f"/v2.0/agents/{agent_of(own_cloud, 'host2')}/l3-routers").json()["routers"]
    assert [each["id"] for each in listed] == [router["id"]]


def test_a_plain_router_says_nothing_of_all_this(own_cloud: Cloud) -> None:
    report(own_cloud, "host1")
    report(own_cloud, "host2")
    router, _, port = made(own_cloud, ha=False)
    assert states(own_cloud, router) == {"host1": None}
    mirror = mirror_of(own_cloud, "host1")
    assert mirror.routers[router["id"]].ha is None and mirror.neighbours[port["id"]].ha_hosts == []
    assert {each.ha_key for each in mirror.hosts.values()} == {""}
    assert port["id"] not in mirror_of(own_cloud, "host2").ports


def test_the_ports_follow_what_hosts_say(own_cloud: Cloud) -> None:
    report(own_cloud, "host1")
    report(own_cloud, "host2")
    router, _, _ = made(own_cloud)
    report(own_cloud, "host1", says(router, "active", 1))
    assert states(own_cloud, router) == {"host1": "active", "host2": "standby"}
    report(own_cloud, "host2", says(router, "active", 2))
    assert interface(own_cloud.admin, router)["binding:host_id"] == "host2"
    report(own_cloud, "host1", says(router, "standby", 2))
    assert states(own_cloud, router) == {"host1": "standby", "host2": "active"}
    report(own_cloud, "host1", says(router, "active", 1))
    assert interface(own_cloud.admin, router)["binding:host_id"] == "host2", "of an earlier term"
    report(own_cloud, "host3", says(router, "active", 9))
    assert interface(own_cloud.admin, router)["binding:host_id"] == "host2", "of a host that has nothing to do with it"


def test_more_hosts_are_ready_when_they_come(own_cloud: Cloud) -> None:
    report(own_cloud, "host1")
    router, _, _ = made(own_cloud)
    assert states(own_cloud, router) == {"host1": "standby"}
    report(own_cloud, "host2", able=False)
    assert states(own_cloud, router) == {"host1": "standby"}, "an agent that would be active as well"
    report(own_cloud, "host3")
    assert set(states(own_cloud, router)) == {"host1", "host3"}


def test_a_dead_host_is_replaced_but_not_the_one_that_carries_it(own_cloud: Cloud) -> None:
    for host in ("host1", "host2", "host3", "host4"):
        report(own_cloud, host)
    router, _, _ = made(own_cloud)
    report(own_cloud, "host1", says(router, "active", 1))
    own_cloud.die("host2")
    assert set(states(own_cloud, router)) == {"host1", "host3", "host4"}
    own_cloud.die("host1")
    assert states(own_cloud, router) == {"host1": "unknown", "host3": "standby", "host4": "standby"}
    assert interface(own_cloud.admin, router)["binding:host_id"] == "host1", "maybe only its agent is dead"
    report(own_cloud, "host3", says(router, "active", 2))
    assert interface(own_cloud.admin, router)["binding:host_id"] == "host3"


def test_the_administrator_adds_and_removes_hosts(own_cloud: Cloud) -> None:
    for host in ("host1", "host2", "host3", "host4"):
        report(own_cloud, host)
    router, _, _ = made(own_cloud)
    client = own_cloud.admin.client
    assert client.call("DELETE", f"/v2.0/agents/{agent_of(own_cloud, 'host1')}/l3-routers/{router['id']}").status == 204
    assert set(states(own_cloud, router)) == {"host2", "host3"}
    assert interface(own_cloud.admin, router)["binding:host_id"] == "host2"
    do_chores(own_cloud.store, own_cloud.settings)
    assert set(states(own_cloud, router)) == {"host2", "host3"}, "what was taken away does not come back by itself"
    path = f"/v2.0/agents/{agent_of(own_cloud, 'host4')}/l3-routers"
    assert client.post(path, {"router_id": router["id"]}).status == 201
    assert set(states(own_cloud, router)) == {"host2", "host3", "host4"}
    for host in ("host2", "host3", "host4"):
        path = f"/v2.0/agents/{agent_of(own_cloud, host)}/l3-routers/{router['id']}"
        assert client.call("DELETE", path).status == 204
    assert states(own_cloud, router) == {} and interface(own_cloud.admin, router)["binding:host_id"] == ""


def test_a_router_becomes_another_kind(own_cloud: Cloud) -> None:
    report(own_cloud, "host1")
    report(own_cloud, "host2")
    router, _, port = made(own_cloud, ha=False)
    admin = own_cloud.admin
    admin.update("router", router["id"], admin_state_up=False)
    assert admin.update("router", router["id"], ha=True)["ha"] is True
    assert states(own_cloud, router) == {"host1": "standby", "host2": "standby"}
    assert port["id"] in mirror_of(own_cloud, "host2").ports
    report(own_cloud, "host2", says(router, "active", 1))
    admin.update("router", router["id"], ha=False)
    assert states(own_cloud, router) == {"host2": None}
    assert mirror_of(own_cloud, "host2").routers[router["id"]].ha is None
    assert port["id"] not in mirror_of(own_cloud, "host1").ports


def test_a_host_that_does_not_reach_a_new_network_is_ready_no_longer(own_cloud: Cloud) -> None:
    report(own_cloud, "host1", physnets="public physnet1")
    report(own_cloud, "host2")
    router, _, _ = made(own_cloud)
    assert set(states(own_cloud, router)) == {"host1", "host2"}
    vlan = {"provider:network_type": "vlan", "provider:physical_network": "physnet1"}
    network = own_cloud.admin.create("network", vlan, name="n")
    subnet = own_cloud.admin.subnet(network, "10.1.0.0/24")
    path = f"/v2.0/routers/{router['id']}/add_router_interface"
    assert own_cloud.admin.client.call("PUT", path, {"subnet_id": subnet["id"]}).status == 200
    assert set(states(own_cloud, router)) == {"host1"}


def test_a_deleted_router_leaves_nothing(own_cloud: Cloud) -> None:
    report(own_cloud, "host1")
    report(own_cloud, "host2")
    router, _, port = made(own_cloud)
    path = f"/v2.0/routers/{router['id']}/remove_router_interface"
    assert own_cloud.admin.client.call("PUT", path, {"port_id": port["id"]}).status == 200
    own_cloud.admin.delete("router", router["id"])
    for host in ("host1", "host2"):
        mirror = mirror_of(own_cloud, host)
        assert not mirror.routers and not mirror.assignments.keys() & {f"router/{router['id']}"}


@pytest.mark.parametrize("wrong", ["network.max_l3_agents_per_router=1", "agent.ha_port=0"])
def test_settings_that_make_no_sense(wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong.split("=")[0]):
        load(overrides=[wrong], environ={})
