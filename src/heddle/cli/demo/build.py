"""What the administrator and the tenants ask the API for.  Each function finds what is there and adds what is not.

    public        flat, external, 203.0.113.0/24           made by the administrator
    blue          front 10.0.0.0/24, back 10.0.1.0/24      VXLAN; a router to public; a floating IP
    red           lan 10.0.0.0/24                          VLAN 101, made for red by the administrator; a router
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PHYSNET = "public"
VLAN = 101
OUTSIDE = "203.0.113.1"
WEB = "blue-web"
WEB_PORT = 8080


@dataclass(frozen=True, slots=True)
class GuestPlan:
    """A guest: its name, its tenant, its network and subnet, and the address asked for ("" for any)."""

    name: str
    tenant: str
    network: str
    address: str
    groups: tuple[str, ...] = ("default",)


GUESTS = (
    GuestPlan("blue-a", "blue", "front", "10.0.0.11", ("default", WEB)),
    GuestPlan("blue-b", "blue", "front", "10.0.0.12"),
    GuestPlan("blue-c", "blue", "back", "10.0.1.13"),
    GuestPlan("red-a", "red", "lan", "10.0.0.11"),
    GuestPlan("red-b", "red", "lan", "10.0.0.14"),
)


@dataclass(slots=True)
class Lab:
    """What was built: connections by name, ports by guest, and the addresses that the checks need.

    `patience` multiplies every time limit, for a machine that is slow.
    """

    admin: Any
    patience: float = 1.0
    tenants: dict[str, Any] = field(default_factory=dict)
    ports: dict[str, Any] = field(default_factory=dict)
    routers: dict[str, Any] = field(default_factory=dict)
    floating: Any = None
    web_group: Any = None

    def router_address(self, tenant: str) -> str:
        """The router's address on the external network."""
        gateway = self.tenants[tenant].network.get_router(self.routers[tenant].id).external_gateway_info
        return str(gateway["external_fixed_ips"][0]["ip_address"])


def ensure(find: Callable[..., Any], create: Callable[..., Any], name: str, **attributes: Any) -> Any:
    """The object of that name, made when there is none."""
    return find(name, ignore_missing=True) or create(name=name, **attributes)


def tenants(admin: Any, passwords: dict[str, str]) -> dict[str, Any]:
    """Projects and users of the tenants, each a member of its own project.  Returns the projects by name."""
    identity, made = admin.identity, {}
    member = identity.find_role("member", ignore_missing=False)
    for name, password in passwords.items():
        project = ensure(identity.find_project, identity.create_project, name, description=f"The tenant {name}")
        user = identity.find_user(name, ignore_missing=True)
        if user is None:
            user = identity.create_user(name=name, password=password, default_project_id=project.id)
        else:
            identity.update_user(user, password=password)
        identity.assign_project_role_to_user(project, user, member)
        made[name] = project
    return made


def public(admin: Any) -> Any:
    """The external network."""
    network = admin.network
    public = ensure(
        network.find_network, network.create_network, "public", is_router_external=True,
        provider_network_type="flat", provider_physical_network=PHYSNET,
    )  # fmt: skip
    ensure(
        network.find_subnet, network.create_subnet, "public-v4", network_id=public.id, ip_version=4,
        cidr="203.0.113.0/24", gateway_ip=OUTSIDE, is_dhcp_enabled=False,
        allocation_pools=[{"start": "203.0.113.10", "end": "203.0.113.199"}],
    )  # fmt: skip
    return public


def vlan_for_red(admin: Any, project: Any) -> Any:
    """Only the administrator may say which VLAN a network is; the network belongs to red."""
    network = admin.network
    there = next(iter(network.networks(name="lan", project_id=project.id)), None)
    return there or network.create_network(
        name="lan", project_id=project.id, provider_network_type="vlan",
        provider_physical_network=PHYSNET, provider_segmentation_id=VLAN,
    )  # fmt: skip


def networks(lab: Lab, tenant: str, subnets: dict[str, str]) -> None:
    """The tenant's networks with a subnet each (name -> CIDR), joined by its router, which leads outside."""
    network = lab.tenants[tenant].network
    outside = network.find_network("public", ignore_missing=False)
    router = ensure(network.find_router, network.create_router, f"{tenant}-router",
                    external_gateway_info={"network_id": outside.id})  # fmt: skip
    joined = {
        fixed["subnet_id"]
        for port in network.ports(device_id=router.id, device_owner="network:router_interface")
        for fixed in port.fixed_ips
    }
    for name, cidr in subnets.items():
        net = ensure(network.find_network, network.create_network, name)
        subnet = ensure(network.find_subnet, network.create_subnet, f"{name}-v4",
                        network_id=net.id, ip_version=4, cidr=cidr)  # fmt: skip
        if subnet.id not in joined:
            network.add_interface_to_router(router, subnet_id=subnet.id)
    lab.routers[tenant] = router


def guest_ports(lab: Lab) -> None:
    """A port for each guest, as its tenant."""
    for plan in GUESTS:
        network = lab.tenants[plan.tenant].network
        net = network.find_network(plan.network, ignore_missing=False)
        subnet = network.find_subnet(f"{plan.network}-v4", ignore_missing=False)
        groups = [network.find_security_group(name, ignore_missing=False).id for name in plan.groups]
        lab.ports[plan.name] = ensure(
            network.find_port, network.create_port, plan.name, network_id=net.id, security_group_ids=groups,
            fixed_ips=[{"subnet_id": subnet.id, "ip_address": plan.address}],
        )  # fmt: skip


def web_group(lab: Lab) -> None:
    """Blue's group for what is reached from outside; its rules come and go with the checks."""
    network = lab.tenants["blue"].network
    lab.web_group = ensure(network.find_security_group, network.create_security_group, WEB,
                           description="what of blue is open to the outside")  # fmt: skip


def floating_ip(lab: Lab) -> None:
    """Blue's floating IP, at blue-a."""
    network = lab.tenants["blue"].network
    port = lab.ports["blue-a"]
    there = next(iter(network.ips(port_id=port.id)), None)
    outside = network.find_network("public", ignore_missing=False)
    lab.floating = there or network.create_ip(floating_network_id=outside.id, port_id=port.id)


def open_web(lab: Lab) -> None:
    """Let everybody ping blue-a and connect to its web port."""
    network = lab.tenants["blue"].network
    for protocol, port in (("icmp", None), ("tcp", WEB_PORT)):
        network.create_security_group_rule(
            security_group_id=lab.web_group.id, direction="ingress", ether_type="IPv4", protocol=protocol,
            port_range_min=port, port_range_max=port, remote_ip_prefix="0.0.0.0/0",
        )  # fmt: skip


def close_web(lab: Lab) -> None:
    """Take back what `open_web` allowed."""
    network = lab.tenants["blue"].network
    for rule in network.security_group_rules(security_group_id=lab.web_group.id, direction="ingress"):
        network.delete_security_group_rule(rule)
