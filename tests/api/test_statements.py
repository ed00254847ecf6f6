"""How many statements a verb runs: few, and as many for twenty objects as for two.

The one statement of the authentication, which runs on a connection of its own, is not among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.api.conftest import Cloud, build
from tests.api.statements import counted
from tests.api.talk import path_of
from tests.fakes.client import Client
from tests.scenarios.world import MAKERS, POLICIES, QOS_RULES, V3, World, make_world

from heddle.api.routes import ROUTES

# The most statements of each verb, on the engine where they are most.
MOST = {
    "network": {"create": 12, "show": 4, "update": 10, "delete": 22},
    "subnet": {"create": 22, "show": 2, "update": 11, "delete": 16},
    "port": {"create": 12, "show": 1, "update": 9, "delete": 21},
    "router": {"create": 29, "show": 6, "update": 24, "delete": 39},
    "floatingip": {"create": 17, "show": 2, "update": 5, "delete": 20},
    "security_group": {"create": 10, "show": 2, "update": 5, "delete": 15},
    "security_group_rule": {"create": 8, "show": 1, "delete": 7},
}


@dataclass
class Crowd:
    cloud: Cloud
    world: World

    def cost(self, client: Client, method: str, path: str, body: Any = None) -> tuple[list[str], Any]:
        """The statements of a call that succeeds, and what it answers."""
        with counted(self.cloud.store) as statements:
            answer = client.call(method, path, body)
        assert answer.status in (200, 201, 204), answer.body
        return statements, answer.json() if answer.body else None


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    cloud = build(tmp_path_factory.mktemp("crowd"))
    yield Crowd(cloud, make_world(cloud.app, cloud.store))
    cloud.store.close()


def network(world: World) -> str:
    id = world.network()
    world.subnet(id)
    return id


def port(world: World) -> str:
    return world.make(world.owner, "/v2.0/ports", "port", network_id=network(world))


def policy(world: World) -> str:
    id = world.policy()
    for kind in QOS_RULES.keys() - {"bandwidth_limit"}:
        world.policy_rule(kind, id)
    return id


def forwarding(world: World) -> str:
    """Of one floating IP, each by a port of its own."""
    body = world.ids.get("forwarding") or world.forwarding()
    number = body["external_port"] + 1
    world.ids["forwarding"] = body = {**body, "external_port": number, "internal_port": number}  # type: ignore[assignment]
    return world.make(world.owner, f"/v2.0/floatingips/{world.ids['floatingip_id']}/port_forwardings",
                      "port_forwarding", **body)  # fmt: skip


def quota(world: World) -> None:
    project = world.new_id(f"{V3}/projects/{{id}}")
    assert world.admin.call("PUT", f"/v2.0/quotas/{project}", {"quota": {"port": 7}}).status == 200


# Objects with more to them than the ones that tests of rights make.
RICH: dict[str, Callable[[World], Any]] = {
    "/v2.0/networks": network,
    "/v2.0/network-ip-availabilities": network,
    "/v2.0/ports": port,
    "/v2.0/routers": lambda world: world.routed(),
    "/v2.0/floatingips": lambda world: world.make(
        world.owner, f"/v2.0/floatingips/{MAKERS['/v2.0/floatingips'](world, 0)}/port_forwardings", "port_forwarding",
        **world.forwarding(),
    ),
    "/v2.0/floatingips/{floatingip_id}/port_forwardings": forwarding,
    "/v2.0/quotas": quota,
    POLICIES: policy,
    f"{V3}/users/{{user_id}}/application_credentials": lambda world: world.credential(next(world._numbers)),
    f"{V3}/role_assignments": lambda world: world.people.user(f"u{next(world._numbers)}", member=world.blue_id),
    "/heddle/v1/hosts": lambda world: world.serving("/v2.0/agents/{id}/dhcp-networks"),
}  # fmt: skip
# Of these there is one for each project, policy or cloud.
SINGLE = {"/v2.0/security-groups-default-statefulness", "/v2.0/auto-allocated-topology", "/v2.0/extensions",
          f"{V3}/services", f"{V3}/endpoints", f"{V3}/regions"}  # fmt: skip
SINGLE |= {root for root in MAKERS if "{qos_policy_id}" in root}
COLLECTIONS = sorted({route.path for route in ROUTES if route.method == "GET"} & (MAKERS.keys() | RICH.keys()) - SINGLE)


def test_the_collections_are_among_them() -> None:
    assert len(COLLECTIONS) >= 37
    assert {"/v2.0/ports", "/v2.0/trunks", "/v2.0/log/logs", "/v2.0/agents", f"{V3}/users"} <= set(COLLECTIONS)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("path", COLLECTIONS)
def test_a_list_costs_the_same_however_long_it_is(crowd: Crowd, path: str) -> None:
    world = crowd.world
    parents = world.parents(path + "/{id}") if "{user_id}" not in path else {"user_id": world.owner.user_id}
    url = path.format(**parents)
    askers = [client for client in (world.admin, world.owner) if client.get(url).status == 200]
    assert askers

    def made(count: int) -> list[tuple[list[str], int]]:
        """Make so many more; for each of those who ask the statements of the list, and how long it is."""
        for _ in range(count):
            RICH[path](world) if path in RICH else world.new_id(path + "/{id}")
        found = []
        for client in askers:
            client.get(url)
            statements, answer = crowd.cost(client, "GET", url)
            found.append((statements, max(len(value) for value in answer.values() if isinstance(value, list))))
        return found

    few, many = made(2), made(18)
    assert many[0][1] >= few[0][1] + 18
    assert [statements for statements, _ in many] == [statements for statements, _ in few]


def bodies(world: World, member: str) -> dict[str, Any]:
    """What an object of the kind is made with."""
    body: dict[str, Callable[[], dict[str, Any]]] = {
        "subnet": lambda: {"network_id": world.network(), "ip_version": 4, "cidr": "10.0.0.0/24"},
        "port": lambda: {"network_id": network(world)},
        "router": lambda: {"external_gateway_info": {"network_id": world.external}},
        "floatingip": lambda: {"floating_network_id": world.external},
        "security_group_rule": lambda: {
            "security_group_id": world.group(), "direction": "ingress", "protocol": "tcp",
        },
    }  # fmt: skip
    return body.get(member, lambda: {"name": "x"})()


@pytest.mark.parametrize("member", MOST)
def test_what_each_verb_costs(crowd: Crowd, member: str) -> None:
    world, owner, path = crowd.world, crowd.world.owner, path_of(member)

    def life() -> dict[str, list[str]]:
        body, found = bodies(world, member), {}
        found["create"], answer = crowd.cost(owner, "POST", path, {member: body})
        one = f"{path}/{answer[member]['id']}"
        found["show"], _ = crowd.cost(owner, "GET", one)
        if "update" in MOST[member]:
            found["update"], _ = crowd.cost(owner, "PUT", one, {member: {"description": "other"}})
        found["delete"], _ = crowd.cost(owner, "DELETE", one)
        return found

    life()
    found = life()
    for verb, most in MOST[member].items():
        assert 0 < len(found[verb]) <= most, found[verb]
