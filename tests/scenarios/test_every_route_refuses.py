"""Every route, called as those who must not get through.

The routes come from the program's own table, so that a new one without a case here fails.  For each: no token and a
wrong token are refused; a member of another project and a user without any role find nothing and change
nothing; a reader of the project changes nothing; and, so that a refusal means something, whoever may do it can.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.fakes.client import PASSWORD, Answer, Client
from tests.scenarios.world import POLICIES, QOS_RULES, V3, World, make_world

from heddle.api.http import Route
from heddle.api.policy import Policy
from heddle.api.routes import ROUTES
from heddle.api.server import make_app
from heddle.config import load
from heddle.control.identity.bootstrap import bootstrap
from heddle.model.caller import Caller
from heddle.model.predicate import ALWAYS, NEVER
from heddle.store import migrate
from heddle.store.engine import Store

PROTECTED = [route for route in ROUTES if route.permission != "public"]
PUBLIC = {
    ("GET", "/"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/openapi.json"), ("GET", "/identity"),
    ("GET", V3), ("POST", f"{V3}/auth/tokens"),
}  # fmt: skip
OPEN = {
    "get_extension", "get_availability_zone", "get_service_provider", "get_rule_type", "get_flavor",
    "get_default_security_group_rule",
    "get_flavor_service_profile", "identity:get_auth_catalog", "identity:get_auth_projects",
    "identity:get_auth_domains", "identity:get_auth_system", "identity:list_regions", "identity:get_region",
}  # fmt: skip

POLICY = Policy()
MEMBER = Caller(user_id="u", project_id="p", roles=frozenset(("member", "reader")))

Body = Callable[[World], Any]

NAMED = {"name": "x"}
BODIES: dict[tuple[str, str], Body] = {
    ("POST", "/heddle/v1/audits"): lambda w: {"audit": {"repair": False}},
    ("POST", "/v2.0/networks"): lambda w: {"network": {"project_id": w.blue_id}},
    ("POST", "/v2.0/subnets"): lambda w: {
        "subnet": {"network_id": w.network(), "ip_version": 4, "cidr": "10.1.0.0/24", "project_id": w.blue_id}
    },
    ("POST", "/v2.0/ports"): lambda w: {"port": {"network_id": w.network(), "project_id": w.blue_id}},
    ("POST", "/v2.0/routers"): lambda w: {"router": {"project_id": w.blue_id}},
    ("POST", "/v2.0/floatingips"): lambda w: {
        "floatingip": {"floating_network_id": w.external, "project_id": w.blue_id}
    },
    ("POST", "/v2.0/floatingips/{floatingip_id}/port_forwardings"): lambda w: {"port_forwarding": w.forwarding()},
    ("PUT", "/v2.0/floatingips/{floatingip_id}/port_forwardings/{id}"): lambda w: {
        "port_forwarding": {"description": "x"}
    },
    ("POST", "/v2.0/security-groups"): lambda w: {"security_group": {"name": "x", "project_id": w.blue_id}},
    ("POST", "/v2.0/security-group-rules"): lambda w: {
        "security_group_rule": {"security_group_id": w.group(), "direction": "egress", "protocol": "udp"}
    },
    ("POST", "/v2.0/default-security-group-rules"): lambda w: {
        "default_security_group_rule": {"direction": "egress", "ethertype": "IPv6", "protocol": next(w._numbers) % 250}
    },
    ("POST", "/v2.0/security-groups-default-statefulness"): lambda w: {
        w.no_statefulness().rpartition("/")[2].replace("-", "_"): {"stateful": False, "project_id": w.blue_id}
    },
    ("PUT", "/v2.0/security-groups-default-statefulness/{id}"): lambda w: {
        "security_groups_default_statefulness": {"stateful": False}
    },
    ("POST", "/v2.0/subnetpools"): lambda w: {
        "subnetpool": {"name": "x", "prefixes": ["10.0.0.0/8"], "project_id": w.blue_id}
    },
    ("POST", "/v2.0/address-scopes"): lambda w: {"address_scope": {"ip_version": 4, "project_id": w.blue_id}},
    ("PUT", "/v2.0/address-scopes/{id}"): lambda w: {"address_scope": {"name": "changed"}},
    ("POST", "/v2.0/address-groups"): lambda w: {"address_group": {"project_id": w.blue_id}},
    ("PUT", "/v2.0/address-groups/{id}"): lambda w: {"address_group": {"name": "changed"}},
    ("PUT", "/v2.0/address-groups/{id}/add_addresses"): lambda w: {"addresses": ["10.1.0.0/24"]},
    ("PUT", "/v2.0/address-groups/{id}/remove_addresses"): lambda w: {"addresses": ["10.9.0.0/16"]},
    ("PUT", "/v2.0/subnetpools/{id}/onboard_network_subnets"): lambda w: {"network_id": w.network()},
    ("PUT", "/v2.0/subnetpools/{id}/add_prefixes"): lambda w: {"prefixes": ["10.1.0.0/24"]},
    ("PUT", "/v2.0/subnetpools/{id}/remove_prefixes"): lambda w: {"prefixes": ["10.9.0.0/16"]},
    ("POST", "/v2.0/routers/{router_id}/conntrack_helpers"): lambda w: {
        "conntrack_helper": {"protocol": "tcp", "port": 21, "helper": "ftp"}
    },
    ("PUT", "/v2.0/routers/{router_id}/conntrack_helpers/{id}"): lambda w: {"conntrack_helper": {"port": 2121}},
    ("POST", "/v2.0/ndp_proxies"): lambda w: {"ndp_proxy": {**w.proxied(), "project_id": w.blue_id}},
    ("PUT", "/v2.0/ndp_proxies/{id}"): lambda w: {"ndp_proxy": {"name": "x"}},
    ("POST", "/v2.0/local_ips"): lambda w: {"local_ip": {"local_port_id": w.addressed(), "project_id": w.blue_id}},
    ("PUT", "/v2.0/local_ips/{id}"): lambda w: {"local_ip": {"name": "x"}},
    ("POST", "/v2.0/local_ips/{local_ip_id}/port_associations"): lambda w: {
        "port_association": {"fixed_port_id": w.addressed()}
    },
    ("POST", "/v2.0/metering/metering-labels"): lambda w: {"metering_label": {"name": "x"}},
    ("POST", "/v2.0/metering/metering-label-rules"): lambda w: {
        "metering_label_rule": {
            "metering_label_id": w.label(), "direction": "egress", "source_ip_prefix": "10.0.0.0/24",
        }
    },
    ("POST", "/v2.0/rbac-policies"): lambda w: {
        "rbac_policy": {
            "object_type": "network", "object_id": w.network(), "action": "access_as_shared", "target_tenant": "x",
            "project_id": w.blue_id,
        }
    },
    ("PUT", "/v2.0/rbac-policies/{id}"): lambda w: {"rbac_policy": {"target_tenant": "another"}},
    ("POST", "/v2.0/flavors"): lambda w: {"flavor": {"name": "x", "service_type": "FLAVORS"}},
    ("PUT", "/v2.0/flavors/{id}"): lambda w: {"flavor": {"name": "y"}},
    ("POST", "/v2.0/service_profiles"): lambda w: {"service_profile": {"metainfo": "x"}},
    ("PUT", "/v2.0/service_profiles/{id}"): lambda w: {"service_profile": {"metainfo": "y"}},
    ("POST", "/v2.0/flavors/{flavor_id}/service_profiles"): lambda w: {
        "service_profile": {"id": w.profile(next(w._numbers))}
    },
    ("POST", "/v2.0/ports/{port_id}/bindings"): lambda w: {"binding": {"host": "bound3"}},
    ("PUT", "/v2.0/ports/{port_id}/bindings/{host}"): lambda w: {"binding": {"profile": {}}},
    ("PUT", "/v2.0/ports/{port_id}/bindings/{host}/activate"): lambda w: {},
    ("POST", "/v2.0/trunks"): lambda w: {
        "trunk": {
            "port_id": w.make(w.owner, "/v2.0/ports", "port", network_id=w.network()), "project_id": w.blue_id,
        }
    },
    ("PUT", "/v2.0/trunks/{id}"): lambda w: {"trunk": {"name": "changed"}},
    ("PUT", "/v2.0/trunks/{id}/add_subports"): lambda w: {
        "sub_ports": [
            {"port_id": w.make(w.owner, "/v2.0/ports", "port", network_id=w.network()), "segmentation_type": "vlan",
             "segmentation_id": 9}
        ]
    },
    ("PUT", "/v2.0/trunks/{id}/remove_subports"): lambda w: {"sub_ports": [{"port_id": w.ids["subport"]}]},
    ("POST", "/v2.0/log/logs"): lambda w: {"log": {"resource_type": "security_group", "project_id": w.blue_id}},
    ("PUT", "/v2.0/log/logs/{id}"): lambda w: {"log": {"enabled": False}},
    ("POST", "/v2.0/network-segment-ranges"): lambda w: {"network_segment_range": w.id_range()},
    ("PUT", "/v2.0/network-segment-ranges/{id}"): lambda w: {"network_segment_range": {"name": "changed"}},
    ("POST", "/v2.0/segments"): lambda w: {"segment": {"network_id": w.network(), "network_type": "vxlan"}},
    ("POST", "/v2.0/agents/{id}/dhcp-networks"): lambda w: {"network_id": w.network()},
    ("POST", "/v2.0/agents/{id}/l3-routers"): lambda w: {"router_id": w.new_id("/v2.0/routers/{id}")},
    ("PUT", "/v2.0/agents/{id}"): lambda w: {"agent": {"description": "x"}},
    ("PUT", "/v2.0/quotas/{id}"): lambda w: {"quota": {"network": -1}},
    ("PUT", "/v2.0/routers/{id}/add_router_interface"): lambda w: {"subnet_id": w.subnet()},
    ("PUT", "/v2.0/routers/{id}/remove_router_interface"): lambda w: {"subnet_id": w.ids["subnet"]},
    ("PUT", "/v2.0/routers/{id}/add_extraroutes"): lambda w: {
        "router": {"routes": [{"destination": "192.0.2.0/24", "nexthop": "10.0.0.9"}]}
    },
    ("PUT", "/v2.0/routers/{id}/remove_extraroutes"): lambda w: {"router": {"routes": []}},
    ("POST", POLICIES): lambda w: {"policy": {"name": "x", "project_id": w.blue_id}},
    ("PUT", f"{POLICIES}/{{id}}"): lambda w: {"policy": {"description": "changed"}},
    ("POST", f"{V3}/users"): lambda w: {"user": {"name": f"made{next(w._numbers)}"}},
    ("PATCH", f"{V3}/users/{{id}}"): lambda w: {"user": {"description": "x"}},
    ("POST", f"{V3}/users/{{id}}/password"): lambda w: {"user": {"password": "y", "original_password": "x"}},
    ("POST", f"{V3}/users/{{user_id}}/application_credentials"): lambda w: {
        "application_credential": {"name": f"made{next(w._numbers)}"}
    },
    ("POST", f"{V3}/projects"): lambda w: {"project": {"name": f"made{next(w._numbers)}"}},
    ("PATCH", f"{V3}/projects/{{id}}"): lambda w: {"project": {"description": "x"}},
    ("POST", f"{V3}/domains"): lambda w: {"domain": {"name": f"made{next(w._numbers)}"}},
    ("PATCH", f"{V3}/domains/{{id}}"): lambda w: {"domain": {"description": "x"}},
    ("POST", f"{V3}/roles"): lambda w: {"role": {"name": f"made{next(w._numbers)}"}},
    ("PATCH", f"{V3}/roles/{{id}}"): lambda w: {"role": {"description": "x"}},
}
for _name in ("network", "subnet", "subnetpool", "port", "router", "floatingip", "security-group", "segment"):
    _member = _name.replace("-", "_")
    BODIES["PUT", f"/v2.0/{_name}s/{{id}}"] = lambda w, member=_member: {member: {"description": "changed"}}
for _name in (
    "networks", "subnets", "subnetpools", "ports", "trunks", "routers", "floatingips", "security-groups",
    "security-group-rules", "log/logs", "logs", "policies", "qos/policies", "segments", "ndp_proxies", "local_ips",
    "network-segment-ranges",
):  # fmt: skip
    BODIES["POST", f"/v2.0/{_name}/{{id}}/tags"] = lambda w: {"tags": ["x"]}
    BODIES["PUT", f"/v2.0/{_name}/{{id}}/tags"] = lambda w: {"tags": ["x"]}
    BODIES["PUT", f"/v2.0/{_name}/{{id}}/tags/{{tag}}"] = lambda w: None
for _kind, _rule in QOS_RULES.items():
    _path = f"{POLICIES}/{{qos_policy_id}}/{_kind}_rules"
    BODIES["POST", _path] = lambda w, body={f"{_kind}_rule": _rule}: body
    BODIES["PUT", f"{_path}/{{id}}"] = BODIES["POST", _path]
    BODIES["PUT", f"/v2.0/qos/alias_{_kind}_rules/{{id}}"] = lambda w, body={f"alias_{_kind}_rule": _rule}: body


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    settings = load(overrides=[f"paths.{name}={folder / name}" for name in ("state", "run", "log")], environ={})
    (folder / "state").mkdir()
    store = Store(settings.database_url)
    migrate.upgrade(store)
    bootstrap(store, PASSWORD, settings)
    yield make_world(make_app(settings, store), store)
    store.close()


def prepare(world: World, route: Route) -> tuple[str, Any, dict[str, str]]:
    """Path, body and headers of a call of the route on objects of blue that are made for it."""
    path = route.path
    parents = world.parents(path)
    if "router_interface" in path or "extraroutes" in path:
        id = world.new_id(path)
        if "add_router" not in path:
            _, world.ids["subnet"] = world.routed(id)
    elif "{id}" in path and "application_credentials" not in path:
        id = world.new_id(path)
    else:
        id = ""
    if path.startswith("/v2.0/quotas/") and route.method in ("PUT", "DELETE"):
        id = world.admin.project_id
    if path.startswith("/v2.0") and "{tag}" in path:
        url = path.split("{tag}")[0].replace("{id}", id).rstrip("/")
        assert world.admin.call("PUT", url, {"tags": ["t"]}).status == 200
    if "application_credentials/{id}" in path:
        id = world.credential(next(world._numbers))
    role = world.people.roles["manager"]
    values = {"id": id, "tag": "t", "user_id": world.owner.user_id, "role_id": role}
    values |= {"project_id": world.blue_id, "domain_id": "default", "type": "dscp_marking", "collection": "networks",
               **parents}  # fmt: skip
    if "/roles" in path and "{user_id}" in path and route.method != "PUT":
        grant = f"{path.removesuffix('/{role_id}')}/{{role_id}}".format(**values)
        assert world.admin.call("PUT", grant).status == 204
    if "{user_id}" not in path and path.endswith("/password"):
        values["id"] = id
    if path.endswith(("/dhcp-networks", "/l3-routers", "/{network_id}", "/{router_id}")):
        values |= world.serving(path)
    if "/bindings" in path:
        values |= world.bound_port()
    body = (
        BODIES[route.method, path](world)
        if route.method in ("POST", "PUT", "PATCH") and "role_id" not in path
        else None
    )
    headers = {"X-Subject-Token": world.owner.token} if path.endswith("/auth/tokens") else {}
    return path.format(**values), body, headers


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def refused(answer: Answer) -> bool:
    """Forbidden or not found; clients know a 400 for what would be made in another's name."""
    in_anothers_name = answer.status == 400 and b"requires admin privileges" in answer.body
    return answer.status in (403, 404) or in_anothers_name


def is_list(route: Route) -> bool:
    return route.method == "GET" and not route.path.endswith("}") and "{" not in route.path


def test_no_other_route_is_public() -> None:
    assert {(route.method, route.path) for route in ROUTES if route.permission == "public"} == PUBLIC
    assert all(route.permission for route in PROTECTED), "a route without a rule lets everybody with a token through"


def test_no_other_rule_lets_everybody_through() -> None:
    always = {route.permission for route in PROTECTED if POLICY.condition(route.permission, MEMBER) == ALWAYS}
    assert always == OPEN


@pytest.mark.parametrize("route", PROTECTED, ids=name_of)
def test_refusals(route: Route, world: World) -> None:
    path, body, headers = prepare(world, route)
    for token in ("", "x" * 200):
        assert Client(world.owner.app, token).call(route.method, path, body, headers).status == 401
    if route.permission in OPEN:
        return
    for name, stranger in (("red", world.red), ("nobody", world.nobody)):
        answer = stranger.call(route.method, path, body, headers)
        if is_list(route) and answer.status == 200:
            assert world.blue_id not in answer.body.decode(), f"{name} sees what is blue's"
        else:
            assert refused(answer), f"{name} got {answer.status}: {answer.body!r}"
    if route.method not in ("GET", "HEAD") and not path.endswith("/auth/tokens"):
        answer = world.reader.call(route.method, path, body, headers)
        invisible = POLICY.condition(route.permission, MEMBER) == NEVER and refused(answer)
        assert answer.status == 403 or invisible, f"the reader got {answer.status}: {answer.body!r}"


@pytest.mark.parametrize("route", PROTECTED, ids=name_of)
def test_whoever_may_do_it_can(route: Route, world: World) -> None:
    path, body, headers = prepare(world, route)
    client = world.admin if POLICY.condition(route.permission, MEMBER) == NEVER else world.owner
    if path.startswith(V3) and "application_credentials" not in path and route.permission not in OPEN:
        client = world.admin
    if path == "/v2.0/quotas":
        client = world.admin
    if path.endswith("/auth/tokens"):
        again = Client(world.owner.app).log_in("owner", project="blue")
        headers = {"X-Subject-Token": again.token}
    answer = client.call(route.method, path, body, headers)
    assert answer.status == route.success, answer.body
    if route.method == "GET" and client is world.owner and "{id}" in route.path and path.startswith("/v2.0"):
        assert world.reader.call("GET", path).status == route.success


def test_a_stranger_finds_nothing_in_any_list_and_by_any_filter(world: World) -> None:
    lists = [route for route in PROTECTED if is_list(route) and route.path.startswith("/v2.0/")]
    checked = 0
    for route in lists:
        shown = world.owner.get(route.path)
        if shown.status != 200:
            continue
        for items in shown.json().values():
            for item in items if isinstance(items, list) else []:
                if not isinstance(item, dict) or "id" not in item or item.get("project_id") != world.blue_id:
                    continue
                for query in (f"id={item['id']}", f"project_id={world.blue_id}", f"name={item.get('name', '')}"):
                    found = world.red.get(f"{route.path}?{query}")
                    assert found.status in (200, 400) and item["id"] not in json.dumps(found.json())
                checked += 1
                break
    assert checked >= 6


def test_anothers_objects_cannot_be_used(world: World) -> None:
    red, group = world.red, world.group()
    network, blue_subnet = world.network(), world.subnet()
    port = world.new_id("/v2.0/ports/{id}")
    own_network = world.make(red, "/v2.0/networks", "network")
    own_subnet = {"network_id": own_network, "ip_version": 4, "cidr": "10.0.0.0/24"}
    world.make(red, "/v2.0/subnets", "subnet", **own_subnet)
    own_group = world.make(red, "/v2.0/security-groups", "security_group", name="g")
    own_port = world.make(red, "/v2.0/ports", "port", network_id=own_network)
    router = world.make(red, "/v2.0/routers", "router")
    rule = {"direction": "ingress", "protocol": "tcp"}
    pool = {"name": "p", "prefixes": ["10.0.0.0/8"]}
    own_pool = world.make(red, "/v2.0/subnetpools", "subnetpool", **pool)
    of_pool = {"network_id": own_network, "ip_version": 4, "subnetpool_id": world.subnet_pool()}
    scope = world.new_id("/v2.0/address-scopes/{id}")
    attempts = [
        ("POST", "/v2.0/subnets", {"subnet": of_pool}),
        ("PUT", f"/v2.0/subnetpools/{own_pool}/onboard_network_subnets", {"network_id": network}),
        ("POST", "/v2.0/subnetpools", {"subnetpool": {**pool, "address_scope_id": scope}}),
        ("PUT", f"/v2.0/subnetpools/{own_pool}", {"subnetpool": {"address_scope_id": scope}}),
        ("POST", "/v2.0/ports", {"port": {"network_id": network}}),
        ("POST", "/v2.0/subnets", {"subnet": {**own_subnet, "network_id": network}}),
        ("POST", "/v2.0/ports", {"port": {"network_id": own_network, "fixed_ips": [{"subnet_id": blue_subnet}]}}),
        ("POST", "/v2.0/ports", {"port": {"network_id": own_network, "security_groups": [group]}}),
        ("PUT", f"/v2.0/ports/{own_port}", {"port": {"security_groups": [group]}}),
        ("POST", "/v2.0/security-group-rules", {"security_group_rule": {**rule, "security_group_id": group}}),
        ("POST", "/v2.0/security-group-rules",
         {"security_group_rule": {**rule, "security_group_id": own_group, "remote_group_id": group}}),
        ("PUT", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": blue_subnet}),
        ("PUT", f"/v2.0/routers/{router}/add_router_interface", {"port_id": port}),
        ("PUT", f"/v2.0/routers/{router}", {"router": {"external_gateway_info": {"network_id": network}}}),
        ("POST", "/v2.0/routers", {"router": {"external_gateway_info": {"network_id": network}}}),
        ("POST", "/v2.0/floatingips", {"floatingip": {"floating_network_id": network}}),
        ("POST", "/v2.0/floatingips", {"floatingip": {"floating_network_id": world.external, "port_id": port}}),
    ]  # fmt: skip
    got_through = []
    for method, path, body in attempts:
        answer = red.call(method, path, body)
        if not 400 <= answer.status < 500:
            got_through.append(f"{method} {path} {body}: {answer.status}")
    assert not got_through
