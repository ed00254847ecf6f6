"""An agent's copy, fed by news at any time with replies lost and doubled, is what a whole fetch would have brought."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk

from heddle.agent.mirror import Mirror
from heddle.control import sync
from heddle.store import changes
from heddle.view.compile import Compiler
from heddle.view.types import FetchReply, FetchRequest

HOSTS = ("host1", "host2")


class World:
    """A tenant's objects, changed at random."""

    def __init__(self, cloud: Cloud, chance: random.Random) -> None:
        self.cloud, self.chance = cloud, chance
        self.talk: Talk = cloud.tenant()
        self.admin = cloud.admin
        self.external = self.admin.create("network", {"router:external": True})["id"]
        self.admin.subnet({"id": self.external}, "203.0.113.0/24", enable_dhcp=False)
        self.ids: dict[str, list[str]] = {}
        self.blocks = 0

    def any(self, kind: str) -> str | None:
        known = self.ids.setdefault(kind, [])
        return self.chance.choice(known) if known else None

    def made(self, kind: str, path: str, body: dict[str, Any]) -> None:
        answer = self.admin.client.post(f"/v2.0/{path}", body)
        assert answer.status < 500
        if answer.status == 201:
            ((_, item),) = answer.json().items()
            self.ids.setdefault(kind, []).append(item["id"])

    def change(self) -> None:
        """One request of those below; those that are refused are as good as any."""
        verbs = [
            self.add_network, self.add_port, self.add_port, self.move_port, self.change_port, self.add_rule,
            self.add_group, self.join, self.add_floating_ip, self.change_network, self.drop, self.drop, self.add_router,
            self.forward, self.add_address_group, self.change_addresses, self.change_addresses, self.add_policy,
            self.limit, self.follow_policy, self.follow_policy,
        ]  # fmt: skip
        self.chance.choice(verbs)()

    def put(self, kind: str, path: str, body: dict[str, Any], suffix: str = "") -> None:
        id = self.any(kind)
        if id:
            assert self.admin.client.call("PUT", f"/v2.0/{path}/{id}{suffix}", body).status < 500

    def add_network(self) -> None:
        self.made("network", "networks", {"network": {"project_id": self.talk.project_id}})
        self.blocks += 1
        body = {"network_id": self.ids["network"][-1], "ip_version": 4, "cidr": f"10.{self.blocks}.0.0/24"}
        self.made("subnet", "subnets", {"subnet": {**body, "project_id": self.talk.project_id}})

    def add_group(self) -> None:
        self.made("group", "security-groups", {"security_group": {"name": "g", "project_id": self.talk.project_id}})

    def add_rule(self) -> None:
        rule = {
            "direction": "ingress",
            "protocol": str(self.chance.randrange(256)),
            "remote_group_id": self.any("group"),
        }
        if self.chance.random() < 0.5:
            rule["remote_address_group_id"] = self.any("address group")
            del rule["remote_group_id"]
        body = {"security_group_id": self.any("group"), "project_id": self.talk.project_id, **rule}
        self.made("rule", "security-group-rules", {"security_group_rule": body})

    def add_address_group(self) -> None:
        body = {"addresses": self.some_addresses(), "project_id": self.talk.project_id}
        self.made("address group", "address-groups", {"address_group": body})

    def change_addresses(self) -> None:
        verb = self.chance.choice(["add", "remove"])
        self.put("address group", "address-groups", {"addresses": self.some_addresses()}, f"/{verb}_addresses")

    def some_addresses(self) -> list[str]:
        return self.chance.sample(["10.0.0.0/8", "10.0.0.7/32", "192.0.2.0/24", "2001:db8::/32"], 2)

    def add_port(self) -> None:
        groups = [id for id in (self.any("group"),) if id]
        body: dict[str, Any] = {"network_id": self.any("network"), "binding:host_id": self.chance.choice([*HOSTS, ""])}
        body |= {"security_groups": groups} if self.chance.random() < 0.7 else {}
        self.made("port", "ports", {"port": {**body, "project_id": self.talk.project_id}})

    def move_port(self) -> None:
        self.put("port", "ports", {"port": {"binding:host_id": self.chance.choice([*HOSTS, ""])}})

    def change_port(self) -> None:
        group = self.any("group")
        choices: list[dict[str, Any]] = [
            {"admin_state_up": self.chance.random() < 0.5}, {"security_groups": [group] if group else []},
            {"allowed_address_pairs": [{"ip_address": "192.0.2.9/24"}]}, {"fixed_ips": []}, {"name": "x"},
            {"port_security_enabled": False, "security_groups": [], "allowed_address_pairs": []},
            {"port_security_enabled": True}, {"extra_dhcp_opts": [{"opt_name": "mtu", "opt_value": "1400"}]},
        ]  # fmt: skip
        self.put("port", "ports", {"port": self.chance.choice(choices)})

    def change_network(self) -> None:
        self.put("network", "networks", {"network": {"mtu": self.chance.choice([1300, 1400])}})
        self.put("subnet", "subnets", {"subnet": {"enable_dhcp": self.chance.random() < 0.5}})

    def add_router(self) -> None:
        gateway = {"network_id": self.external} if self.chance.random() < 0.7 else None
        body = {"project_id": self.talk.project_id, "external_gateway_info": gateway}
        self.made("router", "routers", {"router": body})

    def join(self) -> None:
        verb = self.chance.choice(["add_router_interface", "add_router_interface", "remove_router_interface"])
        self.put("router", "routers", {"subnet_id": self.any("subnet")}, f"/{verb}")

    def add_floating_ip(self) -> None:
        body = {"floating_network_id": self.external, "port_id": self.any("port"), "project_id": self.talk.project_id}
        self.made("floatingip", "floatingips", {"floatingip": body})

    def forward(self) -> None:
        """A free floating IP forwards a port to one that has an address."""
        port = self.admin.show("port", self.any("port") or "") if self.any("port") else {"fixed_ips": []}
        id = self.any("floatingip")
        if port["fixed_ips"] and id:
            number = self.chance.randrange(1, 65536)
            body = {"internal_port_id": port["id"], "internal_ip_address": port["fixed_ips"][0]["ip_address"]}
            body |= {"protocol": "tcp", "internal_port": 22, "external_port": number}
            path = f"/v2.0/floatingips/{id}/port_forwardings"
            assert self.admin.client.post(path, {"port_forwarding": body}).status < 500

    def add_policy(self) -> None:
        self.made("policy", "qos/policies", {"policy": {"name": "p", "project_id": self.talk.project_id}})

    def limit(self) -> None:
        """A policy gets its limit, or has another from now on."""
        id = self.any("policy")
        if id:
            path = f"/v2.0/qos/policies/{id}/bandwidth_limit_rules"
            rule = {"bandwidth_limit_rule": {"max_kbps": self.chance.randrange(1, 1000)}}
            known = self.admin.client.get(path).json()["bandwidth_limit_rules"]
            verb, suffix = ("PUT", f"/{known[0]['id']}") if known else ("POST", "")
            assert self.admin.client.call(verb, path + suffix, rule).status < 300

    def follow_policy(self) -> None:
        """A port, a network, a gateway or a floating IP has another policy, or none."""
        kind = self.chance.choice(["port", "network", "floatingip", "router"])
        policy = {"qos_policy_id": self.chance.choice([self.any("policy"), None])}
        body = {"external_gateway_info": {"network_id": self.external, **policy}} if kind == "router" else policy
        self.put(kind, f"{kind}s", {kind: body})

    def drop(self) -> None:
        paths = {"port": "ports", "group": "security-groups", "rule": "security-group-rules", "router": "routers",
                 "floatingip": "floatingips", "network": "networks", "subnet": "subnets",
                 "address group": "address-groups", "policy": "qos/policies"}  # fmt: skip
        kind = self.chance.choice([*paths, "port", "rule", "floatingip"])
        id = self.any(kind)
        if id and self.admin.client.call("DELETE", f"/v2.0/{paths[kind]}/{id}").status == 204:
            self.ids[kind].remove(id)


class Agent:
    """Asks for news now and then; some replies get lost, and some come twice."""

    def __init__(self, host: str, chance: random.Random) -> None:
        self.host, self.chance, self.mirror = host, chance, Mirror()
        self.last: FetchReply | None = None

    def fetch(self, cloud: Cloud, compiler: Compiler, *, lossy: bool = True) -> None:
        scopes = sorted(self.mirror.scopes)
        reply = sync.fetch(
            cloud.store, compiler, FetchRequest(host=self.host, revision=self.mirror.revision, scopes=scopes)
        )
        if lossy and self.chance.random() < 0.3:
            return
        self.mirror.apply(reply)
        if lossy and self.chance.random() < 0.3:
            self.mirror.apply(reply)

    def content(self) -> dict[str, Any]:
        m = self.mirror
        assert m.broken == {}
        tables = (m.hosts, m.assignments, m.networks, m.subnets, m.ports, m.neighbours, m.groups, m.members, m.routers)
        return {
            "scopes": m.scopes,
            "objects": [dict(sorted(table.items())) for table in (*tables, m.floating_ips, m.policies)],  # type: ignore[attr-defined]
        }


@pytest.mark.parametrize("seed", range(5))
def test_news_add_up_to_the_whole(own_cloud: Cloud, seed: int) -> None:
    chance = random.Random(seed)
    for host in HOSTS:
        own_cloud.report(host)
    world, compiler = World(own_cloud, chance), Compiler()
    agents = [Agent(host, chance) for host in HOSTS]
    for step in range(150):
        world.change()
        for agent in agents:
            if chance.random() < 0.4:
                agent.fetch(own_cloud, compiler)
        if step % 60 == 59:
            own_cloud.store.write(lambda tx: changes.forget_tombstones(tx.conn, 5))
        if step % 25 == 24:
            for agent in agents:
                agent.fetch(own_cloud, compiler, lossy=False)
                whole = Agent(agent.host, chance)
                whole.fetch(own_cloud, Compiler(), lossy=False)
                assert agent.content() == whole.content(), (seed, step, agent.host)
    assert {"port", "router", "floatingip", "group", "address group", "policy"} <= set(world.ids)
