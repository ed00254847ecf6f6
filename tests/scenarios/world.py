"""Two projects with users of each kind, and objects of every resource that belong to one of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.client import Client, People

from heddle.api.app import App
from heddle.config import load
from heddle.control import reports
from heddle.model.agent import Agent
from heddle.store.engine import Store
from heddle.store.query import hosts
from heddle.store.query.hosts import AGENTS
from heddle.view.types import ReportRequest, RoleState

V3 = "/identity/v3"
METERING = "/v2.0/metering"
POLICIES = "/v2.0/qos/policies"
QOS_RULES: dict[str, dict[str, int]] = {
    "bandwidth_limit": {"max_kbps": 1},
    "dscp_marking": {"dscp_mark": 8},
    "minimum_bandwidth": {"min_kbps": 1},
    "packet_rate_limit": {"max_kpps": 1},
    "minimum_packet_rate": {"min_kpps": 1},
}


@dataclass
class World:
    """`owner` is a member of blue, `reader` reads it, `red` is a member of red, `nobody` has no role at all."""

    store: Store
    people: People
    owner: Client
    reader: Client
    red: Client
    nobody: Client
    blue_id: str
    external: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def admin(self) -> Client:
        return self.people.admin

    def make(self, client: Client, path: str, member: str, **body: Any) -> str:
        answer = client.post(path, {member: body})
        assert answer.status == 201, answer.body
        return str(answer.json()[member]["id"])

    def new_id(self, path: str) -> str:
        """The id of a new object for the `{id}` of a path; it belongs to blue where it belongs to anybody."""
        root = "/".join(path.split("/")[:4]) if path.startswith(V3) else path.partition("/{id}")[0]
        return MAKERS[root](self, next(self._numbers))

    def policy(self) -> str:
        return self.make(self.admin, POLICIES, "policy", name="p", project_id=self.blue_id)

    def policy_rule(self, kind: str, policy: str) -> str:
        return self.make(self.admin, f"{POLICIES}/{policy}/{kind}_rules", f"{kind}_rule", **QOS_RULES[kind])

    def parents(self, path: str) -> dict[str, str]:
        """For a path of objects under another, `/v2.0/flavors/{flavor_id}/…`: the name of its parent and a new one."""
        match = re.fullmatch(r"(/v2\.0/[\w/]+)/{(\w+_id)}/.*", path)
        if match:
            self.ids[match[2]] = self.new_id(match[1] + "/{id}")
        return {match[2]: self.ids[match[2]]} if match else {}

    def network(self, number: int = 0) -> str:
        return self.make(self.owner, "/v2.0/networks", "network", name=f"n{number or next(self._numbers)}")

    def subnet(self, network: str = "") -> str:
        body = {"network_id": network or self.network(), "ip_version": 4, "cidr": "10.0.0.0/24"}
        return self.make(self.owner, "/v2.0/subnets", "subnet", **body)

    def subnet_pool(self, number: int = 0) -> str:
        body = {"name": "pool", "prefixes": ["10.0.0.0/16", "10.9.0.0/16"], "default_prefixlen": 24}
        return self.make(self.owner, "/v2.0/subnetpools", "subnetpool", **body)

    def segment(self, number: int = 0) -> str:
        return self.make(self.admin, "/v2.0/segments", "segment", network_id=self.network(), network_type="vxlan")

    def id_range(self) -> dict[str, Any]:
        """A range of IDs that no other has."""
        low = 100_000 + 10 * next(self._numbers)
        return {"network_type": "gre", "minimum": low, "maximum": low + 9, "shared": False, "project_id": self.blue_id}

    def group(self) -> str:
        return self.make(self.owner, "/v2.0/security-groups", "security_group", name="g")

    def template(self, number: int) -> str:
        """A template of rules that no other has."""
        path, ends = "/v2.0/default-security-group-rules", {"port_range_min": number, "port_range_max": number}
        body = {"direction": "ingress", "protocol": "tcp", **ends}
        return self.make(self.admin, path, "default_security_group_rule", **body)

    def statefulness(self, number: int = 0) -> str:
        """The setting of blue's, of which there can be one, anew."""
        path = self.no_statefulness()
        return self.make(self.admin, path, path.rpartition("/")[2].replace("-", "_"), project_id=self.blue_id)

    def no_statefulness(self) -> str:
        """Take away the setting of blue's; returns the path of settings."""
        path = "/v2.0/security-groups-default-statefulness"
        found = self.admin.get(f"{path}?project_id={self.blue_id}").json()["security_groups_default_statefulness"]
        for setting in found:
            assert self.admin.call("DELETE", f"{path}/{setting['id']}").status == 204
        return path

    def routed(self, router: str = "") -> tuple[str, str]:
        """A router with a gateway and the subnet that it serves."""
        gateway = {"network_id": self.external}
        router = router or self.make(self.owner, "/v2.0/routers", "router", external_gateway_info=gateway)
        subnet = self.subnet()
        answer = self.owner.call("PUT", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": subnet})
        assert answer.status == 200, answer.body
        return router, subnet

    def bound_port(self) -> dict[str, str]:
        """A port of blue's on one host, with a binding prepared on another."""
        for host in ("bound1", "bound2", "bound3"):
            roles = [RoleState(role="switch", configuration={})]
            request = ReportRequest(host=host, started_at=1.0, roles=roles, datapath="netdev")
            reports.report(self.store, load(environ={}), request)
        port = self.make(self.owner, "/v2.0/ports", "port", network_id=self.network())
        for host in ("bound1", "bound2"):
            answer = self.admin.post(f"/v2.0/ports/{port}/bindings", {"binding": {"host": host}})
            assert answer.status == 201, answer.body
        return {"port_id": port, "host": "bound2"}

    def log(self) -> str:
        return self.make(self.admin, "/v2.0/log/logs", "log", resource_type="security_group", project_id=self.blue_id)

    def trunk(self) -> str:
        """A trunk of blue's with one subport."""
        ports = [self.make(self.owner, "/v2.0/ports", "port", network_id=self.network()) for _ in range(2)]
        subport = {"port_id": ports[1], "segmentation_type": "vlan", "segmentation_id": 7}
        self.ids["subport"] = ports[1]
        return self.make(self.owner, "/v2.0/trunks", "trunk", port_id=ports[0], sub_ports=[subport])

    def agent(self, number: int) -> str:
        id = f"00000000-0000-4000-8000-{number:012d}"
        agent = Agent(
            id=id,
            host=f"host{number}",
            role="switch",
            agent_type="Open vSwitch agent",
            binary="x",
            topic="N/A",
            alive=False,
        )
        self.store.write(lambda tx: AGENTS.insert(tx, [agent]))
        return id

    def serving(self, path: str) -> dict[str, str]:
        """An agent that may be given networks or routers, and one of these, which it has where the path names it."""
        number = next(self._numbers)
        role, kind = ("dhcp", "network") if "dhcp" in path else ("router", "router")
        agent = Agent(id=f"00000000-0000-4000-9000-{number:012d}", host=f"serving{number}", role=role, alive=False)
        self.store.write(lambda tx: (AGENTS.insert(tx, [agent]), hosts.save(tx, hosts.Host(agent.host)))[0])
        values = {"id": agent.id, f"{kind}_id": self.new_id(f"/v2.0/{kind}s/{{id}}")}
        if path.endswith("_id}"):
            url, body = path.rpartition("/")[0].format(id=agent.id), {f"{kind}_id": values[f"{kind}_id"]}
            assert self.admin.post(url, body).status == 201
        return values

    def user(self, number: int) -> str:
        return self.make(self.admin, f"{V3}/users", "user", name=f"user{number}", password="x")

    def forwarding(self) -> dict[str, Any]:
        """What forwards a port to a new guest behind a new router."""
        _, subnet = self.routed()
        network = self.owner.get(f"/v2.0/subnets/{subnet}").json()["subnet"]["network_id"]
        port = self.owner.post("/v2.0/ports", {"port": {"network_id": network}}).json()["port"]
        inside = {"internal_port_id": port["id"], "internal_ip_address": port["fixed_ips"][0]["ip_address"]}
        return {**inside, "protocol": "tcp", "internal_port": 22, "external_port": 2222}

    def port_forwarding(self, number: int) -> str:
        path = f"/v2.0/floatingips/{self.ids['floatingip_id']}/port_forwardings"
        return self.make(self.owner, path, "port_forwarding", **self.forwarding())

    def conntrack_helper(self, number: int) -> str:
        path = f"/v2.0/routers/{self.ids['router_id']}/conntrack_helpers"
        return self.make(self.owner, path, "conntrack_helper", protocol="tcp", port=number, helper="ftp")

    def outside6(self) -> tuple[str, str]:
        """An external network with IPv6, and the pool that its addresses are of; made once."""
        if "pool6" not in self.ids:
            scope = self.make(self.admin, "/v2.0/address-scopes", "address_scope", ip_version=6, shared=True)
            pool = {"name": "six", "prefixes": ["2001:db8::/48"], "default_prefixlen": 64, "shared": True}
            self.ids["pool6"] = self.make(self.admin, "/v2.0/subnetpools", "subnetpool", **pool, address_scope_id=scope)
            external = {"router:external": True}
            self.ids["outside6"] = self.make(self.admin, "/v2.0/networks", "network", **external)
            self.subnet6(self.admin, self.ids["outside6"])
        return self.ids["outside6"], self.ids["pool6"]

    def subnet6(self, client: Client, network: str) -> str:
        body = {"network_id": network, "ip_version": 6, "subnetpool_id": self.ids["pool6"]}
        return self.make(client, "/v2.0/subnets", "subnet", **body)

    def proxied(self) -> dict[str, str]:
        """What an NDP proxy is made of: a router with IPv6 outside and inside, and a guest's port."""
        gateway = {"external_gateway_info": {"network_id": self.outside6()[0]}, "enable_ndp_proxy": True}
        router = self.make(self.owner, "/v2.0/routers", "router", **gateway)
        network = self.network()
        subnet = self.subnet6(self.owner, network)
        answer = self.owner.call("PUT", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": subnet})
        assert answer.status == 200, answer.body
        return {"router_id": router, "port_id": self.make(self.owner, "/v2.0/ports", "port", network_id=network)}

    def ndp_proxy(self, number: int) -> str:
        return self.make(self.owner, "/v2.0/ndp_proxies", "ndp_proxy", **self.proxied())

    def addressed(self) -> str:
        """A port with an address."""
        network = self.network()
        self.subnet(network)
        return self.make(self.owner, "/v2.0/ports", "port", network_id=network)

    def local_ip(self, number: int = 0) -> str:
        return self.make(self.owner, "/v2.0/local_ips", "local_ip", local_port_id=self.addressed())

    def local_ip_association(self, number: int) -> str:
        """Its path names the port."""
        port = self.addressed()
        path = f"/v2.0/local_ips/{self.ids['local_ip_id']}/port_associations"
        answer = self.owner.post(path, {"port_association": {"fixed_port_id": port}})
        assert answer.status == 201, answer.body
        return port

    def label(self, number: int = 0) -> str:
        return self.make(self.admin, f"{METERING}/metering-labels", "metering_label", name=f"l{number}")

    def label_rule(self, number: int) -> str:
        body = {"metering_label_id": self.label(), "direction": "ingress", "remote_ip_prefix": "10.0.0.0/24"}
        return self.make(self.admin, f"{METERING}/metering-label-rules", "metering_label_rule", **body)

    def flavor(self, number: int) -> str:
        return self.make(self.admin, "/v2.0/flavors", "flavor", name=f"f{number}", service_type="L3_ROUTER_NAT")

    def profile(self, number: int) -> str:
        return self.make(self.admin, "/v2.0/service_profiles", "service_profile", metainfo=f"m{number}")

    def profile_of_flavor(self, number: int) -> str:
        path = f"/v2.0/flavors/{self.ids['flavor_id']}/service_profiles"
        return self.make(self.admin, path, "service_profile", id=self.profile(number))

    def domain(self, number: int) -> str:
        return self.make(self.admin, f"{V3}/domains", "domain", name=f"domain{number}", enabled=False)

    def entry(self, kind: str) -> str:
        return str(self.admin.get(f"{V3}/{kind}").json()[kind][0]["id"])

    def credential(self, number: int) -> str:
        path = f"{V3}/users/{self.owner.user_id}/application_credentials"
        return self.make(self.owner, path, "application_credential", name=f"c{number}")


MAKERS: dict[str, Callable[[World, int], str]] = {
    "/v2.0/networks": World.network,
    "/heddle/v1/realised/{collection}": World.network,
    "/heddle/v1/audits": lambda world, number: world.make(world.admin, "/heddle/v1/audits", "audit"),
    "/v2.0/subnets": lambda world, number: world.subnet(),
    "/v2.0/ports": lambda world, number: world.make(world.owner, "/v2.0/ports", "port", network_id=world.network()),
    "/v2.0/routers": lambda world, number: world.make(world.owner, "/v2.0/routers", "router", name="r"),
    "/v2.0/floatingips": lambda world, number: world.make(
        world.owner, "/v2.0/floatingips", "floatingip", floating_network_id=world.external
    ),
    "/v2.0/floatingips/{floatingip_id}/port_forwardings": World.port_forwarding,
    "/v2.0/security-groups": lambda world, number: world.group(),
    "/v2.0/security-group-rules": lambda world, number: world.make(
        world.owner, "/v2.0/security-group-rules", "security_group_rule", security_group_id=world.group(),
        direction="ingress", protocol="tcp",
    ),
    "/v2.0/default-security-group-rules": World.template,
    "/v2.0/security-groups-default-statefulness": World.statefulness,
    "/v2.0/segments": World.segment,
    "/v2.0/network-segment-ranges": lambda world, number: world.make(
        world.admin, "/v2.0/network-segment-ranges", "network_segment_range", **world.id_range()
    ),
    "/v2.0/subnetpools": World.subnet_pool,
    "/v2.0/address-scopes": lambda world, number: world.make(
        world.owner, "/v2.0/address-scopes", "address_scope", ip_version=4
    ),
    "/v2.0/address-groups": lambda world, number: world.make(
        world.owner, "/v2.0/address-groups", "address_group", addresses=["10.9.0.0/16", "2001:db8::/64"]
    ),
    "/v2.0/routers/{router_id}/conntrack_helpers": World.conntrack_helper,
    "/v2.0/ndp_proxies": World.ndp_proxy,
    "/v2.0/local_ips": World.local_ip,
    "/v2.0/local_ips/{local_ip_id}/port_associations": World.local_ip_association,
    f"{METERING}/metering-labels": World.label,
    f"{METERING}/metering-label-rules": World.label_rule,
    "/v2.0/rbac-policies": lambda world, number: world.make(
        world.owner, "/v2.0/rbac-policies", "rbac_policy", object_type="network", object_id=world.network(),
        action="access_as_shared", target_tenant="somebody",
    ),
    "/v2.0/flavors": World.flavor,
    "/v2.0/service_profiles": World.profile,
    "/v2.0/flavors/{flavor_id}/service_profiles": World.profile_of_flavor,
    "/v2.0/trunks": lambda world, number: world.trunk(),
    "/v2.0/log/logs": lambda world, number: world.log(),
    "/v2.0/logs": lambda world, number: world.log(),
    "/v2.0/auto-allocated-topology": lambda world, number: world.blue_id,
    "/v2.0/agents": World.agent,
    "/v2.0/quotas": lambda world, number: world.blue_id,
    "/v2.0/extensions": lambda world, number: "router",
    "/v2.0/network-ip-availabilities": World.network,
    POLICIES: lambda world, number: world.policy(),
    "/v2.0/policies": lambda world, number: world.policy(),
    f"{V3}/users": World.user,
    f"{V3}/projects": lambda world, number: world.make(world.admin, f"{V3}/projects", "project", name=f"p{number}"),
    f"{V3}/domains": World.domain,
    f"{V3}/roles": lambda world, number: world.make(world.admin, f"{V3}/roles", "role", name=f"role{number}"),
    f"{V3}/services": lambda world, number: world.entry("services"),
    f"{V3}/endpoints": lambda world, number: world.entry("endpoints"),
    f"{V3}/regions": lambda world, number: world.entry("regions"),
}  # fmt: skip
for _kind in QOS_RULES:
    MAKERS[f"{POLICIES}/{{qos_policy_id}}/{_kind}_rules"] = lambda world, number, kind=_kind: world.policy_rule(
        kind, world.ids["qos_policy_id"]
    )
    MAKERS[f"/v2.0/qos/alias_{_kind}_rules"] = lambda world, number, kind=_kind: world.policy_rule(kind, world.policy())


def make_world(app: App, store: Store) -> World:
    people = People(app)
    blue, red = people.project("blue"), people.project("red")
    people.user("owner", member=blue)
    people.user("reader", reader=blue)
    people.user("stranger", member=red)
    people.user("nobody")
    anybody = Client(app)
    world = World(
        store,
        people,
        owner=anybody.log_in("owner", project="blue"),
        reader=anybody.log_in("reader", project="blue"),
        red=anybody.log_in("stranger", project="red"),
        nobody=anybody.log_in("nobody"),
        blue_id=blue,
    )
    unlimited = {name: -1 for name in people.admin.get(f"/v2.0/quotas/{blue}").json()["quota"] if "_id" not in name}
    assert people.admin.call("PUT", f"/v2.0/quotas/{blue}", {"quota": unlimited}).status == 200
    outside = {"name": "public", "router:external": True, "provider:network_type": "flat"}
    outside["provider:physical_network"] = "public"
    world.external = world.make(people.admin, "/v2.0/networks", "network", **outside)
    assert people.admin.call("PUT", f"/v2.0/networks/{world.external}", {"network": {"is_default": True}}).status == 200
    pool = {"name": "default", "prefixes": ["172.16.0.0/12"], "default_prefixlen": 24}
    world.make(people.admin, "/v2.0/subnetpools", "subnetpool", **pool, shared=True, is_default=True)
    inside = {"network_id": world.external, "ip_version": 4, "cidr": "203.0.0.0/16", "enable_dhcp": False}
    world.make(people.admin, "/v2.0/subnets", "subnet", **inside)
    return world
