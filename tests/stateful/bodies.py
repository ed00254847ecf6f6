"""What a request says that ought to be accepted: attributes by kind, consistent with what is known of the cloud."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.stateful import values
from tests.stateful.world import HOSTS, World

from heddle.model.access import ACTIONS
from heddle.model.conntrack_helper import ALLOWED
from heddle.model.fields import Uuid
from heddle.model.resource import REQUIRED, FieldInfo, Resource, api_fields, fields_of

Attributes = dict[str, Any]
# Attributes that name an object, and the pool that it is in.
NAMES = {
    "network_id": "networks", "floating_network_id": "externals", "subnet_id": "subnets",
    "subnetpool_id": "subnetpools",    "address_scope_id": "address_scopes", "port_id": "ports",
    "internal_port_id": "ports", "fixed_port_id": "ports",
    "local_port_id": "ports", "target_id": "ports", "security_group_id": "security_groups", "router_id": "routers",
    "remote_group_id": "security_groups", "remote_address_group_id": "address_groups",
    "resource_id": "security_groups", "qos_policy_id": "policies",
    "segment_id": "segments", "metering_label_id": "metering_labels", "flavor_id": "flavors", "object_id": "networks",
    "project_id": "projects", "tenant_id": "projects", "target_tenant": "projects", "default_project_id": "projects",
    "domain_id": "domains", "user_id": "users", "role_id": "roles",
}  # fmt: skip


def reference(world: World, name: str, who: str) -> Any:
    """An id for an attribute: of the asker's, of another's, of one that is gone, or of none."""
    draw = world.rng.random()
    if draw < 0.04:
        return values.MISSING
    if draw < 0.08 and world.gone:
        return world.rng.choice(world.gone)
    if NAMES[name] == "projects" and draw < 0.8:
        return world.rng.choice(sorted(world.projects.values()))
    found = world.some("networks" if NAMES[name] == "externals" else NAMES[name], who)
    if NAMES[name] == "externals":
        found = external(world) or found
    return found.id if found else values.MISSING


def external(world: World) -> Any:
    found = [item for item in world.pool("networks") if item.value.get("router:external")]
    return world.rng.choice(found) if found else None


def value(world: World, field: FieldInfo, who: str) -> Any:
    """Something that the attribute may be."""
    if field.api in NAMES and (isinstance(field.type, Uuid) or not field.type.nullable or world.rng.random() < 0.5):
        return reference(world, field.api, who)
    if field.api in SPECIAL:
        return SPECIAL[field.api](world, who)
    return values.of_type(world.rng, field.type)


def _fixed_ips(world: World, who: str) -> Any:
    subnet = world.some("subnets", who)
    if subnet is None:
        return []
    fixed: Attributes = {}
    if world.rng.random() < 0.7:
        fixed["subnet_id"] = subnet.id
    if world.rng.random() < 0.6 or not fixed:
        fixed["ip_address"] = values.within(world.rng, subnet.value["cidr"])
    return [fixed] if world.rng.random() < 0.9 else [fixed, {"subnet_id": subnet.id}]


def _groups(world: World, who: str) -> Any:
    return [item.id for item in filter(None, [world.some("security_groups", who)])]


def _routes(world: World, who: str) -> Any:
    subnet = world.some("subnets", who)
    hop = values.within(world.rng, subnet.value["cidr"]) if subnet else "10.0.0.9"
    return [{"destination": values.block(world.rng), "nexthop": hop}]


def _gateway(world: World, who: str) -> Any:
    found = external(world)
    if found is None or world.rng.random() < 0.2:
        return None
    info: Attributes = {"network_id": found.id}
    if who == "admin" and world.rng.random() < 0.3:
        info["enable_snat"] = world.rng.random() < 0.5
    return info


def _pools(world: World, who: str) -> Any:
    subnet = world.some("subnets", who)
    pools = list(subnet.value["allocation_pools"]) if subnet else []
    return pools if world.rng.random() < 0.5 else [{"start": "10.0.0.10", "end": "10.0.0.40"}]


def _subport(world: World, who: str) -> Attributes:
    port = world.some("ports", who)
    number = world.rng.randrange(1, 60)
    return {"port_id": port.id if port else values.MISSING, "segmentation_type": "vlan", "segmentation_id": number}


SPECIAL: dict[str, Callable[[World, str], Any]] = {
    "fixed_ips": _fixed_ips,
    "security_groups": _groups,
    "routes": _routes,
    "host_routes": _routes,
    "external_gateway_info": _gateway,
    "allocation_pools": _pools,
    "sub_ports": lambda world, who: [_subport(world, who)],
    "tags": lambda world, who: world.rng.sample(("red", "green", "blue"), 2),
    "allowed_address_pairs": lambda world, who: [{"ip_address": values.address(world.rng)}],
    "extra_dhcp_opts": lambda world, who: [{"opt_name": "mtu", "opt_value": str(world.rng.randrange(2000))}],
    "dns_nameservers": lambda world, who: [values.address(world.rng)],
    "service_types": lambda world, who: world.rng.choice((["compute:nova"], ["network:dhcp", "compute:x"], [])),
    "binding:host_id": lambda world, who: world.rng.choice((*HOSTS, "", "nowhere")),
    "host": lambda world, who: world.rng.choice((*HOSTS, "nowhere")),
    "device_owner": lambda world, who: world.rng.choice(("compute:nova", "", "network:dhcp", "network:router_gateway")),
    "availability_zone_hints": lambda world, who: world.rng.choice(([], ["nova"], ["nova", "mars"])),
    "provider:physical_network": lambda world, who: world.rng.choice(("public", "physnet1", "physnet2")),
    "physical_network": lambda world, who: world.rng.choice(("public", "physnet1")),
    "prefixes": lambda world, who: [values.block(world.rng, 4)],
    "cidr": lambda world, who: values.block(world.rng),
    "addresses": lambda world, who: [values.block(world.rng) for _ in range(world.rng.randrange(1, 4))],
    "helper": lambda world, who: world.rng.choice(sorted(ALLOWED)),
    "resource_type": lambda world, who: "security_group",
    "password": lambda world, who: "correct horse battery staple",
    "limit": lambda world, who: world.rng.randrange(50),
    "mtu": lambda world, who: world.rng.choice((0, 1280, 1400, 1450, 1500, 9000)),
    "options": lambda world, who: {},
    "driver": lambda world, who: "",
    "service_profiles": lambda world, who: [item.id for item in filter(None, [world.some("service_profiles")])],
}


def attributes(world: World, model: type[Resource], verb: str, who: str, chance: float = 0.12) -> Attributes:
    """Attributes for a request to create or update, few of those that need not be."""
    found: Attributes = {}
    for field in fields_of(model).values():
        if not (field.create if verb == "create" else field.update):
            continue
        needed = verb == "create" and field.default is REQUIRED
        if needed or (field.api != "project_id" and world.rng.random() < chance * (2 if verb == "update" else 1)):
            found[field.api] = value(world, field, who)
    if who == "admin" and verb == "create" and "project_id" in api_fields(model) and world.rng.random() < 0.15:
        found["project_id"] = reference(world, "project_id", who)
    maker = MAKERS.get((model.member, verb))
    if maker:
        found.update(maker(world, who))
    return found


def _subnet(world: World, who: str) -> Attributes:
    cidr, network = values.block(world.rng), world.some("networks", who)
    found: Attributes = {"ip_version": 6 if ":" in cidr else 4, "cidr": cidr}
    if network:
        found["network_id"] = network.id
    draw = world.rng.random()
    if draw < 0.15 and (pool := world.some("subnetpools", who)):
        found = {**found, "cidr": None, "subnetpool_id": pool.id, "ip_version": pool.value["ip_version"]}
        del found["cidr"]
    elif ":" in cidr and draw < 0.6:
        mode = world.rng.choice(("slaac", "dhcpv6-stateful", "dhcpv6-stateless"))
        found |= {"ipv6_ra_mode": mode, "ipv6_address_mode": mode}
    return found


def _port(world: World, who: str) -> Attributes:
    subnet = world.some("subnets", who)
    if subnet is None or world.rng.random() < 0.4:
        network = world.some("networks", who)
        return {"network_id": network.id} if network else {}
    fixed: Attributes = {"subnet_id": subnet.id}
    if world.rng.random() < 0.4:
        fixed["ip_address"] = values.within(world.rng, subnet.value["cidr"])
    return {"network_id": subnet.value["network_id"], "fixed_ips": [fixed]}


def _rule(world: World, who: str) -> Attributes:
    rng, group = world.rng, world.some("security_groups", who)
    low = rng.randrange(1, 60000)
    found: Attributes = {"direction": rng.choice(("ingress", "egress")), "protocol": rng.choice(("tcp", "udp"))}
    found |= {"port_range_min": low, "port_range_max": low + rng.randrange(200), "ethertype": "IPv4"}
    found |= {"remote_ip_prefix": None, "remote_group_id": None, "remote_address_group_id": None}
    if rng.random() < 0.3:
        found["remote_group_id"] = reference(world, "remote_group_id", who)
    elif rng.random() < 0.3:
        found["remote_address_group_id"] = reference(world, "remote_address_group_id", who)
    elif rng.random() < 0.5:
        found["remote_ip_prefix"] = values.block(rng, 4)
    if group:
        found["security_group_id"] = group.id
    return found


def _default_rule(world: World, who: str) -> Attributes:
    found = _rule(world, who)
    found["remote_group_id"] = world.rng.choice((None, "PARENT")) if not found["remote_ip_prefix"] else None
    found.pop("security_group_id", None)
    return found


def _rbac(world: World, who: str) -> Attributes:
    kind = world.rng.choice(sorted(ACTIONS))
    found = world.some({"qos_policy": "policies"}.get(kind, kind + "s"), who)
    action = "access_as_external" if kind == "network" and world.rng.random() < 0.3 else "access_as_shared"
    return {"object_type": kind, "action": action, "object_id": found.id if found else values.MISSING,
            "target_tenant": world.rng.choice([*sorted(world.projects.values()), "*"])}  # fmt: skip


def _segment(world: World, who: str) -> Attributes:
    kind = world.rng.choice(("vlan", "vxlan", "gre", "flat"))
    found: Attributes = {"network_type": kind, "segmentation_id": world.rng.randrange(1, 4000)}
    if kind in ("vlan", "flat"):
        found["physical_network"] = world.rng.choice(("public", "physnet1"))
    if kind == "flat" or world.rng.random() < 0.5:
        del found["segmentation_id"]
    return found


def _range(world: World, who: str) -> Attributes:
    low = world.rng.randrange(100, 4000)
    return {"name": "range", "network_type": "vxlan", "minimum": low, "maximum": low + world.rng.randrange(9),
            "shared": True}  # fmt: skip


def _pool_addresses(world: World, who: str) -> Attributes:
    first = world.rng.randrange(256)
    return {"name": "pool", "prefixes": [f"10.{world.rng.randrange(8, 99)}.{first}.0/24"], "default_prefixlen": 28,
            "min_prefixlen": 26, "max_prefixlen": 30}  # fmt: skip


def _metering_rule(world: World, who: str) -> Attributes:
    return {"remote_ip_prefix": values.block(world.rng, 4), "source_ip_prefix": None, "destination_ip_prefix": None}


def _forwarding(world: World, who: str) -> Attributes:
    port, low = world.some("ports", who), world.rng.randrange(1, 60000)
    found: Attributes = {"protocol": world.rng.choice(("tcp", "udp")), "internal_port": low, "external_port": low + 1}
    for name in ("internal_port_range", "external_port_range"):
        found[name] = None
    if port and port.value.get("fixed_ips"):
        found |= {"internal_port_id": port.id, "internal_ip_address": port.value["fixed_ips"][0]["ip_address"]}
    return found


def _local_ip(world: World, who: str) -> Attributes:
    subnet = world.some("subnets", who)
    return {"network_id": subnet.value["network_id"]} if subnet else {}


def _floating(world: World, who: str) -> Attributes:
    port = world.some("ports", who)
    return {"port_id": port.id if port and world.rng.random() < 0.5 else None}


def _helper(world: World, who: str) -> Attributes:
    helper = world.rng.choice(sorted(ALLOWED))
    return {"helper": helper, "protocol": world.rng.choice(ALLOWED[helper]), "port": world.rng.randrange(1, 60000)}


def _segmentation(world: World, who: str) -> Attributes:
    """Only administrators name the segment of a network, and few do."""
    if who != "admin" or world.rng.random() < 0.7:
        return {}
    kind = world.rng.choice(("vlan", "vxlan", "gre"))
    found: Attributes = {"provider:network_type": kind}
    if kind == "vlan":
        found["provider:physical_network"] = world.rng.choice(("public", "physnet1"))
    if world.rng.random() < 0.5:
        found["provider:segmentation_id"] = world.rng.randrange(100, 200)
    return found


def _unique(kind: str) -> Callable[[World, str], Attributes]:
    return lambda world, who: {"name": f"{kind}{world.rng.randrange(10**6)}"}


def _network(world: World, who: str) -> Attributes:
    return _segmentation(world, who)


MAKERS: dict[tuple[str, str], Callable[[World, str], Attributes]] = {
    ("network", "create"): _network,
    ("subnet", "create"): _subnet,
    ("port", "create"): _port,
    ("security_group_rule", "create"): _rule,
    ("default_security_group_rule", "create"): _default_rule,
    ("rbac_policy", "create"): _rbac,
    ("segment", "create"): _segment,
    ("network_segment_range", "create"): _range,
    ("subnetpool", "create"): _pool_addresses,
    ("metering_label_rule", "create"): _metering_rule,
    ("conntrack_helper", "create"): _helper,
    ("port_forwarding", "create"): _forwarding,
    ("local_ip", "create"): _local_ip,
    ("floatingip", "update"): _floating,
    ("conntrack_helper", "update"): _helper,
    ("user", "create"): _unique("user"),
    ("project", "create"): lambda world, who: {
        **_unique("project")(world, who),
        "domain_id": "default",
        "parent_id": None,
    },
    ("domain", "create"): _unique("domain"),
    ("role", "create"): lambda world, who: {**_unique("role")(world, who), "domain_id": None},
    ("application_credential", "create"): lambda world, who: {**_unique("robot")(world, who), "expires_at": None},
}


def spoil(rng: random.Random, found: Attributes) -> Attributes:
    """The same with something wrong in it."""
    spoiled = dict(found)
    names = list(spoiled)
    draw = rng.random()
    if draw < 0.6 and names:
        spoiled[rng.choice(names)] = rng.choice(values.WILD)
    elif draw < 0.75 and names:
        del spoiled[rng.choice(names)]
    elif draw < 0.85:
        spoiled[rng.choice(("id", "status", "colour", "created_at", "revision_number", "tenant_id", "tags", ""))] = (
            rng.choice(values.WILD)
        )
    else:
        spoiled = {name: rng.choice(values.WILD) for name in names}
    return spoiled
