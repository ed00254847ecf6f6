"""Requests that belong together, so that what needs other things first is answered with success.

`RECIPES` says for the beginnings of paths which of them reaches the routes there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.stateful import values
from tests.stateful.cook import Cook, tagged, topology
from tests.stateful.world import FRESH, World

Recipe = Callable[[World], None]
V3 = "/identity/v3"


def forwarding(world: World) -> None:
    cook, made = Cook(world), topology(world, "admin")
    if made is None:
        return
    path = f"floatingips/{made['floating']['id']}/port_forwardings"
    attributes = {"internal_port_id": made["port"]["id"], "protocol": "tcp", "internal_port": 80,
                  "internal_ip_address": made["port"]["fixed_ips"][0]["ip_address"]}  # fmt: skip
    first = cook.make(path, "port_forwarding", **attributes, external_port=8080)
    cook.make(path, "port_forwarding", **attributes, external_port=world.rng.randrange(1, 8000))
    if first:
        cook.life(f"{path}/{first['id']}", "port_forwarding", {"external_port": 8081})
    routes = [{"destination": "192.0.2.0/24", "nexthop": made["subnet"]["cidr"].replace(".0/24", ".200")}]
    for action in ("add_extraroutes", "remove_extraroutes"):
        cook.call("PUT", f"routers/{made['router']['id']}/{action}", {"router": {"routes": routes}})
    cook.call("PUT", f"routers/{made['router']['id']}/remove_router_interface", {"subnet_id": made["subnet"]["id"]})


def ndp(world: World) -> None:
    cook, number = Cook(world), world.rng.randrange(1, 0xFFF)
    scope = cook.make("address-scopes", "address_scope", name="s", ip_version=6, shared=True)
    if scope is None:
        return
    asked = {"prefixes": [f"2001:db8:{number:x}::/48"], "default_prefixlen": 64, "address_scope_id": scope["id"]}
    pool = cook.make("subnetpools", "subnetpool", name="p", shared=True, **asked)
    outside, network = cook.network(**{"router:external": True}), cook.network()
    if pool is None or outside is None or network is None:
        return
    taken = {"ip_version": 6, "subnetpool_id": pool["id"]}
    cook.make("subnets", "subnet", network_id=outside["id"], **taken)
    inside = cook.make("subnets", "subnet", network_id=network["id"], **taken)
    router = cook.make("routers", "router", external_gateway_info={"network_id": outside["id"]}, enable_ndp_proxy=True)
    if inside is None or router is None:
        return
    cook.call("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": inside["id"]})
    port = cook.make("ports", "port", network_id=network["id"])
    if port and (proxy := cook.make("ndp_proxies", "ndp_proxy", router_id=router["id"], port_id=port["id"])):
        tagged(cook, f"ndp_proxies/{proxy['id']}")
        cook.life(f"ndp_proxies/{proxy['id']}", "ndp_proxy", {"name": "x"})


def tags_of(*bases: str) -> Recipe:
    """The tags of an object that there is, under each of the URLs that it has."""

    def recipe(world: World) -> None:
        pool = world.pool(bases[0].rpartition("/")[2].replace("-", "_"))
        if pool:
            id = world.rng.choice(pool).id
            for base in bases:
                tagged(Cook(world), f"{base}/{id}")

    return recipe


def local_ip(world: World) -> None:
    cook = Cook(world)
    network = cook.network()
    if network is None or cook.subnet(network, "10.1.0.0/24") is None:
        return
    port, made = cook.make("ports", "port", network_id=network["id"]), cook.make(
        "local_ips", "local_ip", network_id=network["id"]
    )  # fmt: skip
    if port is None or made is None:
        return
    path = f"local_ips/{made['id']}"
    tagged(cook, path)
    cook.make(path + "/port_associations", "port_association", fixed_port_id=port["id"])
    cook.life(f"{path}/port_associations/{port['id']}", "")
    cook.life(path, "local_ip", {"name": "x"})


def metering(world: World) -> None:
    cook = Cook(world)
    label = cook.make("metering/metering-labels", "metering_label", name="m")
    if label is None:
        return
    rule = cook.make("metering/metering-label-rules", "metering_label_rule", metering_label_id=label["id"],
                     direction="ingress", remote_ip_prefix=values.block(world.rng, 4))  # fmt: skip
    if rule:
        cook.life(f"metering/metering-label-rules/{rule['id']}", "")
    cook.call("GET", "/heddle/v1/metering")
    cook.life(f"metering/metering-labels/{label['id']}", "")


def flavor(world: World) -> None:
    cook = Cook(world)
    made = cook.make("flavors", "flavor", name="f", service_type="L3_ROUTER_NAT")
    profile = cook.make("service_profiles", "service_profile", description="d", metainfo="m")
    if made is None or profile is None:
        return
    path = f"flavors/{made['id']}/service_profiles"
    cook.call("POST", path, {"service_profile": {"id": profile["id"]}})
    cook.life(f"{path}/{profile['id']}", "")
    cook.life(f"service_profiles/{profile['id']}", "service_profile", {"description": "x"})
    cook.life(f"flavors/{made['id']}", "flavor", {"name": "g"})


QOS = {
    "bandwidth_limit_rule": {"max_kbps": 1000}, "dscp_marking_rule": {"dscp_mark": 26},
    "packet_rate_limit_rule": {"max_kpps": 9},
    "minimum_bandwidth_rule": {"min_kbps": 100}, "minimum_packet_rate_rule": {"min_kpps": 5},
}  # fmt: skip


def qos(world: World) -> None:
    cook = Cook(world)
    policy = cook.make("qos/policies", "policy", name="q", shared=world.rng.random() < 0.5)
    if policy is None:
        return
    for kind, attributes in QOS.items():
        path = f"qos/policies/{policy['id']}/{kind}s"
        for alias in (False, True):
            rule = cook.make(path, kind, **attributes)
            if rule and not alias:
                cook.life(f"{path}/{rule['id']}", kind, attributes)
            elif rule and kind != "packet_rate_limit_rule":
                found = f"qos/alias_{kind}s/{rule['id']}"
                cook.call("GET", found)
                cook.call("PUT", found, {f"alias_{kind}": attributes})
                if world.rng.random() < 0.7:
                    cook.call("DELETE", found)
    cook.call("GET", "qos/rule-types/bandwidth_limit")


def agents(world: World) -> None:
    """Networks and routers are given to agents and taken from them; an agent goes and comes again."""
    cook = Cook(world)
    found = cook.call("GET", "/v2.0/agents").json()["agents"]
    for binary, thing, member in (("l3", "routers", "router"), ("dhcp", "networks", "network")):
        mine = [agent for agent in found if agent["binary"] == f"neutron-{binary}-agent"]
        of_agent = "l3-routers" if binary == "l3" else "dhcp-networks"
        made = cook.make(thing, member, name="a")
        if made is None:
            continue
        if member == "network":
            cook.subnet(made, "10.2.0.0/24")
        cook.call("GET", f"{thing}/{made['id']}/{binary}-agents")
        for agent in mine:
            path = f"agents/{agent['id']}/{of_agent}"
            cook.call("DELETE", f"{path}/{made['id']}")
        for agent in mine:
            cook.call("POST", f"agents/{agent['id']}/{of_agent}", {f"{member}_id": made["id"]})
            cook.call("GET", f"agents/{agent['id']}/{of_agent}")
            if world.rng.random() < 0.7:
                cook.call("DELETE", f"agents/{agent['id']}/{of_agent}/{made['id']}")
    world.report("host4", died=True)
    for agent in cook.call("GET", "agents?host=host4").json()["agents"]:
        cook.life(f"agents/{agent['id']}", "agent", {"description": "x", "admin_state_up": True})


def capacities(world: World) -> None:
    Cook(world).call("GET", "/heddle/v1/capacities")


def bindings(world: World) -> None:
    cook = Cook(world)
    network = cook.network()
    port = cook.make("ports", "port", network_id=network["id"], **{"binding:host_id": "host1"}) if network else None
    if port is None:
        return
    path = f"ports/{port['id']}/bindings"
    cook.make(path, "binding", host="host2")
    cook.call("GET", path)
    cook.call("GET", f"{path}/host2")
    cook.call("PUT", f"{path}/host2", {"binding": {"profile": {"a": 1}}})
    cook.call("PUT", f"{path}/host2/activate", {})
    cook.call("DELETE", f"{path}/host1")


def automatic(world: World) -> None:
    """Get me a network, with what must be there for it."""
    cook = Cook(world)
    outside = cook.outside()
    if outside is None:
        return
    cook.call("PUT", f"networks/{outside['id']}", {"network": {"is_default": True}})
    for pool in cook.call("GET", "subnetpools?is_default=true").json()["subnetpools"]:
        cook.call("PUT", f"subnetpools/{pool['id']}", {"subnetpool": {"is_default": False}})
    number = world.rng.randrange(16)
    for prefixes, length in (([f"10.{240 + number}.0.0/16"], 26), ([f"2001:db8:f{number:x}00::/40"], 64)):
        cook.make(
            "subnetpools",
            "subnetpool",
            name="d",
            prefixes=prefixes,
            default_prefixlen=length,
            shared=True,
            is_default=True,
        )
    who = world.rng.choice(("ann", "eve"))
    Cook(world, who).call("GET", "auto-allocated-topology/null")
    if world.rng.random() < 0.7:
        Cook(world, who).call("DELETE", "auto-allocated-topology/null")


def trunk(world: World) -> None:
    cook, network = Cook(world), Cook(world).network()
    if network is None:
        return
    parent, child = (cook.make("ports", "port", network_id=network["id"]) for _ in range(2))
    made = cook.make("trunks", "trunk", port_id=parent["id"]) if parent else None
    if made is None or child is None:
        return
    subport = {"port_id": child["id"], "segmentation_type": "vlan", "segmentation_id": 7}
    cook.call("PUT", f"trunks/{made['id']}/add_subports", {"sub_ports": [subport]})
    cook.call("GET", f"trunks/{made['id']}/get_subports")
    if world.rng.random() < 0.7:
        cook.call("PUT", f"trunks/{made['id']}/remove_subports", {"sub_ports": [{"port_id": child["id"]}]})
        tagged(cook, f"trunks/{made['id']}")
    cook.life(f"trunks/{made['id']}", "trunk", {"name": "x"})


def subnet_pool(world: World) -> None:
    cook, number = Cook(world), world.rng.randrange(60)
    pool = cook.make("subnetpools", "subnetpool", name="p", prefixes=[f"172.20.{number}.0/24"], default_prefixlen=28)
    network = cook.network()
    if pool is None or network is None:
        return
    path = f"subnetpools/{pool['id']}"
    cook.call("PUT", path, {"subnetpool": {"name": "q", "default_prefixlen": 27}})
    cook.call("PUT", f"{path}/add_prefixes", {"prefixes": [f"172.21.{number}.0/24"]})
    cook.call("PUT", f"{path}/remove_prefixes", {"prefixes": [f"172.21.{number}.0/24"]})
    cook.subnet(network, f"172.22.{number}.0/24")
    cook.call("PUT", f"{path}/onboard_network_subnets", {"network_id": network["id"]})
    cook.make("subnets", "subnet", network_id=network["id"], subnetpool_id=pool["id"], ip_version=4)


def segment_range(world: World) -> None:
    cook, low = Cook(world), world.rng.randrange(5000, 90000)
    limits = {"minimum": low, "maximum": low + 9}
    made = cook.make("network-segment-ranges", "network_segment_range", name="s", network_type="gre", **limits)
    if made:
        tagged(cook, f"network-segment-ranges/{made['id']}")
        cook.life(f"network-segment-ranges/{made['id']}", "network_segment_range", {"maximum": low + 5})


def address_scope(world: World) -> None:
    """One that no pool is in."""
    cook = Cook(world)
    made = cook.make("address-scopes", "address_scope", name="s", ip_version=world.rng.choice((4, 6)))
    if made:
        cook.life(f"address-scopes/{made['id']}", "address_scope", {"name": "t"})


def address_group(world: World) -> None:
    cook = Cook(world)
    made = cook.make("address-groups", "address_group", name="g", addresses=["10.1.0.0/24"])
    if made:
        path, more = f"address-groups/{made['id']}", {"addresses": ["10.2.0.0/24", "2001:db8::/64"]}
        cook.call("PUT", f"{path}/add_addresses", more)
        cook.call("PUT", f"{path}/remove_addresses", more)
        cook.life(path, "address_group", {"name": "h"})


def logs(world: World) -> None:
    cook = Cook(world)
    made = cook.make("log/logs", "log", resource_type="security_group", name="l")
    if made:
        for base in ("log/logs", "logs"):
            tagged(cook, f"{base}/{made['id']}")
        cook.life(f"log/logs/{made['id']}", "log", {"name": "x"})


def identity(world: World) -> None:
    """A domain, a project, a user, a role and all grants; what is under them goes before or with them."""
    cook, number = Cook(world), world.rng.randrange(10**6)
    made = {}
    for kind in ("domain", "project", "user", "role"):
        body: dict[str, Any] = {"name": f"{kind}-{number}"}
        if kind in ("project", "user"):
            body["domain_id"] = made["domain"]["id"]
        if kind == "user":
            body["password"] = "correct horse battery staple"
        answer = cook.call("POST", f"{V3}/{kind}s", {kind: body})
        if answer.status != 201:
            return
        made[kind] = answer.json()[kind]
    user, role = made["user"]["id"], made["role"]["id"]
    for target in (f"projects/{made['project']['id']}", f"domains/{made['domain']['id']}", "system"):
        path = f"{V3}/{target}/users/{user}/roles"
        for method in ("PUT", "GET", "HEAD", "DELETE")[: 4 if world.rng.random() < 0.7 else 3]:
            cook.call(method, f"{path}/{role}")
        cook.call("GET", path)
    for kind, item in made.items():
        cook.call("PATCH", f"{V3}/{kind}s/{item['id']}", {kind: {"description": "x"}})
    new = {"user": {"password": "new words", "original_password": "correct horse battery staple"}}
    cook.call("POST", f"{V3}/users/{user}/password", new)
    for path in (f"users/{user}/groups", f"users/{user}/projects", f"roles/{role}/implies", "role_assignments"):
        cook.call("GET", f"{V3}/{path}")
    for kind in world.rng.sample(("user", "project", "role"), 3):
        cook.call("DELETE", f"{V3}/{kind}s/{made[kind]['id']}")
    cook.call("PATCH", f"{V3}/domains/{made['domain']['id']}", {"domain": {"enabled": False}})
    cook.call("DELETE", f"{V3}/domains/{made['domain']['id']}")


def credential(world: World) -> None:
    user = world.clients["ann"].user_id
    cook, path = Cook(world, "ann"), f"{V3}/users/{user}/application_credentials"
    made = cook.make(path, "application_credential", name=f"robot{world.rng.randrange(10**6)}")
    if made:
        cook.life(f"{path}/{made['id']}", "")


def session(world: World) -> None:
    """Somebody logs in, looks at the token, and logs out."""
    secret = {"user": {"name": "ann", "domain": {"id": "default"}, "password": "correct horse battery staple"}}
    auth = {
        "identity": {"methods": ["password"], "password": secret},
        "scope": {"project": {"id": world.projects["blue"]}},
    }
    if Cook(world, "nobody").call("POST", f"{V3}/auth/tokens", {"auth": auth}).status != 201:
        return
    token, cook = {"X-Subject-Token": "{token of fresh}"}, Cook(world, FRESH)
    for method in ("GET", "HEAD", "DELETE"):
        cook.call(method, f"{V3}/auth/tokens", **token)


def catalog(world: World) -> None:
    cook = Cook(world)
    for kind in ("services", "endpoints", "regions"):
        for item in cook.call("GET", f"{V3}/{kind}").json()[kind]:
            cook.call("GET", f"{V3}/{kind}/{item['id']}")


def progress(world: World) -> None:
    """How far a change has come, and an audit of hosts."""
    cook = Cook(world)
    if (network := cook.network()) is not None:
        cook.call("GET", f"/heddle/v1/realised/networks/{network['id']}")
    audit = cook.make("/heddle/v1/audits", "audit", **({"host": "host1"} if world.rng.random() < 0.5 else {}))
    if audit is not None:
        cook.call("GET", f"/heddle/v1/audits/{audit['id']}")


RECIPES: tuple[tuple[str, Recipe], ...] = (
    *((f"/v2.0/{name}/{{id}}/tags", tags_of(name)) for name in (
        "networks", "subnets", "ports", "routers", "floatingips", "security-groups", "security-group-rules",
    )),
    ("/v2.0/floatingips/{floatingip_id}", forwarding),
    ("/v2.0/routers/{id}/", forwarding),
    ("/v2.0/ndp_proxies", ndp),
    ("/v2.0/local_ips", local_ip),
    ("/v2.0/metering", metering),
    ("/v2.0/flavors", flavor),
    ("/v2.0/service_profiles", flavor),
    ("/v2.0/qos/policies/{id}/tags", tags_of("qos/policies", "policies")),
    ("/v2.0/policies", tags_of("qos/policies", "policies")),
    ("/v2.0/qos", qos),
    ("/v2.0/agents", agents),
    ("/v2.0/ports/{port_id}", bindings),
    ("/v2.0/auto-allocated-topology", automatic),
    ("/v2.0/trunks", trunk),
    ("/v2.0/log", logs),
    ("/v2.0/address-groups", address_group),
    ("/v2.0/address-scopes", address_scope),
    ("/v2.0/subnetpools/{id}/tags", tags_of("subnetpools")),
    ("/v2.0/subnetpools", subnet_pool),
    ("/v2.0/segments/{id}/tags", tags_of("segments")),
    ("/v2.0/network-segment-ranges", segment_range),
    ("/heddle/v1/metering", metering),
    ("/heddle/v1/capacities", capacities),
    ("/heddle/v1/", progress),
    ("/identity/v3/auth/tokens", session),
    ("/identity/v3/users/{user_id}/application_credentials", credential),
    *((f"/identity/v3/{kind}", catalog) for kind in ("services", "endpoints", "regions")),
    ("/identity/v3", identity),
)  # fmt: skip


def recipe_of(path: str) -> Recipe | None:
    """What reaches the routes at a path."""
    return next((recipe for beginning, recipe in RECIPES if path.startswith(beginning)), None)
